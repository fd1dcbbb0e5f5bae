import { closeSync, type BigIntStats, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { FileTree, NodeKind, TreeNode } from '../../pipeline/formats/file-tree/index.ts';

/** A directory of this machine as a file tree, for comparisons with tools that read directories. */
export function openDiskTree(directory: string): FileTree {
  const paths = new Map<number, string>();
  const nodeAt = (path: string): TreeNode => {
    const stats = lstatSync(path, { bigint: true });
    const id = Number(stats.ino);
    paths.set(id, path);
    const kind = kindOf(stats);
    const sizeBytes = kind === 'file' || kind === 'symlink' ? Number(stats.size) : 0;
    return { kind, id, mode: Number(stats.mode & 0o7777n), uid: 0, gid: 0, sizeBytes, modifiedAt: 0 };
  };
  const pathOf = (node: TreeNode) => paths.get(node.id) ?? directory;
  return {
    facts: { format: 'ext4', label: null, uuid: null, blockSizeBytes: 4096, compression: null, sizeBytes: 0 },
    root: nodeAt(directory),
    list: (node) => readdirSync(pathOf(node)).map((name) => ({ name, node: nodeAt(join(pathOf(node), name)) })),
    *chunks(node) {
      const descriptor = openSync(pathOf(node), 'r');
      try {
        const buffer = Buffer.alloc(256 * 1024);
        for (let read = readSync(descriptor, buffer); read > 0; read = readSync(descriptor, buffer))
          yield buffer.subarray(0, read);
      } finally {
        closeSync(descriptor);
      }
    },
    target: (node) => readlinkSync(pathOf(node)),
    xattrs: () => new Map(),
  };
}

function kindOf(stats: BigIntStats): NodeKind {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isFIFO()) return 'fifo';
  if (stats.isSocket()) return 'socket';
  return stats.isBlockDevice() ? 'block-device' : 'character-device';
}
