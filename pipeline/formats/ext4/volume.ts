import { Fault, type Source } from '../../core/index.ts';
import { carryChecksum, carryU32, carryWithout } from './checksum.ts';
import { readSuperblock, type Superblock } from './superblock.ts';

const cacheBytes = 16 * 1024 * 1024;

/** The blocks of an ext4 file system. Metadata blocks are kept, at most 16 MiB of them; content is not. */
export class Volume {
  readonly superblock: Superblock;
  readonly #source: Source;
  readonly #kept = new Map<number, Buffer>();
  readonly #inodeTables = new Map<number, number>();

  constructor(source: Source) {
    this.superblock = readSuperblock(source);
    this.#source = source;
  }

  get name(): string {
    return this.#source.name;
  }

  /** One block of metadata. Not to be changed. Faults: ext4.block. */
  readBlock(block: number, what: string): Buffer {
    const kept = this.#kept.get(block);
    if (kept !== undefined) return kept;
    const { blockBytes } = this.superblock;
    const bytes = this.readBlocks(block, 1, blockBytes, what);
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size * blockBytes < cacheBytes) break;
      this.#kept.delete(oldest);
    }
    this.#kept.set(block, buffer);
    return buffer;
  }

  /** The first bytes of neighbouring blocks. Faults: ext4.block. */
  readBlocks(first: number, count: number, sizeBytes: number, what: string): Uint8Array {
    this.#checkBlocks(first, count, what);
    return this.#source.read(first * this.superblock.blockBytes, sizeBytes);
  }

  /** As readBlocks, into the caller's buffer where the source can; what is returned is valid until the buffer is used again. */
  readBlocksInto(buffer: Uint8Array, first: number, count: number, sizeBytes: number, what: string): Uint8Array {
    if (this.#source.readInto === undefined) return this.readBlocks(first, count, sizeBytes, what);
    this.#checkBlocks(first, count, what);
    const part = buffer.subarray(0, sizeBytes);
    this.#source.readInto(first * this.superblock.blockBytes, part);
    return part;
  }

  /** Bytes of neighbouring blocks, from one that lies in the first of them on, to fill the target. Faults: ext4.block. */
  readBytesInto(target: Uint8Array, first: number, count: number, skipped: number, what: string): void {
    this.#checkBlocks(first, count, what);
    const offset = first * this.superblock.blockBytes + skipped;
    if (this.#source.readInto === undefined) target.set(this.#source.read(offset, target.byteLength));
    else this.#source.readInto(offset, target);
  }

  #checkBlocks(first: number, count: number, what: string): void {
    const { blockCount, firstDataBlock } = this.superblock;
    if (first < firstDataBlock || first + count > blockCount)
      throw new Fault('ext4.block', `Cannot read ${what}: block ${first} + ${count}, have ${blockCount}`, {
        where: this.name,
      });
  }

  /** The bytes of an inode as they stand in its group's table; checked by parseInode. Faults: ext4.inode. */
  readInode(inode: number): Buffer {
    const { inodeCount, inodesPerGroup, inodeBytes, blockBytes } = this.superblock;
    if (inode < 1 || inode > inodeCount)
      throw new Fault('ext4.inode', `Cannot read inode ${inode}: want 1 to ${inodeCount}`, { where: this.name });
    const group = Math.floor((inode - 1) / inodesPerGroup);
    const offset = ((inode - 1) % inodesPerGroup) * inodeBytes;
    const block = this.#inodeTable(group) + Math.floor(offset / blockBytes);
    const at = offset % blockBytes;
    return this.readBlock(block, `inode ${inode}`).subarray(at, at + inodeBytes);
  }

  /** "Block Group Descriptors": where a group's inode table starts. Faults: ext4.checksum. */
  #inodeTable(group: number): number {
    const kept = this.#inodeTables.get(group);
    if (kept !== undefined) return kept;
    const { descriptorBytes, blockBytes, checksumSeed } = this.superblock;
    const perBlock = blockBytes / descriptorBytes;
    const at = (group % perBlock) * descriptorBytes;
    const what = `the descriptor of group ${group}`;
    const block = this.readBlock(this.#descriptorBlock(Math.floor(group / perBlock)), what);
    const descriptor = block.subarray(at, at + descriptorBytes);
    if (checksumSeed !== undefined) {
      const checksum = carryWithout(carryU32(checksumSeed, group), descriptor, [0x1e, 2]) & 0xffff;
      if (checksum !== descriptor.readUInt16LE(0x1e)) throw this.checksumFault(what);
    }
    const high = descriptorBytes >= 64 ? descriptor.readUInt32LE(0x28) : 0;
    const table = descriptor.readUInt32LE(0x08) + high * 2 ** 32;
    this.#inodeTables.set(group, table);
    return table;
  }

  /** "Meta Block Groups": the block with the nth part of the descriptors. */
  #descriptorBlock(part: number): number {
    const { blockBytes, descriptorBytes, firstDataBlock, blocksPerGroup, firstMetaGroup } = this.superblock;
    if (part < firstMetaGroup) return (blockBytes === 1024 ? 1 : 0) + 1 + part;
    const group = part * (blockBytes / descriptorBytes);
    const behindBootBlock = blockBytes === 1024 && part === 0 && firstDataBlock === 0 ? 1 : 0;
    return firstDataBlock + group * blocksPerGroup + (this.#hasSuperblock(group) ? 1 : 0) + behindBootBlock;
  }

  #hasSuperblock(group: number): boolean {
    const { sparseSuper, backupGroups } = this.superblock;
    if (group === 0) return true;
    if (backupGroups !== undefined) return backupGroups.includes(group);
    return group === 1 || !sparseSuper || [3, 5, 7].some((base) => isPowerOf(base, group));
  }

  /** The seed of the checksums of what belongs to one inode; undefined where there are none. */
  inodeSeed(inode: number, generation: number): number | undefined {
    const { checksumSeed } = this.superblock;
    return checksumSeed === undefined ? undefined : carryU32(carryU32(checksumSeed, inode), generation);
  }

  /** Checks the checksum that a block of metadata holds of its own beginning. Faults: ext4.checksum. */
  verifyChecksum(seed: number, covered: Uint8Array, stored: number, what: string): void {
    if (carryChecksum(seed, covered) !== stored) throw this.checksumFault(what);
  }

  checksumFault(what: string): Fault {
    return new Fault('ext4.checksum', `Cannot read ${what}: its checksum does not match`, { where: this.name });
  }
}

function isPowerOf(base: number, value: number): boolean {
  let power = base;
  while (power < value) power *= base;
  return power === value;
}
