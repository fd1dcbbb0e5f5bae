import type { Source, SourceLocation } from '../core/index.ts';
import type { FileTree } from '../formats/file-tree/index.ts';

/** Where another thread finds the bytes of a tree, and how the tree is placed: plain values that threads can be sent. */
export type TreeLocation = SourceLocation & { readonly sizeBytes: number; readonly placedAt: 'usr' | null };

const locations = new WeakMap<FileTree, TreeLocation>();

/** Remembers where a tree that was just opened is; one that is only in memory has no place. */
export function located(tree: FileTree, { location, sizeBytes }: Source): FileTree {
  if (location !== undefined) locations.set(tree, { ...location, sizeBytes, placedAt: null });
  return tree;
}

/** Remembers that a tree is another one, placed. */
export function locatedBelow(placed: FileTree, tree: FileTree): FileTree {
  const location = locations.get(tree);
  if (location !== undefined) locations.set(placed, { ...location, placedAt: 'usr' });
  return placed;
}

/** Where a tree is; undefined for bytes that are only in memory. */
export function locateTree(tree: FileTree): TreeLocation | undefined {
  return locations.get(tree);
}
