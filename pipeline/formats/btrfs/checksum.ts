import { hash } from 'node:crypto';
import { Fault } from '../../core/index.ts';
import { crc32c } from '../crc32c/index.ts';

/** The checksum algorithm of a whole file system: of its superblock, its nodes and its data. */
export type Checksum = {
  readonly name: string;
  readonly sizeBytes: number;
  /** Whether the stored bytes at `storedAt` are the checksum of `bytes`. */
  matches(bytes: Uint8Array, stored: Uint8Array, storedAt: number): boolean;
};

const crc32cChecksum: Checksum = {
  name: 'crc32c',
  sizeBytes: 4,
  matches(bytes, stored, at) {
    const sum = crc32c(bytes);
    return (
      stored[at] === (sum & 255) &&
      stored[at + 1] === ((sum >>> 8) & 255) &&
      stored[at + 2] === ((sum >>> 16) & 255) &&
      stored[at + 3] === sum >>> 24
    );
  },
};

const sha256Checksum: Checksum = {
  name: 'sha256',
  sizeBytes: 32,
  matches: (bytes, stored, at) => Buffer.compare(hash('sha256', bytes, 'buffer'), stored.subarray(at, at + 32)) === 0,
};

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
