import { ByteReader, Fault, sliceSource, type Source } from '../../core/index.ts';
import type { FileTree, TreeNode } from '../file-tree/index.ts';
import { checkCompressorOptions } from './compressor-options.ts';
import { openContentReader } from './content.ts';
import { readDirectory } from './directory.ts';
import { type Inode, type InodeTable, openInodeTable } from './inode.ts';
import { openLookupTable } from './lookup-table.ts';
import { MetadataReader } from './metadata.ts';
import { readSuperblock, type Superblock } from './superblock.ts';
import { openXattrTable } from './xattrs.ts';

/**
 * Opens a squashfs 4.0 image, compressed with gzip, zstd, xz, lz4 or lzo. `facts.sizeBytes` are the bytes that the image
 * claims; the source may be longer, as images are padded. Nodes belong to the tree that made them.
 *
 * Written after Documentation/filesystems/squashfs.rst of Linux and the tree of Linux's reader: what Linux would read in
 * another way than here is refused, for instance one inode number for two inodes, which Linux tells apart by chance.
 *
 * Faults: squashfs.magic, squashfs.version, squashfs.compressor, squashfs.superblock, squashfs.truncated and those of
 * the tables it reads; limit.tree-entries.
 */
export function openSquashfs(source: Source): FileTree {
  const superblock = readSuperblock(source);
  const image = sliceSource(source, 0, superblock.bytesUsed, source.name);
  const metadata = new MetadataReader(image, superblock.compressor);
  checkCompressorOptions(superblock, metadata);
  const inodes = new Inodes(openInodeTable(superblock, metadata, readIds(image, superblock, metadata)));
  const xattrTable =
    superblock.xattrTableStart === null ? null : openXattrTable(image, metadata, superblock.xattrTableStart);
  const content = openContentReader(image, superblock, metadata, openFragments(image, superblock, metadata));
  const root = inodes.read(superblock.rootInode);
  if (root.kind !== 'directory')
    throw new Fault('squashfs.inode', `Cannot read squashfs: its root is a ${root.kind}, want a directory`);

  return Object.freeze<FileTree>({
    facts: Object.freeze({
      format: 'squashfs',
      label: null,
      uuid: null,
      blockSizeBytes: superblock.blockSizeBytes,
      compression: superblock.compressor,
      sizeBytes: superblock.bytesUsed,
    }),
    root,
    list(directory) {
      const { listing } = inodes.of(directory);
      if (listing === undefined) throw wrongKind(directory, 'directory');
      return readDirectory(superblock, metadata, listing).map((entry) => {
        const node = inodes.read(entry.reference);
        if (node.kind !== entry.kind || node.id !== entry.inodeNumber)
          throw new Fault(
            'squashfs.directory',
            `Cannot list a directory: entry ${JSON.stringify(entry.name)} is ${entry.kind} ${entry.inodeNumber}, its inode ${node.kind} ${node.id}`,
            { where: `squashfs directory, inode ${directory.id}` },
          );
        return { name: entry.name, node };
      });
    },
    chunks(file) {
      const found = inodes.of(file).content;
      if (found === undefined) throw wrongKind(file, 'file');
      return content.chunks(found);
    },
    target(symlink) {
      const { target } = inodes.of(symlink);
      if (target === undefined) throw wrongKind(symlink, 'symlink');
      return target;
    },
    xattrs(node) {
      const { xattr } = inodes.of(node);
      if (xattr === null) return new Map();
      if (xattrTable === null)
        throw new Fault('squashfs.xattr', `Cannot read the xattrs of inode ${node.id}: there is no xattr table`);
      return xattrTable.read(xattr);
    },
  });
}

/** The inodes met so far, found again by the node that callers hold. */
class Inodes {
  readonly #table: InodeTable;
  readonly #byNode = new WeakMap<TreeNode, Inode>();
  readonly #references = new Map<number, number>();

  constructor(table: InodeTable) {
    this.#table = table;
  }

  read(reference: number): TreeNode {
    const inode = this.#table.read(reference);
    const { node } = inode;
    const known = this.#references.get(node.id);
    // Linux caches inodes by number: with two inodes of one number it shows whichever was opened first.
    if (known !== undefined && known !== reference)
      throw new Fault('squashfs.inode', `Cannot read squashfs: inode number ${node.id} stands for two inodes`);
    this.#references.set(node.id, reference);
    this.#byNode.set(node, inode);
    return node;
  }

  of(node: TreeNode): Inode {
    const inode = this.#byNode.get(node);
    if (inode === undefined) throw new Fault('tree.node', 'Cannot use a node of another file tree');
    return inode;
  }
}

function readIds(image: Source, superblock: Superblock, metadata: MetadataReader): readonly number[] {
  const table = openLookupTable(image, metadata, {
    what: 'id table',
    listStart: superblock.idTableStart,
    count: superblock.idCount,
    recordBytes: 4,
  });
  return Array.from({ length: table.count }, (_, number) =>
    new ByteReader(table.read(number), 'squashfs id').u32le('id'),
  );
}

function openFragments(image: Source, superblock: Superblock, metadata: MetadataReader) {
  if (superblock.fragmentTableStart === null) return null;
  return openLookupTable(image, metadata, {
    what: 'fragment table',
    listStart: superblock.fragmentTableStart,
    count: superblock.fragmentCount,
    recordBytes: 16,
  });
}

function wrongKind(node: TreeNode, wanted: string): Fault {
  return new Fault('tree.kind', `Cannot read inode ${node.id} as a ${wanted}: it is a ${node.kind}`);
}
