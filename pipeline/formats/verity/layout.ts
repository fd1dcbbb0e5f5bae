import { Fault, limits } from '../../core/index.ts';
import { verityHashesPerBlock, type VerityParameters } from './parameters.ts';
import { veritySuperblockBytes } from './superblock.ts';

/** One level of the tree in the hash area: level 0 holds the digests of data blocks. */
export type VerityLevel = { readonly offset: number; readonly blocks: number };

export type VerityLayout = {
  /** By level: the first holds digests of data, the last is the one block that the root hash covers. Empty for one data block. */
  readonly levels: readonly VerityLevel[];
  /** The first byte after the tree. */
  readonly endOffset: number;
};

/**
 * Where the levels of a tree lie, for a tree that begins at `treeOffset` of the hash device. On disk the root's level comes
 * first and level 0 last. Faults: verity.hash-offset, limit.verity-level.
 * Source: cryptsetup, lib/verity/verity_hash.c, hash_levels.
 */
export function layOutVerityTree(parameters: VerityParameters, treeOffset: number): VerityLayout {
  const { hashBlockSizeBytes } = parameters;
  if (!Number.isSafeInteger(treeOffset) || treeOffset < 0 || treeOffset % hashBlockSizeBytes !== 0)
    throw new Fault(
      'verity.hash-offset',
      `Cannot place verity tree: offset ${treeOffset}, want a multiple of ${hashBlockSizeBytes}`,
    );
  const blockCounts = countBlocks(parameters);
  const level0Bytes = (blockCounts[0] ?? 0) * hashBlockSizeBytes;
  if (level0Bytes > limits.verityLevelBytes)
    throw new Fault(
      'limit.verity-level',
      `Cannot place verity tree: level 0 has ${level0Bytes} bytes, want at most ${limits.verityLevelBytes}`,
    );
  let offset = treeOffset;
  const levels = blockCounts
    .reverse()
    .map((blocks) => {
      const level = Object.freeze({ offset, blocks });
      offset += blocks * hashBlockSizeBytes;
      return level;
    })
    .reverse();
  if (!Number.isSafeInteger(offset))
    throw new Fault('verity.hash-offset', `Cannot place verity tree: it ends at ${offset}, beyond any device`);
  return Object.freeze({ levels: Object.freeze(levels), endOffset: offset });
}

/** Blocks of each level, from level 0 up to the level of one block. At least two hashes fit a block, so this ends. */
function countBlocks(parameters: VerityParameters): number[] {
  const hashesPerBlock = verityHashesPerBlock(parameters);
  const counts: number[] = [];
  for (let nodes = parameters.dataBlocks; nodes > 1;) {
    nodes = Math.ceil(nodes / hashesPerBlock);
    counts.push(nodes);
  }
  return counts;
}

/** Where the tree begins after a superblock at `superblockOffset`: at the next whole hash block. */
export function verityTreeOffset(superblockOffset: number, hashBlockSizeBytes: number): number {
  return Math.ceil((superblockOffset + veritySuperblockBytes) / hashBlockSizeBytes) * hashBlockSizeBytes;
}
