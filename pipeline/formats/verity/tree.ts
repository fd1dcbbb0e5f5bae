import type { Source } from '../../core/index.ts';
import { verityDigestBytes } from './algorithms.ts';
import type { VerityLayout } from './layout.ts';
import { hashBlocks, type LeafHasher, planLeaves } from './leaf-hasher.ts';
import type { VerityParameters } from './parameters.ts';

/** A hash tree in memory, as it should lie on disk. */
export type VerityTree = {
  /** The bytes of each level from level 0 up; empty for one data block. */
  readonly levels: readonly Uint8Array[];
  readonly rootHash: string;
};

/** Computes the tree over the data: level 0 by the port, the levels above it here. */
export async function buildVerityTree(
  data: Source,
  parameters: VerityParameters,
  layout: VerityLayout,
  hashLeaves: LeafHasher,
): Promise<VerityTree> {
  const { dataBlocks, dataBlockSizeBytes, hashBlockSizeBytes } = parameters;
  // One data block has no level; its digest still needs a place.
  const level0 = new Uint8Array(new SharedArrayBuffer((layout.levels[0]?.blocks ?? 1) * hashBlockSizeBytes));
  await hashLeaves(data, planLeaves(parameters, dataBlocks, dataBlockSizeBytes), level0);
  if (layout.levels.length === 0) return Object.freeze({ levels: [], rootHash: digestAt(level0, 0, parameters) });

  const levels: Uint8Array[] = [level0];
  for (const { blocks } of layout.levels.slice(1)) {
    const below = levels.at(-1) ?? level0;
    const level = new Uint8Array(blocks * hashBlockSizeBytes);
    hashBlocks(below, planLeaves(parameters, below.byteLength / hashBlockSizeBytes, hashBlockSizeBytes), 0, level);
    levels.push(level);
  }
  return Object.freeze({ levels, rootHash: hashHashBlock(levels.at(-1) ?? level0, parameters) });
}

/** The digest of one hash block: for the top block this is the root hash. */
export function hashHashBlock(block: Uint8Array, parameters: VerityParameters): string {
  const place = new Uint8Array(parameters.hashBlockSizeBytes);
  hashBlocks(block, planLeaves(parameters, 1, parameters.hashBlockSizeBytes), 0, place);
  return digestAt(place, 0, parameters);
}

/** The digest that stands at an offset of a level, in hexadecimal. */
export function digestAt(level: Uint8Array, offset: number, { algorithm }: VerityParameters): string {
  return Buffer.from(level.subarray(offset, offset + verityDigestBytes(algorithm))).toString('hex');
}
