import { crc32c } from '../crc32c/index.ts';

/**
 * The checksum of ext4 metadata: CRC-32C's bare register, without the inversion at both ends, carried on from a seed.
 * "Checksums" of the kernel's ext4 documentation (Documentation/filesystems/ext4).
 */
export function carryChecksum(seed: number, bytes: Uint8Array): number {
  return ~crc32c(bytes, ~seed) >>> 0;
}

/** Carries the checksum on over a number as it stands on disk. */
export function carryU32(seed: number, value: number): number {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return carryChecksum(seed, bytes);
}

/** Carries the checksum on over bytes of which some fields, the stored checksum itself, count as zero. */
export function carryWithout(
  seed: number,
  bytes: Uint8Array,
  ...fields: readonly (readonly [at: number, length: number])[]
): number {
  const copy = new Uint8Array(bytes);
  for (const [at, length] of fields) copy.fill(0, at, at + length);
  return carryChecksum(seed, copy);
}
