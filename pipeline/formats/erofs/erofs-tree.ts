import { decodeFileName, Fault, type Source } from '../../core/index.ts';
import type { FileTree, TreeNode } from '../file-tree/index.ts';
import { type ContentReader, openContent } from './content.ts';
import { readDirectory } from './directory.ts';
import { pieceBytes } from './flat-content.ts';
import { contentFault, type Inode, readInode } from './inode.ts';
import { readSuperblock, type Superblock } from './superblock.ts';
import { openVolume } from './volume.ts';
import { readXattrNames, readXattrs, type XattrNames } from './xattrs.ts';

/**
 * Opens an erofs image (Linux fs/erofs, Documentation/filesystems/erofs.rst).
 *
 * Reads every layout of inodes: flat, inline, chunk-based, compressed with full and compact indexes, with big clusters,
 * inline tails, fragments and deduplication. Data compressed with lz4, deflate and zstd is read; lzma, the device table,
 * the 48-bit layout and metabox are refused by name.
 *
 * Content has no checksum in this format: what is malformed is refused, what is changed is not seen. dm-verity is for that.
 *
 * Faults: erofs.* , lz4.*, bytes.*, source.range, tree.kind, limit.*.
 */
export function openErofs(source: Source): FileTree {
  const superblock = readSuperblock(source);
  const volume = openVolume(source, superblock);
  const content = openContent(volume);
  const root = readInode(volume, superblock.rootNid);
  if (root.kind !== 'directory') throw contentFault('erofs.inode', root, 'the root is no directory');
  let names: XattrNames | undefined;
  // A node that a caller hands back is found again by its number: nothing of a tree is kept.
  const inodeOf = (node: TreeNode, kind: TreeNode['kind']): Inode => {
    const inode = readInode(volume, node.id);
    if (inode.kind !== kind)
      throw new Fault('tree.kind', `Cannot read erofs inode ${node.id} as ${kind}: it is a ${inode.kind}`);
    return inode;
  };
  return {
    facts: {
      format: 'erofs',
      label: superblock.label,
      uuid: superblock.uuid,
      blockSizeBytes: superblock.blockSizeBytes,
      compression: compressionOf(superblock),
      sizeBytes: superblock.sizeBytes,
    },
    root,
    list: (directory) => readDirectory(volume, content, inodeOf(directory, 'directory')),
    chunks: (file) => chunksOf(content, inodeOf(file, 'file')),
    target: (symlink) => readTarget(content, inodeOf(symlink, 'symlink')),
    xattrs: (node) => readXattrs(volume, (names ??= readXattrNames(volume, content)), readInode(volume, node.id)),
  };
}

/** What the superblock declares; images from before 2019 compress without saying so. */
function compressionOf({ compressions, zeroPadding, bigClusters }: Superblock): string | null {
  return (zeroPadding || bigClusters) && compressions.length > 0 ? compressions.join('+') : null;
}

function* chunksOf(content: ContentReader, file: Inode): Generator<Uint8Array> {
  for (const piece of content.pieces(file, 0, file.contentBytes))
    for (let at = 0; at < piece.length; at += pieceBytes) yield piece.subarray(at, at + pieceBytes);
}

function readTarget(content: ContentReader, symlink: Inode): string {
  const target = content.readRange(symlink, 0, symlink.contentBytes);
  // The kernel's target ends at the first NUL, a reader's would not.
  if (target.includes(0)) throw contentFault('erofs.content', symlink, 'the target holds a NUL');
  return decodeFileName(target);
}
