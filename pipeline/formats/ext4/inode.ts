import { Fault, limits } from '../../core/index.ts';
import type { NodeKind, TreeNode } from '../file-tree/index.ts';
import { carryWithout } from './checksum.ts';
import type { Volume } from './volume.ts';

/** An inode as far as its content and attributes need it, beside its node of the tree. */
export type Inode = {
  readonly node: TreeNode;
  /** i_block: a block map, an extent tree's root, a short symbolic link, a device's number, or inline content. */
  readonly block: Buffer;
  readonly extents: boolean;
  readonly inline: boolean;
  readonly indexed: boolean;
  readonly fastSymlink: boolean;
  /** Attributes behind the inode's fields; empty where there is no room. */
  readonly attributes: Buffer;
  readonly attributeBlock: number;
  readonly checksumSeed: number | undefined;
};

const kinds: Readonly<Record<number, NodeKind>> = {
  0x1000: 'fifo',
  0x2000: 'character-device',
  0x4000: 'directory',
  0x6000: 'block-device',
  0x8000: 'file',
  0xa000: 'symlink',
  0xc000: 'socket',
};

const flag = {
  compressed: 0x4,
  encrypted: 0x800,
  indexed: 0x1000,
  extents: 0x80000,
  attributeInode: 0x200000,
  inline: 0x10000000,
  caseFolded: 0x40000000,
} as const;

const root = 2;

/**
 * Reads an inode that a directory names, or the root: "Index Nodes" of the kernel's ext4 documentation.
 * Faults: ext4.inode, ext4.checksum, ext4.feature, limit.file-bytes.
 */
export function readInode(volume: Volume, number: number): Inode {
  if (number < volume.superblock.firstInode && number !== root)
    throw new Fault('ext4.inode', `Cannot read inode ${number}: it is reserved`, { where: volume.name });
  const raw = volume.readInode(number);
  const extraBytes = raw.byteLength > 128 ? raw.readUInt16LE(0x80) : 0;
  if (extraBytes % 4 !== 0 || 128 + extraBytes > raw.byteLength)
    throw new Fault(
      'ext4.inode',
      `Cannot read inode ${number}: ${extraBytes} extra bytes, have ${raw.byteLength - 128}`,
    );
  const checksumSeed = volume.inodeSeed(number, raw.readUInt32LE(0x64));
  if (checksumSeed !== undefined) verifyChecksum(volume, number, raw, extraBytes, checksumSeed);

  const mode = raw.readUInt16LE(0);
  const kind = kinds[mode & 0xf000];
  if (kind === undefined || raw.readUInt16LE(0x1a) === 0)
    throw new Fault('ext4.inode', `Cannot read inode ${number}: mode 0${mode.toString(8)}, want one in use`);
  const flags = raw.readUInt32LE(0x20);
  if (flags & (flag.compressed | flag.encrypted | flag.attributeInode | flag.caseFolded))
    throw new Fault('ext4.feature', `Cannot read inode ${number}: its flags 0x${flags.toString(16)} are not supported`);

  const block = raw.subarray(0x28, 0x28 + 60);
  const inline = (flags & flag.inline) !== 0;
  const attributeBlock = raw.readUInt32LE(0x68) + raw.readUInt16LE(0x76) * 2 ** 32;
  const clusterSectors = volume.superblock.clusterBytes / 512;
  const sectors = raw.readUInt32LE(0x1c) + raw.readUInt16LE(0x74) * 2 ** 32;
  return {
    node: Object.freeze({
      kind,
      id: number,
      mode: mode & 0o7777,
      uid: raw.readUInt16LE(0x02) + raw.readUInt16LE(0x78) * 0x10000,
      gid: raw.readUInt16LE(0x18) + raw.readUInt16LE(0x7a) * 0x10000,
      sizeBytes: kind === 'file' ? readFileSize(number, raw) : kind === 'symlink' ? readLowSize(raw) : 0,
      modifiedAt: readModifiedAt(raw, extraBytes),
      ...(kind === 'character-device' || kind === 'block-device' ? { device: parseDevice(block) } : {}),
    }),
    block,
    extents: (flags & flag.extents) !== 0,
    inline,
    indexed: (flags & flag.indexed) !== 0,
    // As ext4_inode_is_fast_symlink(): no blocks but the one with attributes.
    fastSymlink: kind === 'symlink' && !inline && sectors === (attributeBlock === 0 ? 0 : clusterSectors),
    attributes: raw.subarray(128 + extraBytes),
    attributeBlock,
    checksumSeed,
  };
}

/** The size that a directory's inode declares, which its node does not tell. */
export function readDirectorySize(volume: Volume, number: number): number {
  return readLowSize(volume.readInode(number));
}

function readLowSize(raw: Buffer): number {
  return raw.readUInt32LE(0x04);
}

/** Only a regular file's size has an upper half: for a directory ext2 had something else there. */
function readFileSize(number: number, raw: Buffer): number {
  const sizeBytes = readLowSize(raw) + raw.readUInt32LE(0x6c) * 2 ** 32;
  if (sizeBytes > limits.fileBytes)
    throw new Fault(
      'limit.file-bytes',
      `Cannot read inode ${number}: ${sizeBytes} bytes, want at most ${limits.fileBytes}`,
    );
  return sizeBytes;
}

function verifyChecksum(volume: Volume, number: number, raw: Buffer, extraBytes: number, seed: number): void {
  const wide = extraBytes >= 4;
  const checksum = carryWithout(seed, raw, [0x7c, 2], ...(wide ? [[0x82, 2] as const] : []));
  const stored = raw.readUInt16LE(0x7c) + (wide ? raw.readUInt16LE(0x82) * 0x10000 : 0);
  if ((wide ? checksum : checksum & 0xffff) !== stored) throw volume.checksumFault(`inode ${number}`);
}

function readModifiedAt(raw: Buffer, extraBytes: number): number {
  const seconds = raw.readInt32LE(0x10);
  // "Inode Timestamps": the two lowest bits of the extra field widen the seconds.
  return extraBytes >= 12 ? seconds + (raw.readUInt32LE(0x88) & 3) * 2 ** 32 : seconds;
}

function parseDevice(block: Buffer): { major: number; minor: number } {
  const old = block.readUInt32LE(0);
  if (old !== 0) return { major: (old >> 8) & 0xff, minor: old & 0xff };
  const wide = block.readUInt32LE(4);
  return { major: (wide >> 8) & 0xfff, minor: (wide & 0xff) | ((wide >> 12) & 0xfff00) };
}
