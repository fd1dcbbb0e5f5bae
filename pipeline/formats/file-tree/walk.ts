import { compareText, Fault, limits } from '../../core/index.ts';
import type { FileTree, TreeEntry, TreeNode } from './file-tree.ts';

/** An entry with its absolute path inside the tree: `/lib/os-release`. */
export type PlacedEntry = TreeEntry & { readonly path: string };

/**
 * Every entry below a directory, directories before their content, names sorted by code unit so that the order is a
 * function of the content. A directory that is reached twice (a cycle or a hard link to a directory) is refused.
 * Faults: tree.cycle, limit.tree-depth, limit.tree-entries, and those of the format.
 */
export function* walk(tree: FileTree, from: TreeNode = tree.root, base = ''): Generator<PlacedEntry> {
  const visited = new Set<number>();
  let count = 0;
  const open = (node: TreeNode, path: string): Iterator<PlacedEntry> => {
    if (visited.has(node.id))
      throw new Fault('tree.cycle', `Cannot walk ${path}: the directory is reached a second time`, { where: path });
    visited.add(node.id);
    return sorted(tree.list(node))
      .map((entry) => ({ ...entry, path: `${path}/${entry.name}` }))
      .values();
  };
  const stack = [open(from, base)];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const step = top.next();
    if (step.done === true) {
      stack.pop();
      continue;
    }
    const entry = step.value;
    if (++count > limits.treeEntries)
      throw new Fault('limit.tree-entries', `Cannot walk the file tree: more than ${limits.treeEntries} entries`, {
        where: entry.path,
      });
    yield entry;
    if (entry.node.kind !== 'directory') continue;
    if (stack.length >= limits.treeDepth)
      throw new Fault('limit.tree-depth', `Cannot walk the file tree: deeper than ${limits.treeDepth} directories`, {
        where: entry.path,
      });
    stack.push(open(entry.node, entry.path));
  }
}

function sorted(entries: readonly TreeEntry[]): TreeEntry[] {
  return [...entries].sort((a, b) => compareText(a.name, b.name));
}

/**
 * The node at an absolute path, or undefined where nothing is there. Symbolic links are followed inside the tree as
 * chroot would, the last component's too unless `followLast` is false.
 * Faults: limit.symlinks, limit.path, and those of the format.
 */
export function resolve(
  tree: FileTree,
  path: string,
  options: { readonly followLast?: boolean } = {},
): TreeNode | undefined {
  return resolvePlaced(tree, path, options)?.node;
}

/** As resolve, with the path that the node really has. */
export function resolvePlaced(
  tree: FileTree,
  path: string,
  { followLast = true }: { readonly followLast?: boolean } = {},
): { readonly node: TreeNode; readonly path: string } | undefined {
  const pending = components(path);
  const trail: { name: string; node: TreeNode }[] = [];
  let links = 0;
  for (let name = pending.shift(); name !== undefined; name = pending.shift()) {
    if (name === '..') {
      trail.pop();
      continue;
    }
    const directory = trail.at(-1)?.node ?? tree.root;
    if (directory.kind !== 'directory') return undefined;
    const entry = tree.list(directory).find((candidate) => candidate.name === name);
    if (entry === undefined) return undefined;
    const follow = entry.node.kind === 'symlink' && (followLast || pending.length > 0);
    if (!follow) {
      trail.push({ name, node: entry.node });
      continue;
    }
    if (++links > limits.symlinks)
      throw new Fault('limit.symlinks', `Cannot resolve ${path}: more than ${limits.symlinks} symbolic links`, {
        where: path,
      });
    const target = tree.target(entry.node);
    if (target.startsWith('/')) trail.length = 0;
    pending.unshift(...components(target));
    if (pending.length > limits.pathBytes)
      throw new Fault(
        'limit.path',
        `Cannot resolve ${path}: its links make a path of more than ${limits.pathBytes} names`,
        { where: path },
      );
  }
  return { node: trail.at(-1)?.node ?? tree.root, path: `/${trail.map((step) => step.name).join('/')}` };
}

function components(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

/** The whole content of a regular file that must not be larger than `maxBytes`. Faults: tree.kind, limit.file-bytes. */
export function readFile(tree: FileTree, file: TreeNode, maxBytes: number, path = 'file'): Uint8Array {
  if (file.kind !== 'file')
    throw new Fault('tree.kind', `Cannot read ${path}: it is a ${file.kind}, want a regular file`, { where: path });
  if (file.sizeBytes > maxBytes)
    throw new Fault(
      'limit.file-bytes',
      `Cannot read ${path}: it has ${file.sizeBytes} bytes, want at most ${maxBytes}`,
      { where: path },
    );
  const content = new Uint8Array(file.sizeBytes);
  let filled = 0;
  for (const chunk of tree.chunks(file)) {
    if (filled + chunk.byteLength > content.byteLength)
      throw new Fault('tree.size', `Cannot read ${path}: more content than its ${file.sizeBytes} bytes`, {
        where: path,
      });
    content.set(chunk, filled);
    filled += chunk.byteLength;
  }
  if (filled !== content.byteLength)
    throw new Fault('tree.size', `Cannot read ${path}: ${filled} bytes of content, want ${file.sizeBytes}`, {
      where: path,
    });
  return content;
}
