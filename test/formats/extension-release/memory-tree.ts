import type { FileTree, TreeNode } from '../../../pipeline/formats/file-tree/index.ts';

type Leaf = { readonly text: string; readonly xattrs?: Record<string, string> } | { readonly link: string };

/** A file tree of a few files in memory. */
export function memoryTree(leaves: Readonly<Record<string, Leaf>>): FileTree {
  const children = new Map<number, Map<string, TreeNode>>();
  const contents = new Map<number, Leaf>();
  let count = 0;
  const node = (kind: TreeNode['kind'], sizeBytes = 0): TreeNode => ({
    kind,
    id: count++,
    mode: 0o755,
    uid: 0,
    gid: 0,
    sizeBytes,
    modifiedAt: 0,
  });
  const directory = () => {
    const made = node('directory');
    children.set(made.id, new Map());
    return made;
  };
  const root = directory();
  for (const [path, leaf] of Object.entries(leaves)) {
    const names = path.split('/').slice(1);
    const last = names.pop()!;
    let at = root;
    for (const name of names) {
      const entries = children.get(at.id)!;
      if (!entries.has(name)) entries.set(name, directory());
      at = entries.get(name)!;
    }
    const made = 'link' in leaf ? node('symlink') : node('file', Buffer.byteLength(leaf.text));
    contents.set(made.id, leaf);
    children.get(at.id)!.set(last, made);
  }
  const bytes = (text: string) => new TextEncoder().encode(text);
  return {
    facts: { format: 'erofs', label: null, uuid: null, blockSizeBytes: 4096, compression: null, sizeBytes: 0 },
    root,
    list: (directory) => [...children.get(directory.id)!].map(([name, node]) => ({ name, node })),
    chunks: (file) => {
      const leaf = contents.get(file.id);
      return leaf !== undefined && 'text' in leaf ? [bytes(leaf.text)] : [];
    },
    target: (link) => {
      const leaf = contents.get(link.id);
      return leaf !== undefined && 'link' in leaf ? leaf.link : '';
    },
    xattrs: (node) => {
      const leaf = contents.get(node.id);
      const attributes = leaf !== undefined && 'text' in leaf ? (leaf.xattrs ?? {}) : {};
      return new Map(Object.entries(attributes).map(([name, value]) => [name, bytes(value)]));
    },
  };
}
