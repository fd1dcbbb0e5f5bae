import { ByteReader, Fault, limits } from '../../core/index.ts';
import type { NodeKind, TreeNode } from '../file-tree/index.ts';
import { signedSeconds } from './superblock.ts';
import type { Volume } from './volume.ts';

/** An inode with where its content is: `i_format`'s data layout, and the places that follow from it. */
export type Inode = TreeNode & {
  readonly layout: Layout;
  /** `i_u`: a block address, a device number, a chunk format or a count of blocks, as the layout says. */
  readonly union: number;
  readonly xattrOffset: number;
  readonly xattrSizeBytes: number;
  /** Bytes of content; the node's own sizeBytes is 0 for a directory. */
  readonly contentBytes: number;
  /** The byte after the inode and its attributes: inline data or indexes begin here. */
  readonly tailOffset: number;
};

export const layouts = ['flat', 'compressed-full', 'flat-inline', 'compressed-compact', 'chunked'] as const;
export type Layout = (typeof layouts)[number];

const slotBytes = 32;
const compactBytes = 32;
const extendedBytes = 64;
const xattrHeaderBytes = 12;

const kinds: Readonly<Record<number, NodeKind>> = {
  0o01: 'fifo',
  0o02: 'character-device',
  0o04: 'directory',
  0o06: 'block-device',
  0o10: 'file',
  0o12: 'symlink',
  0o14: 'socket',
};

/** `struct erofs_inode_compact` or `struct erofs_inode_extended`. Faults: erofs.inode, erofs.feature, limit.*, source.range. */
export function readInode({ superblock, metadata }: Volume, nid: number): Inode {
  const offset = superblock.metadataOffset + nid * slotBytes;
  // An inode is found by its number alone, so two numbers never name one place.
  const format = new ByteReader(metadata.read(offset, 2), `erofs inode ${nid}`, offset).u16le('i_format');
  const extended = (format & 1) === 1;
  const inodeBytes = extended ? extendedBytes : compactBytes;
  const r = new ByteReader(metadata.read(offset, inodeBytes), `erofs inode ${nid}`, offset);
  r.skip(2, 'i_format');
  if (format >> 4 !== 0) throw r.fault('erofs.feature', 'i_format', `0x${format.toString(16)} is not supported`);
  const layout = layouts[format >> 1];
  if (layout === undefined) throw r.fault('erofs.feature', 'i_format', `data layout ${format >> 1} is not supported`);
  const xattrCount = r.u16le('i_xattr_icount');
  const fullMode = r.u16le('i_mode');
  const fields = extended ? extendedFields(r) : compactFields(r, superblock.builtAt);
  const kind = kinds[fullMode >> 12];
  if (kind === undefined) throw r.fault('erofs.inode', 'i_mode', `0o${fullMode.toString(8)} is no kind of file`);
  const content = kind === 'file' || kind === 'symlink' || kind === 'directory';
  if (content) checkSize(r, kind, fields.size);
  const xattrSizeBytes = xattrCount === 0 ? 0 : xattrHeaderBytes + (xattrCount - 1) * 4;
  return Object.freeze({
    kind,
    id: nid,
    mode: fullMode & 0o7777,
    uid: fields.uid,
    gid: fields.gid,
    sizeBytes: kind === 'file' || kind === 'symlink' ? fields.size : 0,
    modifiedAt: fields.modifiedAt,
    ...(kind === 'character-device' || kind === 'block-device' ? { device: deviceNumber(fields.union) } : {}),
    layout,
    union: fields.union,
    xattrOffset: offset + inodeBytes,
    xattrSizeBytes,
    contentBytes: content ? fields.size : 0,
    tailOffset: offset + inodeBytes + xattrSizeBytes,
  });
}

type Fields = {
  readonly size: number;
  readonly union: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedAt: number;
};

function compactFields(r: ByteReader, builtAt: number): Fields {
  r.skip(2, 'i_nlink');
  const size = r.u32le('i_size');
  r.skip(4, 'i_reserved');
  const union = r.u32le('i_u');
  r.skip(4, 'i_ino');
  const uid = r.u16le('i_uid');
  const gid = r.u16le('i_gid');
  r.skip(4, 'i_reserved2');
  r.end();
  return { size, union, uid, gid, modifiedAt: builtAt };
}

function extendedFields(r: ByteReader): Fields {
  r.skip(2, 'i_reserved');
  const size = r.u64le('i_size');
  const union = r.u32le('i_u');
  r.skip(4, 'i_ino');
  const uid = r.u32le('i_uid');
  const gid = r.u32le('i_gid');
  const modifiedAt = signedSeconds(r, 'i_mtime');
  r.skip(4 + 4 + 16, 'i_mtime_nsec, i_nlink, i_reserved2');
  r.end();
  return { size, union, uid, gid, modifiedAt };
}

function checkSize(r: ByteReader, kind: NodeKind, size: number): void {
  if (kind === 'symlink' && size > limits.pathBytes)
    throw r.fault('limit.path', 'i_size', `a link's target of ${size} bytes, want at most ${limits.pathBytes}`);
  if (size > limits.fileBytes)
    throw r.fault('limit.file-bytes', 'i_size', `${size} bytes, want at most ${limits.fileBytes}`);
}

/** Linux's new_decode_dev(): minor bits 0 to 7 and 20 to 31, major bits 8 to 19. */
function deviceNumber(encoded: number): { readonly major: number; readonly minor: number } {
  return { major: (encoded >>> 8) & 0xfff, minor: (encoded & 0xff) | ((encoded >>> 12) & 0xfff00) };
}

/** A fault about what an inode holds. */
export function contentFault(
  code: `erofs.${string}` | `limit.${string}`,
  inode: Inode,
  problem: string,
  at = inode.tailOffset,
): Fault {
  return new Fault(code, `Cannot read erofs ${inode.kind} ${inode.id}: ${problem}`, {
    where: `erofs inode ${inode.id}, byte ${at}`,
  });
}
