import { decodeFileName, Fault } from '../../core/index.ts';
import { hashName, parseDirectoryEntry } from './directory.ts';
import { itemType, objectId } from './key.ts';
import type { NodePointer } from './node.ts';
import type { Tree } from './search.ts';

/** struct btrfs_root_item: where a tree starts, and for a subvolume which inode is its root directory. */
export type RootItem = {
  readonly pointer: NodePointer;
  readonly rootDirectory: number;
  readonly readOnly: boolean;
};

const readOnlyFlag = 1n;

/** The root of a tree by its id. Faults: btrfs.tree, bytes.*, those of nodes. */
export function readRoot(rootTree: Tree, id: number): RootItem {
  const item = rootTree.lastItem(id, itemType.root);
  if (item === undefined) throw new Fault('btrfs.tree', `Cannot read btrfs: tree ${id} does not exist`);
  const r = item.reader(`root of tree ${id}`);
  r.skip(160, 'inode');
  const generation = r.u64le('generation');
  const rootDirectory = r.u64le('root_dirid');
  const bytenr = r.u64le('bytenr');
  r.skip(8 + 8 + 8, 'byte_limit, bytes_used and last_snapshot');
  const flags = r.u64leBig('flags');
  if (r.u32le('refs') === 0) throw r.fault('btrfs.tree', 'refs', 'the tree is deleted');
  r.skip(17 + 1, 'drop_progress and drop_level');
  const level = r.u8('level');
  return { pointer: { bytenr, level, generation }, rootDirectory, readOnly: (flags & readOnlyFlag) !== 0n };
}

const defaultName = Buffer.from('default');

/** The subvolume that is mounted when none is named: the entry `default` of the root tree's directory, else the first one. */
export function findDefaultSubvolume(rootTree: Tree): number {
  const item = rootTree.item(objectId.rootDirectory, itemType.dirItem, hashName(defaultName));
  if (item === undefined) return objectId.fileTree;
  const r = item.reader('default subvolume');
  const { entry } = parseDirectoryEntry(r);
  r.end();
  if (entry.name !== 'default' || entry.target !== 'subvolume')
    throw r.fault('btrfs.tree', 'default', 'the entry names no subvolume');
  return entry.targetId;
}

/**
 * Whether a directory's entry is the place of a subvolume. A snapshot copies the entries of the subvolumes that it does
 * not hold; there Linux shows an empty directory.
 */
export function isPlaceOfSubvolume(
  rootTree: Tree,
  place: { readonly parent: number; readonly directory: number; readonly name: string; readonly subvolume: number },
): boolean {
  const item = rootTree.item(place.parent, itemType.rootReference, place.subvolume);
  if (item === undefined) return false;
  const r = item.reader(`place of subvolume ${place.subvolume}`);
  const directory = r.u64le('dirid');
  r.skip(8, 'sequence');
  const name = r.bytes(r.u16le('name_len'), 'name');
  r.end();
  return directory === place.directory && decodeFileName(name) === place.name;
}
