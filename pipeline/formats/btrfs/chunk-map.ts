import { ByteReader, Fault, limits } from '../../core/index.ts';
import { itemType, objectId } from './key.ts';
import type { Superblock } from './superblock.ts';

/** A range of logical addresses and where its first copy stands on the device. */
type Chunk = {
  readonly logical: number;
  readonly sizeBytes: number;
  readonly physical: number;
};

/** The profiles that a one-device file system without striping can have; the bits of the others, by name. */
const profileNames: readonly (readonly [bit: bigint, name: string])[] = [
  [1n << 3n, 'raid0'],
  [1n << 4n, 'raid1'],
  [1n << 6n, 'raid10'],
  [1n << 7n, 'raid5'],
  [1n << 8n, 'raid6'],
  [1n << 9n, 'raid1c3'],
  [1n << 10n, 'raid1c4'],
];
const dupProfile = 1n << 5n;
const knownChunkBits = 0x7ffn;

/**
 * Translates logical addresses, which is all that trees hold, into places on the device. Chunks never overlap, so an
 * address has one place. Of duplicated chunks the first copy is read, as Linux does.
 */
export class ChunkMap {
  readonly #chunks: Chunk[] = [];
  readonly #deviceId: number;
  readonly #deviceBytes: number;

  constructor(superblock: Superblock) {
    this.#deviceId = superblock.deviceId;
    this.#deviceBytes = superblock.totalBytes;
  }

  /** Adds the chunk that an item describes. Faults: btrfs.chunk, btrfs.unsupported, limit.btrfs-chunks, bytes.*. */
  add(logical: number, item: ByteReader): void {
    const chunk = this.#parse(logical, item);
    const at = this.#countUpTo(logical);
    const before = this.#chunks[at - 1];
    const after = this.#chunks[at];
    if (
      (before !== undefined && before.logical + before.sizeBytes > logical) ||
      (after !== undefined && logical + chunk.sizeBytes > after.logical)
    ) {
      throw item.fault('btrfs.chunk', 'length', `the chunk at ${logical} overlaps another`);
    }
    if (this.#chunks.length >= limits.btrfsChunks)
      throw item.fault('limit.btrfs-chunks', 'chunk', `more than ${limits.btrfsChunks} chunks`);
    this.#chunks.splice(at, 0, chunk);
  }

  /** Where a range of logical addresses stands. Fault: btrfs.address for a range that is not inside one chunk. */
  locate(logical: number, sizeBytes: number): number {
    const chunk = this.#chunks[this.#countUpTo(logical) - 1];
    if (chunk === undefined || logical + sizeBytes > chunk.logical + chunk.sizeBytes) {
      throw new Fault('btrfs.address', `Cannot read btrfs: no chunk holds ${sizeBytes} bytes at logical ${logical}`);
    }
    return chunk.physical + (logical - chunk.logical);
  }

  #parse(logical: number, r: ByteReader): Chunk {
    const sizeBytes = r.u64le('length');
    r.skip(8 + 8, 'owner and stripe_len');
    const type = r.u64leBig('type');
    r.skip(4 + 4 + 4, 'io_align, io_width and sector_size');
    const stripeCount = r.u16le('num_stripes');
    r.skip(2, 'sub_stripes');
    for (const [bit, name] of profileNames) {
      if ((type & bit) !== 0n) throw r.fault('btrfs.unsupported', 'type', `profile ${name}, want single or dup`);
    }
    if ((type & ~knownChunkBits) !== 0n) throw r.fault('btrfs.unsupported', 'type', `chunk type ${type}`);
    const wanted = (type & dupProfile) === 0n ? 1 : 2;
    if (stripeCount !== wanted) throw r.fault('btrfs.chunk', 'num_stripes', `${stripeCount}, want ${wanted}`);
    const physical = this.#parseStripe(r, sizeBytes);
    for (let copy = 1; copy < stripeCount; copy++) this.#parseStripe(r, sizeBytes);
    if (sizeBytes === 0 || !Number.isSafeInteger(logical + sizeBytes))
      throw r.fault('btrfs.chunk', 'length', `${sizeBytes} bytes at logical ${logical}`);
    return { logical, sizeBytes, physical };
  }

  #parseStripe(r: ByteReader, sizeBytes: number): number {
    const deviceId = r.u64le('stripe.devid');
    const offset = r.u64le('stripe.offset');
    r.skip(16, 'stripe.dev_uuid');
    if (deviceId !== this.#deviceId)
      throw r.fault('btrfs.chunk', 'stripe.devid', `device ${deviceId}, want ${this.#deviceId}`);
    if (offset + sizeBytes > this.#deviceBytes)
      throw r.fault('btrfs.chunk', 'stripe.offset', `${offset} and ${sizeBytes} bytes, have ${this.#deviceBytes}`);
    return offset;
  }

  #countUpTo(logical: number): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#chunks[middle] as Chunk).logical <= logical) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The chunks of the superblock itself, enough to read the tree that lists all chunks. Faults: as add. */
export function readSystemChunks(superblock: Superblock): ChunkMap {
  const map = new ChunkMap(superblock);
  const r = new ByteReader(superblock.systemChunks, 'btrfs sys_chunk_array');
  while (r.remaining > 0) {
    const object = r.u64le('key.objectid');
    const type = r.u8('key.type');
    const logical = r.u64le('key.offset');
    if (object !== objectId.chunkTree || type !== itemType.chunk)
      throw r.fault('btrfs.chunk', 'key', `object ${object} of type ${type}, want a chunk`);
    map.add(logical, r);
  }
  return map;
}
