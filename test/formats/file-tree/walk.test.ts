import { describe, expect, it } from 'vitest';
import { limits } from '../../../pipeline/core/index.ts';
import {
  type FileTree,
  readFile,
  resolve,
  resolvePlaced,
  type TreeEntry,
  type TreeNode,
  walk,
} from '../../../pipeline/formats/file-tree/index.ts';
import { buildMemoryTree } from '../../support/memory-tree.ts';

const tree = buildMemoryTree({
  '/usr/lib/os-release': 'ID=flatcar\n',
  '/etc/os-release': { kind: 'symlink', target: '../usr/lib/os-release' },
  '/lib': { kind: 'symlink', target: '/usr/lib' },
  '/loop': { kind: 'symlink', target: 'loop' },
  '/escape': { kind: 'symlink', target: '../../../../usr/lib/os-release' },
  '/usr/lib/z': 'z',
  '/usr/lib/a': 'a',
});

/** A tree of directories made by a rule, to show what walking refuses. */
function ruledTree(childrenOf: (node: TreeNode) => readonly TreeEntry[]): FileTree {
  return { ...tree, root: directory(0), list: childrenOf };
}

function directory(id: number): TreeNode {
  return { kind: 'directory', id, mode: 0o755, uid: 0, gid: 0, sizeBytes: 0, modifiedAt: 0 };
}

describe('walking a file tree', () => {
  it('visits directories before their content, names by code unit', () => {
    expect([...walk(tree)].map((entry) => entry.path)).toEqual([
      '/escape',
      '/etc',
      '/etc/os-release',
      '/lib',
      '/loop',
      '/usr',
      '/usr/lib',
      '/usr/lib/a',
      '/usr/lib/os-release',
      '/usr/lib/z',
    ]);
  });

  it('refuses a directory that contains itself', () => {
    const cyclic = ruledTree((node) => [{ name: 'again', node }]);
    expect(() => [...walk(cyclic)]).toThrow(expect.objectContaining({ code: 'tree.cycle' }));
  });

  it('refuses a tree that never ends downwards', () => {
    const endless = ruledTree((node) => [{ name: 'deeper', node: directory(node.id + 1) }]);
    expect(() => [...walk(endless)]).toThrow(expect.objectContaining({ code: 'limit.tree-depth' }));
  });

  it('refuses a tree of more entries than its limit', () => {
    const wide = Array.from({ length: 200_000 }, (_, at) => ({
      name: `f${at}`,
      node: { ...directory(at + 100), kind: 'file' as const },
    }));
    const endless = ruledTree((node) =>
      node.id === 0
        ? Array.from({ length: limits.treeEntries / 200_000 + 1 }, (_, at) => ({
            name: `d${at}`,
            node: directory(at + 1),
          }))
        : wide,
    );
    expect(() => {
      for (const _ of walk(endless));
    }).toThrow(expect.objectContaining({ code: 'limit.tree-entries' }));
  });
});

describe('resolving a path', () => {
  it('follows links inside the tree, and stops at its root', () => {
    for (const path of ['/etc/os-release', '/lib/os-release', '/escape', '/etc/../lib/./os-release']) {
      expect(resolvePlaced(tree, path)?.path).toBe('/usr/lib/os-release');
    }
  });

  it('gives the link itself where that is asked for', () => {
    expect(resolve(tree, '/etc/os-release', { followLast: false })?.kind).toBe('symlink');
  });

  it('gives nothing for what is not there, and for a path through a file', () => {
    expect(resolve(tree, '/usr/lib/none')).toBeUndefined();
    expect(resolve(tree, '/usr/lib/a/b')).toBeUndefined();
  });

  it('refuses links that lead in a circle', () => {
    expect(() => resolve(tree, '/loop')).toThrow(expect.objectContaining({ code: 'limit.symlinks' }));
  });

  it('refuses links that multiply a path', () => {
    const bomb = buildMemoryTree({ '/a': { kind: 'symlink', target: `a${'/a'.repeat(2000)}` } });
    expect(() => resolve(bomb, '/a')).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^limit\./) as string }),
    );
  });
});

describe('reading a whole file', () => {
  const node = resolve(tree, '/usr/lib/os-release') as TreeNode;

  it('gives its bytes', () => {
    expect(Buffer.from(readFile(tree, node, 100)).toString()).toBe('ID=flatcar\n');
  });

  it('refuses one that is larger than wanted, before it is read', () => {
    expect(() => readFile(tree, node, 5)).toThrow(expect.objectContaining({ code: 'limit.file-bytes' }));
  });

  it.each([
    ['more', 'ID=flatcar\nMORE=1\n'],
    ['less', 'ID'],
  ])('refuses a file system that gives %s content than it says', (_, content) => {
    const lying: FileTree = { ...tree, chunks: () => [Buffer.from(content)] };
    expect(() => readFile(lying, node, 100)).toThrow(expect.objectContaining({ code: 'tree.size' }));
  });

  it('refuses what is no regular file', () => {
    expect(() => readFile(tree, tree.root, 100)).toThrow(expect.objectContaining({ code: 'tree.kind' }));
  });
});
