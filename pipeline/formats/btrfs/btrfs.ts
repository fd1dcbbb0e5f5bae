import { decodeFileName, Fault, limits, type Source, within } from '../../core/index.ts';
import type { FileSystemFacts, FileTree, NodeKind, TreeEntry, TreeNode } from '../file-tree/index.ts';
import { ContentReader } from './content.ts';
import { type DirectoryEntry, readDirectory, readXattrs } from './directory.ts';
import { type Inode, readInode } from './inode.ts';
import type { Tree } from './search.ts';
import { findDefaultSubvolume, isPlaceOfSubvolume, readRoot } from './subvolume.ts';
import { incompatFlag, type Superblock } from './superblock.ts';
import { openVolume, type Volume } from './volume.ts';

/** A btrfs file system as it is mounted without options: its default subvolume, with those that are placed in it. */
export type Btrfs = FileTree & {
  readonly subvolume: { readonly id: number; readonly readOnly: boolean };
};

/**
 * Opens a btrfs file system of one device with single or duplicated chunks. `facts.sizeBytes` is the superblock's
 * total_bytes: where dm-verity protects the file system as Flatcar does it, the hash tree starts there.
 *
 * Every node is checked against its checksum and its parent, every sector of content against its checksum, as Linux does.
 * Faults: btrfs.*, bytes.*, limit.*, source.range. What no supported image has is refused by name (btrfs.unsupported,
 * btrfs.checksum-type).
 * Source: btrfs "On-disk format" (btrfs.readthedocs.io); Linux fs/btrfs.
 */
export function openBtrfs(source: Source): Btrfs {
  return within(source.name, () => new BtrfsTree(openVolume(source)));
}

type Subvolume = { readonly id: number; readonly tree: Tree };

/**
 * Inodes are numbered in each subvolume anew, so a node's id is the subvolume's ordinal and the inode's number. Both
 * together stay below 2^53.
 */
const inodesPerSubvolume = 2 ** 44;

class BtrfsTree implements Btrfs {
  readonly facts: FileSystemFacts;
  readonly root: TreeNode;
  readonly subvolume: Btrfs['subvolume'];
  readonly #volume: Volume;
  readonly #content: ContentReader;
  /** Those entered so far; the position is the ordinal. */
  readonly #subvolumes: Subvolume[] = [];

  constructor(volume: Volume) {
    this.#volume = volume;
    this.#content = new ContentReader(volume);
    const id = findDefaultSubvolume(volume.rootTree);
    this.subvolume = Object.freeze({ id, readOnly: readRoot(volume.rootTree, id).readOnly });
    this.root = this.#enterSubvolume(id);
    this.facts = describe(volume.superblock, this.xattrs(this.root));
  }

  list(directory: TreeNode): readonly TreeEntry[] {
    requireKind(directory, 'list', 'directory');
    const { subvolume, ordinal, number } = this.#locate(directory);
    return readDirectory(subvolume.tree, number).map((entry) => {
      const node =
        entry.target === 'inode'
          ? this.#node(ordinal, entry.targetId)
          : this.#enterPlacedSubvolume(subvolume, number, entry);
      if (node.kind !== entry.kind)
        throw new Fault('btrfs.directory', `Cannot list ${entry.name}: a ${node.kind}, its entry says ${entry.kind}`);
      return Object.freeze({ name: entry.name, node });
    });
  }

  chunks(file: TreeNode): Iterable<Uint8Array> {
    requireKind(file, 'read', 'file');
    return this.#read(file);
  }

  target(symlink: TreeNode): string {
    requireKind(symlink, 'read', 'symlink');
    return decodeFileName(Buffer.concat([...this.#read(symlink)]));
  }

  xattrs(node: TreeNode): ReadonlyMap<string, Uint8Array> {
    const { subvolume, number } = this.#locate(node);
    return readXattrs(subvolume.tree, number);
  }

  #read(node: TreeNode): Generator<Uint8Array> {
    const { subvolume, number } = this.#locate(node);
    return this.#content.read(subvolume.tree, number, readInode(subvolume.tree, number));
  }

  #locate(node: TreeNode): { subvolume: Subvolume; ordinal: number; number: number } {
    const ordinal = Math.floor(node.id / inodesPerSubvolume);
    const subvolume = this.#subvolumes[ordinal];
    if (subvolume === undefined) throw new Fault('btrfs.inode', `Cannot read inode ${node.id}: it is of another tree`);
    return { subvolume, ordinal, number: node.id % inodesPerSubvolume };
  }

  #node(ordinal: number, number: number): TreeNode {
    if (number >= inodesPerSubvolume) throw new Fault('btrfs.inode', `Cannot read inode ${number}: number too large`);
    const { tree } = this.#subvolumes[ordinal] as Subvolume;
    return describeInode(ordinal * inodesPerSubvolume + number, readInode(tree, number));
  }

  #enterPlacedSubvolume(parent: Subvolume, directory: number, { name, targetId }: DirectoryEntry): TreeNode {
    const { rootTree } = this.#volume;
    if (!isPlaceOfSubvolume(rootTree, { parent: parent.id, directory, name, subvolume: targetId })) {
      throw new Fault(
        'btrfs.unsupported',
        `Cannot list ${name}: the entry of a subvolume that has its place elsewhere, as a snapshot keeps it`,
      );
    }
    return this.#enterSubvolume(targetId);
  }

  #enterSubvolume(id: number): TreeNode {
    const { pointer, rootDirectory } = readRoot(this.#volume.rootTree, id);
    let ordinal = this.#subvolumes.findIndex((entered) => entered.id === id);
    if (ordinal < 0) {
      if (this.#subvolumes.length >= limits.btrfsSubvolumes)
        throw new Fault('limit.btrfs-subvolumes', `Cannot read btrfs: more than ${limits.btrfsSubvolumes} subvolumes`);
      ordinal = this.#subvolumes.push({ id, tree: this.#volume.openTree(pointer) }) - 1;
    }
    const root = this.#node(ordinal, rootDirectory);
    requireKind(root, `open subvolume ${id}: its root`, 'directory');
    return root;
  }
}

function requireKind(node: TreeNode, verb: string, wanted: NodeKind): void {
  if (node.kind !== wanted) throw new Fault('tree.kind', `Cannot ${verb}: it is a ${node.kind}, want a ${wanted}`);
}

function describeInode(id: number, inode: Inode): TreeNode {
  const { kind, mode, uid, gid, sizeBytes, modifiedAt, device } = inode;
  const node = { kind, id, mode, uid, gid, sizeBytes, modifiedAt };
  return Object.freeze(device === undefined ? node : { ...node, device: Object.freeze(device) });
}

/** Compression is a property of files; the root directory's is what all others inherited, the feature flags say what was used. */
function describe(superblock: Superblock, rootXattrs: ReadonlyMap<string, Uint8Array>): FileSystemFacts {
  const property = decodeFileName(rootXattrs.get('btrfs.compression') ?? new Uint8Array(0));
  const used = (flag: bigint): boolean => (superblock.incompatFlags & flag) !== 0n;
  const flagged = used(incompatFlag.compressZstd) ? 'zstd' : used(incompatFlag.compressLzo) ? 'lzo' : null;
  return Object.freeze({
    format: 'btrfs',
    label: superblock.label === '' ? null : superblock.label,
    uuid: superblock.uuid,
    blockSizeBytes: superblock.sectorBytes,
    compression: property === '' ? flagged : property === 'none' || property === 'no' ? null : property,
    sizeBytes: superblock.totalBytes,
  });
}
