import { type ByteReader, decodeFileName, Fault, limits } from '../../core/index.ts';
import { crc32c } from '../crc32c/index.ts';
import type { NodeKind } from '../file-tree/index.ts';
import { itemType } from './key.ts';
import type { Tree } from './search.ts';

/** What a name leads to: an inode of the same subvolume, or the root of another one. */
export type DirectoryEntry = {
  readonly name: string;
  readonly target: 'inode' | 'subvolume';
  readonly targetId: number;
  readonly kind: NodeKind;
};

/** BTRFS_FT_*: the kind of a directory entry's target. */
const kindsByEntryType: Readonly<Record<number, NodeKind>> = {
  1: 'file',
  2: 'directory',
  3: 'character-device',
  4: 'block-device',
  5: 'fifo',
  6: 'socket',
  7: 'symlink',
};
const xattrEntryType = 8;

/**
 * The entries of a directory in the order of its index, as readdir shows them. Linux opens a path by another set of
 * items, keyed by the hash of the name: an entry that is in one set only would be a file that is run but never listed,
 * so both must agree.
 * Faults: btrfs.directory, limit.directory-entries, bytes.*, those of nodes.
 */
export function readDirectory(tree: Tree, inode: number): readonly DirectoryEntry[] {
  const indexed: DirectoryEntry[] = [];
  for (const item of tree.items(inode, itemType.dirIndex)) {
    const r = item.reader(`index of directory ${inode}`);
    const { entry } = parseDirectoryEntry(r);
    r.end();
    indexed.push(entry);
    refuseMore(indexed.length, inode);
  }
  const named = readNamedEntries(tree, inode);
  const disagrees = indexed.find((entry) => !named.delete(identify(entry)));
  const missing = disagrees === undefined ? named.values().next().value : identify(disagrees);
  if (missing !== undefined) {
    throw new Fault(
      'btrfs.directory',
      `Cannot list directory ${inode}: its index and its names differ in ${JSON.stringify(missing)}`,
    );
  }
  return indexed;
}

/** The entries by which paths are opened: several may share an item, as several names may share a hash. */
function readNamedEntries(tree: Tree, inode: number): Set<string> {
  const named = new Set<string>();
  const names = new Set<string>();
  for (const item of tree.items(inode, itemType.dirItem)) {
    const r = item.reader(`names of directory ${inode}`);
    while (r.remaining > 0) {
      const { entry, hash } = parseDirectoryEntry(r);
      if (hash !== item.offset) throw r.fault('btrfs.directory', 'name', `its hash is ${hash}, want ${item.offset}`);
      if (names.has(entry.name)) throw r.fault('btrfs.directory', 'name', `${JSON.stringify(entry.name)} stands twice`);
      names.add(entry.name);
      named.add(identify(entry));
      refuseMore(names.size, inode);
    }
  }
  return named;
}

function refuseMore(count: number, inode: number): void {
  if (count > limits.directoryEntries)
    throw new Fault(
      'limit.directory-entries',
      `Cannot list directory ${inode}: more than ${limits.directoryEntries} entries`,
    );
}

function identify(entry: DirectoryEntry): string {
  return `${entry.name}: ${entry.kind} ${entry.target} ${entry.targetId}`;
}

/** struct btrfs_dir_item: location, transid, data_len, name_len, type, then the name. */
export function parseDirectoryEntry(r: ByteReader): { readonly entry: DirectoryEntry; readonly hash: number } {
  const targetId = r.u64le('location.objectid');
  const locationType = r.u8('location.type');
  r.skip(8 + 8, 'location.offset and transid');
  const dataLength = r.u16le('data_len');
  const nameLength = r.u16le('name_len');
  // The bit 0x80 marks an encrypted name, which its own feature flag announces.
  const kind = kindsByEntryType[r.u8('type')];
  if (kind === undefined) throw r.fault('btrfs.directory', 'type', 'of no known kind');
  if (dataLength !== 0) throw r.fault('btrfs.directory', 'data_len', `${dataLength}, want 0`);
  const raw = r.bytes(nameLength, 'name');
  const name = decodeFileName(raw);
  if (nameLength === 0 || nameLength > 255 || name === '.' || name === '..' || raw.includes(0) || raw.includes(0x2f))
    throw r.fault('btrfs.directory', 'name', `${JSON.stringify(name)} cannot be the name of a file`);
  if (locationType !== itemType.inode && locationType !== itemType.root)
    throw r.fault('btrfs.directory', 'location.type', `${locationType}, want an inode or a subvolume`);
  const target = locationType === itemType.inode ? 'inode' : 'subvolume';
  return { entry: { name, target, targetId, kind }, hash: hashName(raw) };
}

/** btrfs_name_hash: the register of CRC-32C from ~1, not inverted at the end. */
export function hashName(name: Uint8Array): number {
  return ~crc32c(name, 1) >>> 0;
}

/** The extended attributes of an inode by full name: kept as directory entries whose data is the value. */
export function readXattrs(tree: Tree, inode: number): ReadonlyMap<string, Uint8Array> {
  const xattrs = new Map<string, Uint8Array>();
  for (const item of tree.items(inode, itemType.xattr)) {
    const r = item.reader(`attributes of inode ${inode}`);
    while (r.remaining > 0) {
      r.skip(8 + 1 + 8 + 8, 'location and transid');
      const valueLength = r.u16le('data_len');
      const nameLength = r.u16le('name_len');
      const type = r.u8('type');
      if (type !== xattrEntryType) throw r.fault('btrfs.xattr', 'type', `${type}, want ${xattrEntryType}`);
      const raw = r.bytes(nameLength, 'name');
      const name = decodeFileName(raw);
      // Linux finds an attribute by the hash of its name.
      if (hashName(raw) !== item.offset) throw r.fault('btrfs.xattr', 'name', `its hash is not ${item.offset}`);
      if (xattrs.has(name)) throw r.fault('btrfs.xattr', 'name', `${JSON.stringify(name)} stands twice`);
      if (xattrs.size >= limits.xattrs) throw r.fault('limit.xattrs', 'name', `more than ${limits.xattrs} attributes`);
      xattrs.set(name, new Uint8Array(r.bytes(valueLength, 'value')));
    }
  }
  return xattrs;
}
