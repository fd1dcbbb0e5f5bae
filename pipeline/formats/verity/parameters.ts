import { Fault } from '../../core/index.ts';
import { parseVerityAlgorithm, type VerityAlgorithm, verityDigestBytes } from './algorithms.ts';

/** What decides every byte of a hash tree, besides the data: from a superblock, or from outside where there is none. */
export type VerityParameters = {
  /** 1: salt before the block, digests in slots of a power of two. 0 (Chrome OS): salt after it, digests packed. */
  readonly hashType: 0 | 1;
  readonly algorithm: VerityAlgorithm;
  readonly dataBlockSizeBytes: number;
  readonly hashBlockSizeBytes: number;
  readonly dataBlocks: number;
  /** Lower-case hexadecimal, at most 256 bytes; empty for none. */
  readonly salt: string;
};

const minBlockSizeBytes = 512;
const maxBlockSizeBytes = 512 * 1024;
const maxSaltBytes = 256;

/**
 * Checks parameters that came from anywhere and returns them frozen, without anything else.
 * Faults: verity.hash-type, verity.algorithm, verity.block-size, verity.data-blocks, verity.salt.
 * Source: cryptsetup, lib/verity/verity.h, VERITY_BLOCK_SIZE_OK.
 */
export function checkVerityParameters(parameters: VerityParameters): VerityParameters {
  const { hashType, dataBlockSizeBytes, hashBlockSizeBytes, dataBlocks, salt } = parameters;
  if (![0, 1].includes(hashType)) throw refused('hash-type', hashType, '0 or 1');
  const algorithm = parseVerityAlgorithm(parameters.algorithm);
  checkBlockSize(dataBlockSizeBytes);
  checkBlockSize(hashBlockSizeBytes);
  if (!Number.isSafeInteger(dataBlocks) || dataBlocks < 1) throw refused('data-blocks', dataBlocks, 'at least 1');
  if (!Number.isSafeInteger(dataBlocks * dataBlockSizeBytes))
    throw refused('data-blocks', dataBlocks, 'a size that a file can have');
  if (!/^(?:[0-9a-f]{2})*$/.test(salt) || salt.length > 2 * maxSaltBytes)
    throw refused('salt', JSON.stringify(salt.slice(0, 80)), `at most ${maxSaltBytes} bytes of lower-case hexadecimal`);
  return Object.freeze({ hashType, algorithm, dataBlockSizeBytes, hashBlockSizeBytes, dataBlocks, salt });
}

function checkBlockSize(size: number): void {
  const isPowerOfTwo = Number.isSafeInteger(Math.log2(size));
  if (!isPowerOfTwo || size < minBlockSizeBytes || size > maxBlockSizeBytes)
    throw refused('block-size', size, `a power of two from ${minBlockSizeBytes} to ${maxBlockSizeBytes}`);
}

function refused(field: 'hash-type' | 'block-size' | 'data-blocks' | 'salt', actual: unknown, want: string): Fault {
  return new Fault(`verity.${field}`, `Cannot read verity parameters: ${field} ${String(actual)}, want ${want}`);
}

/** Bytes of the data that the tree covers. */
export function verityDataBytes({ dataBlocks, dataBlockSizeBytes }: VerityParameters): number {
  return dataBlocks * dataBlockSizeBytes;
}

/** Bytes of one digest's place in a hash block: for type 1 the next power of two, for type 0 the digest itself. */
export function veritySlotBytes({ hashType, algorithm }: VerityParameters): number {
  const digestBytes = verityDigestBytes(algorithm);
  return hashType === 0 ? digestBytes : 2 ** Math.ceil(Math.log2(digestBytes));
}

/** Digests in one hash block: always a power of two, for both types. */
export function verityHashesPerBlock({ algorithm, hashBlockSizeBytes }: VerityParameters): number {
  return 2 ** Math.floor(Math.log2(hashBlockSizeBytes / verityDigestBytes(algorithm)));
}
