import { decodeFileName, Fault, limits } from '../../core/index.ts';
import { carryChecksum } from './checksum.ts';
import type { Inode } from './inode.ts';
import type { Volume } from './volume.ts';

/** A name and the inode that it names. */
export type Link = { readonly name: string; readonly inode: number };

const entryHeaderBytes = 8;
const tailBytes = 12;
const tailType = 0xde;

/** Collects the links of one directory, each name once. */
export class LinkList {
  readonly links: Link[] = [];
  readonly #names = new Set<string>();
  readonly #volume: Volume;
  readonly #inode: Inode;

  constructor(volume: Volume, inode: Inode) {
    this.#volume = volume;
    this.#inode = inode;
  }

  /**
   * One block of the directory, "Linear (Classic) Directories". Blocks of a hash tree's index look like a single unused
   * entry, so that reading all blocks in turn finds every name. Faults: ext4.directory, ext4.checksum, limit.directory-entries.
   */
  addBlock(block: Buffer, index: number): void {
    this.#verifyChecksum(block, index);
    this.addEntries(block);
  }

  /** Entries without a checksum of their own, as inline directories have them. */
  addEntries(area: Buffer): void {
    const { fileTypes } = this.#volume.superblock;
    for (let at = 0; at < area.byteLength;) {
      if (at + entryHeaderBytes > area.byteLength) throw this.#fault(`an entry that ends behind its block`);
      const inode = area.readUInt32LE(at);
      const length = recordLength(area, at);
      const nameBytes = fileTypes ? area.readUInt8(at + 6) : area.readUInt16LE(at + 6);
      if (length < entryHeaderBytes || length % 4 !== 0 || at + length > area.byteLength)
        throw this.#fault(`an entry of ${length} bytes at ${at}, have ${area.byteLength - at}`);
      if (inode !== 0) {
        if (nameBytes === 0 || nameBytes > 255 || entryHeaderBytes + nameBytes > length)
          throw this.#fault(`a name of ${nameBytes} bytes in an entry of ${length}`);
        this.#add(area.subarray(at + entryHeaderBytes, at + entryHeaderBytes + nameBytes), inode);
      }
      at += length;
    }
  }

  #add(bytes: Buffer, inode: number): void {
    if (bytes.includes(0) || bytes.includes(0x2f)) throw this.#fault('a name with a slash or a NUL');
    const name = decodeFileName(bytes);
    if (name === '.' || name === '..') return;
    if (this.#names.has(name)) throw this.#fault(`two entries ${JSON.stringify(name)}`);
    if (this.links.length >= limits.directoryEntries)
      throw new Fault(
        'limit.directory-entries',
        `Cannot read directory inode ${this.#inode.node.id}: more than ${limits.directoryEntries} entries`,
      );
    this.#names.add(name);
    this.links.push({ name, inode });
  }

  #verifyChecksum(block: Buffer, index: number): void {
    const seed = this.#inode.checksumSeed;
    if (seed === undefined) return;
    const what = `block ${index} of directory inode ${this.#inode.node.id}`;
    const limitsAt = this.#inode.indexed ? findIndexLimits(block, index) : undefined;
    if (limitsAt !== undefined) {
      this.#verifyIndexChecksum(block, limitsAt, seed, what);
      return;
    }
    const tail = block.byteLength - tailBytes;
    const marked = block.readUInt32LE(tail) === 0 && block.readUInt16LE(tail + 4) === tailBytes;
    if (!marked || block.readUInt16LE(tail + 6) !== tailType << 8) throw this.#volume.checksumFault(what);
    this.#volume.verifyChecksum(seed, block.subarray(0, tail), block.readUInt32LE(tail + 8), what);
  }

  /** struct dx_tail: behind the entries that there is room for; covered are the entries in use and its first field. */
  #verifyIndexChecksum(block: Buffer, limitsAt: number, seed: number, what: string): void {
    const limit = block.readUInt16LE(limitsAt);
    const count = block.readUInt16LE(limitsAt + 2);
    const tail = limitsAt + limit * 8;
    if (count > limit || tail + 8 > block.byteLength) throw this.#fault(`an index of ${count} entries of ${limit}`);
    const entries = carryChecksum(seed, block.subarray(0, limitsAt + count * 8));
    const reserved = carryChecksum(entries, block.subarray(tail, tail + 4));
    this.#volume.verifyChecksum(reserved, new Uint8Array(4), block.readUInt32LE(tail + 4), what);
  }

  #fault(problem: string): Fault {
    return new Fault('ext4.directory', `Cannot read directory inode ${this.#inode.node.id}: ${problem}`, {
      where: this.#volume.name,
    });
  }
}

/** As get_dx_countlimit(): where a block of a hash tree's index counts its entries; undefined for a leaf. */
function findIndexLimits(block: Buffer, index: number): number | undefined {
  if (recordLength(block, 0) === block.byteLength) return 8;
  const isRoot =
    index === 0 &&
    recordLength(block, 0) === 12 &&
    recordLength(block, 12) === block.byteLength - 12 &&
    block.readUInt32LE(24) === 0 &&
    block.readUInt8(29) === 8;
  return isRoot ? 32 : undefined;
}

/** rec_len of 64 KiB does not fit in 16 bits and is written as 65535 or 0. */
function recordLength(area: Buffer, at: number): number {
  const length = area.readUInt16LE(at + 4);
  if (area.byteLength < 65_536) return length;
  return length === 65_535 || length === 0 ? 65_536 : (length & 65_532) | ((length & 3) << 16);
}
