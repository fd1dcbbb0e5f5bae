import { describe, expect, it } from 'vitest';
import { limits } from '../../pipeline/core/index.ts';
import type { FileTree, TreeNode } from '../../pipeline/formats/file-tree/index.ts';
import { collectInventory } from '../../pipeline/inventory/index.ts';
import { buildMemoryTree } from '../support/memory-tree.ts';

/** A tree whose files say that they are large, and which counts what is read of them. */
function sparseTree(files: number, sizeBytes: number): FileTree & { readonly opened: () => number } {
  const tree = buildMemoryTree(Object.fromEntries(Array.from({ length: files }, (_, at) => [`/usr/bin/${at}`, ''])));
  let opened = 0;
  return {
    ...tree,
    list: (directory) =>
      tree
        .list(directory)
        .map(({ name, node }) => ({ name, node: node.kind === 'file' ? { ...node, sizeBytes } : node })),
    chunks: (file: TreeNode) => {
      opened++;
      return tree.chunks(file);
    },
    opened: () => opened,
  };
}

describe('the content of a tree', () => {
  it('has a limit for all files together, which is checked before any of it is read', () => {
    const tree = sparseTree(3, limits.treeContentBytes / 2);
    expect(() => collectInventory(tree, { mount: '' })).toThrow(
      expect.objectContaining({ code: 'limit.tree-content' }) as Error,
    );
    expect(tree.opened()).toBe(0);
  });

  it('counts a file with several names once', () => {
    const links = Object.fromEntries(
      Array.from({ length: 50 }, (_, at) => [`/usr/bin/${at}`, at === 0 ? 'x'.repeat(1000) : { linkTo: '/usr/bin/0' }]),
    );
    const tree = buildMemoryTree(links);
    expect(collectInventory(tree, { mount: '' }).files).toHaveLength(50);
    expect([...tree.reads.values()]).toEqual([1000]);
  });
});
