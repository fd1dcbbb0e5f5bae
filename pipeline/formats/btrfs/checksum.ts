import { hash } from 'node:crypto';
import { Fault } from '../../core/index.ts';
import { crc32cOfBlocks } from '../crc32c/index.ts';

/** The checksum algorithm of a whole file system: of its superblock, its nodes and its data. */
export type Checksum = {
  readonly name: string;
  readonly sizeBytes: number;
  /** The checksums of consecutive blocks, in the form in which they are stored. */
  ofBlocks(blocks: Uint8Array, blockBytes: number): Uint8Array;
};

const crc32cChecksum: Checksum = {
  name: 'crc32c',
  sizeBytes: 4,
  ofBlocks: (blocks, blockBytes) => new Uint8Array(crc32cOfBlocks(blocks, blockBytes).buffer),
};

const sha256Checksum: Checksum = {
  name: 'sha256',
  sizeBytes: 32,
  ofBlocks(blocks, blockBytes) {
    const checksums = new Uint8Array((blocks.length / blockBytes) * 32);
    for (let at = 0; at < blocks.length; at += blockBytes)
      checksums.set(hash('sha256', blocks.subarray(at, at + blockBytes), 'buffer'), (at / blockBytes) * 32);
    return checksums;
  },
};

/** Superblocks and nodes hold their checksum in the first bytes of a field of 32, and it covers what follows the field. */
export function holdsItsChecksum(checksum: Checksum, bytes: Uint8Array): boolean {
  const covered = bytes.subarray(32);
  const stored = bytes.subarray(0, checksum.sizeBytes);
  return Buffer.compare(checksum.ofBlocks(covered, covered.length), stored) === 0;
}

/** Node has neither XXH64 nor BLAKE2b-256, and images made for nodes use the default: refused by name. */
const checksums: readonly (Checksum | string)[] = [crc32cChecksum, 'xxhash64', sha256Checksum, 'blake2b-256'];

/** The algorithm of a superblock's csum_type. Fault: btrfs.checksum-type. */
export function checksumOf(type: number): Checksum {
  const found = checksums[type];
  if (found === undefined || typeof found === 'string') {
    throw new Fault(
      'btrfs.checksum-type',
      `Cannot read btrfs: checksum type ${type} (${found ?? 'unknown'}), want crc32c or sha256`,
    );
  }
  return found;
}
