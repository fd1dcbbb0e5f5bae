import type { FileTree, TreeNode } from '../formats/file-tree/index.ts';
import { locatedBelow } from './tree-location.ts';

/** No file system numbers an inode below zero. */
const rootId = -1;

/**
 * A file system as it is seen where it is mounted, so that paths and absolute links read as on the node: Flatcar's USR
 * partition and a DDI's usr partition hold what is below /usr.
 */
export function placeTree(tree: FileTree, mountPoint: 'usr'): FileTree {
  const root: TreeNode = Object.freeze({
    kind: 'directory',
    id: rootId,
    mode: 0o755,
    uid: 0,
    gid: 0,
    sizeBytes: 0,
    modifiedAt: tree.root.modifiedAt,
  });
  const entries = Object.freeze([Object.freeze({ name: mountPoint, node: tree.root })]);
  const placed = Object.freeze({
    facts: tree.facts,
    root,
    list: (directory: TreeNode) => (directory === root ? entries : tree.list(directory)),
    chunks: (file: TreeNode) => tree.chunks(file),
    target: (symlink: TreeNode) => tree.target(symlink),
    xattrs: (node: TreeNode) => (node === root ? new Map<string, Uint8Array>() : tree.xattrs(node)),
  });
  return locatedBelow(placed, tree);
}
