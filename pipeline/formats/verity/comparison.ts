import type { Source } from '../../core/index.ts';
import type { VerityLayout, VerityLevel } from './layout.ts';
import { digestOffset, hashBlocks, type LeafPlan, planLeaves } from './leaf-hasher.ts';
import type { VerityParameters } from './parameters.ts';
import { digestAt, hashHashBlock, type VerityTree } from './tree.ts';

/** A block that is not what the hash above it says, and where it begins on its device. */
export type VerityDifference =
  | { readonly kind: 'data-block'; readonly block: number; readonly offset: number }
  | { readonly kind: 'hash-block'; readonly level: number; readonly block: number; readonly offset: number };

/**
 * The first block that a reader who trusts the root hash would refuse, undefined where the stored tree is byte for byte
 * the computed one. The kernel reads from the root down, so the levels are judged in that order: a hash block that its
 * parent does not vouch for is named before anything below it, and a data block only when the hashes above it hold.
 * @param trustedRootHash what the stored top block is held against; without it the top block is taken at its word
 * Source: Linux, drivers/md/dm-verity-target.c, verity_verify_level.
 */
export function findVerityDifference(
  tree: VerityTree,
  stored: Source,
  layout: VerityLayout,
  parameters: VerityParameters,
  trustedRootHash?: string,
): VerityDifference | undefined {
  if (firstUnequalLevel(tree, stored, layout) === undefined) return undefined;
  return (
    findUntrustedTop(stored, layout, parameters, trustedRootHash) ??
    findUnprovenHashBlock(stored, layout, parameters) ??
    findDataBlock(tree, stored, layout, parameters) ??
    findPadding(tree, stored, layout, parameters)
  );
}

const compareBytes = 1024 * 1024;

function firstUnequalLevel(tree: VerityTree, stored: Source, layout: VerityLayout): number | undefined {
  const index = layout.levels.findIndex(
    ({ offset }, level) => firstUnequalByte(tree.levels[level] ?? new Uint8Array(), stored, offset) !== undefined,
  );
  return index < 0 ? undefined : index;
}

/** The first byte of a computed level that is stored otherwise, to the precision of a whole block. */
function firstUnequalByte(level: Uint8Array, stored: Source, offset: number, step = compareBytes): number | undefined {
  for (let start = 0; start < level.byteLength; start += step) {
    const computed = level.subarray(start, start + step);
    if (Buffer.compare(computed, stored.read(offset + start, computed.byteLength)) !== 0) return start;
  }
  return undefined;
}

function findUntrustedTop(
  stored: Source,
  layout: VerityLayout,
  parameters: VerityParameters,
  trustedRootHash: string | undefined,
): VerityDifference | undefined {
  const top = layout.levels.at(-1);
  if (top === undefined || trustedRootHash === undefined) return undefined;
  const block = stored.read(top.offset, parameters.hashBlockSizeBytes);
  if (hashHashBlock(block, parameters) === trustedRootHash) return undefined;
  return hashBlock(layout.levels.length - 1, 0, top, parameters);
}

/** Every stored hash block against the digest that its stored parent has for it, from the top down. */
function findUnprovenHashBlock(
  stored: Source,
  layout: VerityLayout,
  parameters: VerityParameters,
): VerityDifference | undefined {
  for (let index = layout.levels.length - 2; index >= 0; index--) {
    const level = layout.levels[index];
    const parent = layout.levels[index + 1];
    if (level === undefined || parent === undefined) continue;
    const plan = planLeaves(parameters, level.blocks, parameters.hashBlockSizeBytes);
    const hashes = new Uint8Array(parent.blocks * parameters.hashBlockSizeBytes);
    hashStoredLevel(stored, level, plan, hashes);
    const block = firstUnequalDigest(hashes, stored, parent, plan, parameters);
    if (block !== undefined) return hashBlock(index, block, level, parameters);
  }
  return undefined;
}

function hashStoredLevel(stored: Source, level: VerityLevel, plan: LeafPlan, hashes: Uint8Array): void {
  const blocksPerRead = Math.max(1, Math.floor(compareBytes / plan.blockBytes));
  for (let first = 0; first < level.blocks; first += blocksPerRead) {
    const blocks = Math.min(blocksPerRead, level.blocks - first);
    hashBlocks(stored.read(level.offset + first * plan.blockBytes, blocks * plan.blockBytes), plan, first, hashes);
  }
}

/** The first data block whose digest is not the one that level 0 has for it. */
function findDataBlock(
  tree: VerityTree,
  stored: Source,
  layout: VerityLayout,
  parameters: VerityParameters,
): VerityDifference | undefined {
  const [level0] = layout.levels;
  const [computed] = tree.levels;
  if (level0 === undefined || computed === undefined) return undefined;
  const plan = planLeaves(parameters, parameters.dataBlocks, parameters.dataBlockSizeBytes);
  const block = firstUnequalDigest(computed, stored, level0, plan, parameters);
  return block === undefined
    ? undefined
    : Object.freeze({ kind: 'data-block', block, offset: block * parameters.dataBlockSizeBytes });
}

/** The first block whose digest, computed, is not the stored one; bytes between digests do not count. */
function firstUnequalDigest(
  computed: Uint8Array,
  stored: Source,
  level: VerityLevel,
  plan: LeafPlan,
  parameters: VerityParameters,
): number | undefined {
  const { hashBlockSizeBytes } = parameters;
  for (let index = 0; index < level.blocks; index++) {
    const ours = computed.subarray(index * hashBlockSizeBytes, (index + 1) * hashBlockSizeBytes);
    const theirs = stored.read(level.offset + index * hashBlockSizeBytes, hashBlockSizeBytes);
    if (Buffer.compare(ours, theirs) === 0) continue;
    const first = index * plan.hashesPerBlock;
    const end = Math.min(first + plan.hashesPerBlock, plan.blocks);
    for (let block = first; block < end; block++) {
      const at = digestOffset(plan, block - first);
      if (digestAt(ours, at, parameters) !== digestAt(theirs, at, parameters)) return block;
    }
  }
  return undefined;
}

/** All digests agree, so bytes between them differ: the kernel would not mind, veritysetup and we do. */
function findPadding(
  tree: VerityTree,
  stored: Source,
  layout: VerityLayout,
  parameters: VerityParameters,
): VerityDifference | undefined {
  for (const [index, level] of layout.levels.entries()) {
    const start = firstUnequalByte(
      tree.levels[index] ?? new Uint8Array(),
      stored,
      level.offset,
      parameters.hashBlockSizeBytes,
    );
    if (start !== undefined) return hashBlock(index, start / parameters.hashBlockSizeBytes, level, parameters);
  }
  return undefined;
}

function hashBlock(
  level: number,
  block: number,
  { offset }: VerityLevel,
  { hashBlockSizeBytes }: VerityParameters,
): VerityDifference {
  return Object.freeze({ kind: 'hash-block', level, block, offset: offset + block * hashBlockSizeBytes });
}
