import { Fault, type Source } from '../core/index.ts';
import {
  type LeafHasher,
  readVeritySuperblock,
  verifyVerityTree,
  type VerityReport,
  type VeritySuperblock,
  verityTreeOffset,
} from '../formats/verity/index.ts';

/** A verity tree that was recomputed from every data block, with what its superblock declares. */
export type VerityFacts = {
  readonly superblock: VeritySuperblock;
  readonly superblockOffset: number;
  readonly report: VerityReport;
};

/** What a node set says of verity, and what the kernel's table must say: the root hash with the parameters that it was made by. */
export function describeVerity({ superblock, report }: VerityFacts) {
  const { algorithm, dataBlockSizeBytes, hashBlockSizeBytes, dataBlocks, hashType, salt } = superblock;
  return { rootHash: report.rootHash, algorithm, dataBlockSizeBytes, hashBlockSizeBytes, dataBlocks, hashType, salt };
}

/**
 * Recomputes the verity tree that follows the data in the same partition, as Flatcar keeps it.
 * Returns null where no superblock is at that offset: the partition has no verity.
 */
export async function readTrailingVerity(
  partition: Source,
  superblockOffset: number,
  hashLeaves: LeafHasher,
): Promise<VerityFacts | null> {
  if (!hasSuperblock(partition, superblockOffset)) return null;
  return readVerity(partition, partition, superblockOffset, hashLeaves);
}

/** Recomputes the verity tree of a data partition whose superblock and tree are on a partition of their own. */
export async function readSeparateVerity(data: Source, hashes: Source, hashLeaves: LeafHasher): Promise<VerityFacts> {
  if (!hasSuperblock(hashes, 0))
    throw new Fault('verity.superblock', `Cannot verify ${data.name}: ${hashes.name} holds no verity superblock`, {
      where: hashes.name,
    });
  return readVerity(data, hashes, 0, hashLeaves);
}

async function readVerity(
  data: Source,
  hashes: Source,
  superblockOffset: number,
  hashLeaves: LeafHasher,
): Promise<VerityFacts> {
  const superblock = readVeritySuperblock(hashes, superblockOffset);
  const treeOffset = verityTreeOffset(superblockOffset, superblock.hashBlockSizeBytes);
  const report = await verifyVerityTree({ parameters: superblock, data, hashes, treeOffset, hashLeaves });
  return { superblock, superblockOffset, report };
}

function hasSuperblock(source: Source, offset: number): boolean {
  if (offset % 512 !== 0 || offset + 512 > source.sizeBytes) return false;
  return Buffer.from(source.read(offset, 8)).toString('latin1') === 'verity\0\0';
}
