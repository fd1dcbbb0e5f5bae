import { ByteReader, decodeFileName, limits } from '../../core/index.ts';
import type { ContentReader } from './content.ts';
import { contentFault, type Inode } from './inode.ts';
import type { Volume } from './volume.ts';

/** `EROFS_XATTR_INDEX_*`. */
const namePrefixes: readonly (string | undefined)[] = [
  undefined,
  'user.',
  'system.posix_acl_access',
  'system.posix_acl_default',
  'trusted.',
  'lustre.',
  'security.',
];
const longPrefixFlag = 0x80;
const entryBytes = 4;

/** Attribute names by index: the built-in prefixes, and the long ones that the image defines. */
export type XattrNames = { prefix(index: number): string | undefined };

/** Faults: erofs.xattr, and those of content. */
export function readXattrNames(volume: Volume, content: ContentReader): XattrNames {
  const table = volume.superblock.xattrPrefixes;
  if (table === null) return { prefix: (index) => namePrefixes[index] };
  const read = (offset: number, length: number): Uint8Array =>
    table.packed ? Buffer.concat([...content.fragments(offset, length)]) : volume.metadata.read(offset, length);
  const long: (string | undefined)[] = [];
  let at = table.offset;
  for (let i = 0; i < table.count; i++) {
    at = Math.ceil(at / 4) * 4;
    const length = new ByteReader(read(at, 2), `erofs attribute prefix ${i}`, at).u16le('length');
    const r = new ByteReader(read(at + 2, length), `erofs attribute prefix ${i}`, at + 2);
    const base = namePrefixes[r.u8('base_index')];
    const infix = r.bytes(r.remaining, 'infix');
    if (base === undefined) throw r.fault('erofs.xattr', 'base_index', 'no such prefix');
    long.push(base + decodeFileName(infix));
    at += 2 + length;
  }
  return {
    prefix: (index) => (index & longPrefixFlag ? long[index & ~longPrefixFlag] : namePrefixes[index]),
  };
}

/**
 * The attributes of an inode: shared ones by number, then those behind the inode. Faults: erofs.xattr, limit.xattrs.
 */
export function readXattrs(volume: Volume, names: XattrNames, inode: Inode): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  if (inode.xattrSizeBytes === 0) return found;
  const body = volume.metadata.read(inode.xattrOffset, inode.xattrSizeBytes);
  const r = new ByteReader(body, `attributes of erofs inode ${inode.id}`, inode.xattrOffset);
  r.skip(4, 'h_name_filter');
  const sharedCount = r.u8('h_shared_count');
  r.skip(7, 'h_reserved2');
  const shared = Array.from({ length: sharedCount }, () => r.u32le('h_shared_xattrs'));
  while (r.remaining > 0) addEntry(found, names, inode, r);
  for (const number of shared) addEntry(found, names, inode, sharedEntry(volume, number));
  return found;
}

/** Shared attributes are numbered by their place, in units of four bytes. */
function sharedEntry(volume: Volume, number: number): ByteReader {
  const offset = volume.superblock.sharedXattrOffset + number * 4;
  const header = new ByteReader(volume.metadata.read(offset, entryBytes), `erofs shared attribute ${number}`, offset);
  const nameBytes = header.u8('e_name_len');
  header.skip(1, 'e_name_index');
  const length = entryBytes + nameBytes + header.u16le('e_value_size');
  return new ByteReader(volume.metadata.read(offset, length), `erofs shared attribute ${number}`, offset);
}

/** `struct erofs_xattr_entry`, padded to four bytes. */
function addEntry(found: Map<string, Uint8Array>, names: XattrNames, inode: Inode, r: ByteReader): void {
  const nameBytes = r.u8('e_name_len');
  const index = r.u8('e_name_index');
  const valueBytes = r.u16le('e_value_size');
  // mkfs.erofs can leave room for attributes to come: entries of zeros.
  if (nameBytes === 0 && index === 0 && valueBytes === 0) return;
  const prefix = names.prefix(index);
  if (prefix === undefined) throw r.fault('erofs.xattr', 'e_name_index', `${index} is no prefix`);
  const name = prefix + decodeFileName(r.bytes(nameBytes, 'e_name'));
  // A copy: what is read may be a window of metadata.
  const value = Uint8Array.from(r.bytes(valueBytes, 'e_value'));
  r.skip(Math.min(-(nameBytes + valueBytes) & 3, r.remaining), 'padding');
  if (name.includes('\0')) throw r.fault('erofs.xattr', 'e_name', 'it holds a NUL');
  // The kernel returns the first, a list would show both.
  if (found.has(name)) throw r.fault('erofs.xattr', 'e_name', `${JSON.stringify(name)} is given twice`);
  if (found.size >= limits.xattrs)
    throw contentFault('limit.xattrs', inode, `more than ${limits.xattrs} attributes`, inode.xattrOffset);
  found.set(name, value);
}
