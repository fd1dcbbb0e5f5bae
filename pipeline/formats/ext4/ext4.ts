import { decodeFileName, Fault, limits, type Source } from '../../core/index.ts';
import type { FileTree, NodeKind, TreeEntry, TreeNode } from '../file-tree/index.ts';
import { runsOf } from './block-map.ts';
import { openContent } from './content-source.ts';
import { LinkList } from './directory.ts';
import { type Inode, readDirectorySize, readInode } from './inode.ts';
import { Volume } from './volume.ts';
import { readInlineRest, readXattrs } from './xattr.ts';

const rootInode = 2;
const chunkBytes = 1024 * 1024;

/**
 * Opens an ext2, ext3 or ext4 file system as the kernel's documentation describes it (Documentation/filesystems/ext4).
 * Where it has metadata checksums, every piece of metadata that is read is checked. The journal is not replayed: a file
 * system that needs it is refused, as are features that change how content is stored (encryption, compression, case
 * folding, attributes in inodes).
 *
 * Faults: ext4.*, limit.* and source.range; on every method of the tree too.
 */
export function openExt4(source: Source): FileTree {
  const volume = new Volume(source);
  const { superblock } = volume;
  const inodeOf = (node: TreeNode, wanted: NodeKind): Inode => {
    const inode = readInode(volume, node.id);
    if (inode.node.kind !== wanted)
      throw new Fault('tree.kind', `Cannot read inode ${node.id} as a ${wanted}: it is a ${inode.node.kind}`);
    return inode;
  };
  const root = readInode(volume, rootInode).node;
  if (root.kind !== 'directory')
    throw new Fault('ext4.inode', `Cannot open ${source.name} as ext4: its root is a ${root.kind}`);
  return {
    facts: {
      format: 'ext4',
      label: superblock.label,
      uuid: superblock.uuid,
      blockSizeBytes: superblock.blockBytes,
      compression: null,
      sizeBytes: superblock.blockCount * superblock.blockBytes,
    },
    root,
    list: (directory) => readDirectory(volume, inodeOf(directory, 'directory')),
    chunks: (file) => readChunks(volume, inodeOf(file, 'file')),
    source: (file) => openContent(volume, inodeOf(file, 'file')),
    target: (symlink) => readTarget(volume, inodeOf(symlink, 'symlink')),
    xattrs: (node) => readXattrs(volume, readInode(volume, node.id)),
  };
}

function readDirectory(volume: Volume, inode: Inode): readonly TreeEntry[] {
  const list = new LinkList(volume, inode);
  if (inode.inline) {
    // "Inline Directories": the parent's number, then entries, then more entries in the attribute.
    list.addEntries(inode.block.subarray(4));
    list.addEntries(Buffer.from(readInlineRest(inode)));
  } else addBlocks(volume, inode, list);
  return list.links.map(({ name, inode }) => ({ name, node: readInode(volume, inode).node }));
}

function addBlocks(volume: Volume, inode: Inode, list: LinkList): void {
  const { blockBytes } = volume.superblock;
  const sizeBytes = readDirectorySize(volume, inode.node.id);
  // A directory has no holes, so it cannot be larger than the file system either.
  if (sizeBytes > Math.min(limits.ext4DirectoryBytes, volume.superblock.blockCount * blockBytes))
    throw new Fault('limit.ext4-directory-bytes', `Cannot read directory inode ${inode.node.id}: ${sizeBytes} bytes`);
  for (const run of runsOf(volume, inode, Math.ceil(sizeBytes / blockBytes)))
    for (let index = 0; index < run.count; index++)
      list.addBlock(volume.readBlock(run.physical + index, `directory inode ${inode.node.id}`), run.logical + index);
}

function readTarget(volume: Volume, inode: Inode): string {
  const { sizeBytes, id } = inode.node;
  if (sizeBytes > limits.pathBytes || sizeBytes === 0)
    throw new Fault('limit.path-bytes', `Cannot read symbolic link inode ${id}: a target of ${sizeBytes} bytes`);
  if (inode.fastSymlink && sizeBytes >= inode.block.byteLength)
    throw new Fault('ext4.inode', `Cannot read symbolic link inode ${id}: ${sizeBytes} bytes and no blocks`);
  const target = inode.fastSymlink
    ? inode.block.subarray(0, sizeBytes)
    : Buffer.concat(Array.from(readChunks(volume, inode), (chunk) => Buffer.from(chunk)));
  if (target.includes(0)) throw new Fault('ext4.inode', `Cannot read symbolic link inode ${id}: a NUL in its target`);
  return decodeFileName(target);
}

/** The content of a file or a long symbolic link: its runs, and zeros where there is none. */
function* readChunks(volume: Volume, inode: Inode): Generator<Uint8Array> {
  const { sizeBytes } = inode.node;
  if (inode.inline) {
    yield readInlineContent(inode);
    return;
  }
  const { blockBytes } = volume.superblock;
  const chunkBlocks = chunkBytes / blockBytes;
  const buffer = new Uint8Array(Math.min(sizeBytes, chunkBytes));
  let position = 0;
  for (const run of runsOf(volume, inode, Math.ceil(sizeBytes / blockBytes))) {
    yield* zeros(run.logical * blockBytes - position);
    position = run.logical * blockBytes;
    for (let done = 0; done < run.count; done += chunkBlocks) {
      const count = Math.min(chunkBlocks, run.count - done);
      const length = Math.min(count * blockBytes, sizeBytes - position);
      yield volume.readBlocksInto(buffer, run.physical + done, count, length, `inode ${inode.node.id}`);
      position += length;
    }
  }
  yield* zeros(sizeBytes - position);
}

function* zeros(sizeBytes: number): Generator<Uint8Array> {
  if (sizeBytes <= 0) return;
  const chunk = new Uint8Array(Math.min(sizeBytes, chunkBytes));
  for (let left = sizeBytes; left > 0; left -= chunk.byteLength)
    yield left < chunk.byteLength ? chunk.subarray(0, left) : chunk;
}

function readInlineContent(inode: Inode): Uint8Array {
  const { sizeBytes, id } = inode.node;
  const content = Buffer.concat([inode.block, readInlineRest(inode)]);
  if (sizeBytes > content.byteLength)
    throw new Fault('ext4.inode', `Cannot read inode ${id}: ${sizeBytes} bytes, have ${content.byteLength} inline`);
  return content.subarray(0, sizeBytes);
}
