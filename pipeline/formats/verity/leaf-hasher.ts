import { hash } from 'node:crypto';
import type { Source } from '../../core/index.ts';
import { verityCryptoName } from './algorithms.ts';
import { verityHashesPerBlock, type VerityParameters, veritySlotBytes } from './parameters.ts';

/**
 * How blocks become digests and where each digest lies in its level: plain numbers and names, so that a thread that knows
 * nothing of verity can do the work.
 */
export type LeafPlan = {
  readonly blocks: number;
  readonly blockBytes: number;
  /** The algorithm's name in node:crypto. */
  readonly cryptoName: string;
  /** Hexadecimal; hashed with every block. */
  readonly salt: string;
  readonly saltFirst: boolean;
  /** The digest of block n lies at ⌊n / hashesPerBlock⌋ · hashBlockBytes + (n mod hashesPerBlock) · slotBytes. */
  readonly hashesPerBlock: number;
  readonly hashBlockBytes: number;
  readonly slotBytes: number;
};

/**
 * Hashes all blocks of a plan into `level`, which is zero before and is backed by shared memory. A port, because this is
 * where all the time goes: `edge/` spreads it over cores.
 */
export type LeafHasher = (data: Source, plan: LeafPlan, level: Uint8Array) => Promise<void>;

/** The plan for hashing blocks of data or, for upper levels, the hash blocks of the level below. */
export function planLeaves(parameters: VerityParameters, blocks: number, blockBytes: number): LeafPlan {
  return Object.freeze({
    blocks,
    blockBytes,
    cryptoName: verityCryptoName(parameters.algorithm),
    salt: parameters.salt,
    saltFirst: parameters.hashType === 1,
    hashesPerBlock: verityHashesPerBlock(parameters),
    hashBlockBytes: parameters.hashBlockSizeBytes,
    slotBytes: veritySlotBytes(parameters),
  });
}

/** The port's plain answer in this thread: for bytes in memory and for small partitions. */
export const hashLeavesInline: LeafHasher = (data, plan, level) => {
  const blocksPerRead = Math.max(1, Math.floor(readBytes / plan.blockBytes));
  for (let first = 0; first < plan.blocks; first += blocksPerRead) {
    const blocks = Math.min(blocksPerRead, plan.blocks - first);
    hashBlocks(data.read(first * plan.blockBytes, blocks * plan.blockBytes), plan, first, level);
  }
  return Promise.resolve();
};

const readBytes = 1024 * 1024;

/** Hashes consecutive blocks, of which the first has number `first`, each into its place in `level`. */
export function hashBlocks(bytes: Uint8Array, plan: LeafPlan, first: number, level: Uint8Array): void {
  const { blockBytes, saltFirst } = plan;
  const salt = Buffer.from(plan.salt, 'hex');
  const salted = Buffer.alloc(salt.byteLength + blockBytes);
  salted.set(salt, saltFirst ? 0 : blockBytes);
  const blockAt = saltFirst ? salt.byteLength : 0;
  const places = Buffer.from(level.buffer, level.byteOffset, level.byteLength);
  for (let start = 0, block = first; start < bytes.byteLength; start += blockBytes, block++) {
    salted.set(bytes.subarray(start, start + blockBytes), blockAt);
    // As text of one character a byte: a Buffer for each digest would cost a quarter of the whole time.
    places.write(hash(plan.cryptoName, salted, 'binary'), digestOffset(plan, block), 'binary');
  }
}

/** Where the digest of a block lies in the level above it. */
export function digestOffset({ hashesPerBlock, hashBlockBytes, slotBytes }: LeafPlan, block: number): number {
  return Math.floor(block / hashesPerBlock) * hashBlockBytes + (block % hashesPerBlock) * slotBytes;
}
