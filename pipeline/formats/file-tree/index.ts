export type { FileSystemFacts, FileSystemFormat, FileTree, NodeKind, TreeEntry, TreeNode } from './file-tree.ts';
export { type PlacedEntry, readFile, resolve, resolvePlaced, walk } from './walk.ts';
