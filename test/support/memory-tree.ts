import { Fault } from '../../pipeline/core/index.ts';
import type {
  FileSystemFacts,
  FileTree,
  NodeKind,
  TreeEntry,
  TreeNode,
} from '../../pipeline/formats/file-tree/index.ts';

/** One entry to build. A bare text or bytes is a regular file with mode 0644. */
export type MemoryEntry =
  | string
  | Uint8Array
  | {
      readonly kind?: NodeKind;
      /** Of a regular file. */
      readonly content?: string | Uint8Array;
      /** Of a symbolic link. */
      readonly target?: string;
      /** Makes this name a hard link to the entry at that path, which must stand earlier. */
      readonly linkTo?: string;
      readonly mode?: number;
      readonly uid?: number;
      readonly gid?: number;
      readonly modifiedAt?: number;
      readonly device?: { readonly major: number; readonly minor: number };
      readonly xattrs?: Readonly<Record<string, string | Uint8Array>>;
    };

export type MemoryTreeOptions = {
  readonly facts?: Partial<FileSystemFacts>;
  /** Bytes of one chunk of a file's content: small ones show code that expects a file in one piece. */
  readonly chunkBytes?: number;
};

type Inode = {
  readonly node: TreeNode;
  readonly children: Map<string, Inode>;
  readonly content: Uint8Array;
  readonly target: string;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
};

/**
 * A file tree in memory, from absolute paths: `buildMemoryTree({'/usr/lib/os-release': 'ID=flatcar\n'})`. Directories on
 * the way appear by themselves. `reads` counts the bytes that were read of each file, by inode.
 */
export function buildMemoryTree(
  entries: Readonly<Record<string, MemoryEntry>>,
  { facts = {}, chunkBytes = 128 * 1024 }: MemoryTreeOptions = {},
): FileTree & { readonly reads: ReadonlyMap<number, number> } {
  let nextId = 1;
  const byId = new Map<number, Inode>();
  const reads = new Map<number, number>();

  const add = (kind: NodeKind, parts: Partial<Omit<Inode, 'node'>> & { readonly node?: Partial<TreeNode> }): Inode => {
    const content = parts.content ?? new Uint8Array();
    const target = parts.target ?? '';
    const inode: Inode = {
      node: Object.freeze({
        kind,
        id: nextId++,
        mode: kind === 'directory' ? 0o755 : 0o644,
        uid: 0,
        gid: 0,
        sizeBytes: kind === 'file' ? content.byteLength : Buffer.byteLength(target),
        modifiedAt: 0,
        ...parts.node,
      }),
      children: new Map(),
      content,
      target,
      xattrs: parts.xattrs ?? new Map(),
    };
    byId.set(inode.node.id, inode);
    return inode;
  };

  const root = add('directory', {});
  const inodeAt = (path: string): Inode | undefined =>
    namesOf(path).reduce<Inode | undefined>((inode, name) => inode?.children.get(name), root);

  for (const [path, entry] of Object.entries(entries)) {
    const names = namesOf(path);
    const last = names.pop();
    let parent = root;
    for (const name of names) {
      const next = parent.children.get(name) ?? add('directory', {});
      parent.children.set(name, next);
      parent = next;
    }
    if (last === undefined) continue;
    parent.children.set(last, inodeOf(entry, add, inodeAt));
  }

  const inodeOfNode = (node: TreeNode): Inode => {
    const inode = byId.get(node.id);
    if (inode === undefined) throw new Error(`Cannot read inode ${node.id}: not of this tree`);
    return inode;
  };
  const want = (node: TreeNode, kind: NodeKind): Inode => {
    if (node.kind !== kind) throw new Fault('tree.kind', `Cannot read a ${node.kind}, want a ${kind}`);
    return inodeOfNode(node);
  };

  return {
    facts: {
      format: 'squashfs',
      label: null,
      uuid: null,
      blockSizeBytes: chunkBytes,
      compression: null,
      sizeBytes: 0,
      ...facts,
    },
    root: root.node,
    reads,
    list: (directory): readonly TreeEntry[] =>
      [...want(directory, 'directory').children].map(([name, { node }]) => ({ name, node })),
    *chunks(file) {
      const { content, node } = want(file, 'file');
      // One buffer for all chunks: a reader that keeps one instead of copying it is caught.
      const shared = new Uint8Array(Math.min(chunkBytes, content.byteLength));
      for (let at = 0; at < content.byteLength; at += chunkBytes) {
        const part = content.subarray(at, at + chunkBytes);
        shared.set(part);
        reads.set(node.id, (reads.get(node.id) ?? 0) + part.byteLength);
        yield shared.subarray(0, part.byteLength);
      }
    },
    target: (symlink) => want(symlink, 'symlink').target,
    xattrs: (node) => inodeOfNode(node).xattrs,
  };
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '');
}

function inodeOf(
  entry: MemoryEntry,
  add: (
    kind: NodeKind,
    parts: Partial<Omit<Inode, 'node' | 'children'>> & { readonly node?: Partial<TreeNode> },
  ) => Inode,
  inodeAt: (path: string) => Inode | undefined,
): Inode {
  if (typeof entry === 'string' || entry instanceof Uint8Array) return add('file', { content: bytesOf(entry) });
  if (entry.linkTo !== undefined) {
    const linked = inodeAt(entry.linkTo);
    if (linked === undefined) throw new Error(`Cannot link to ${entry.linkTo}: nothing is there yet`);
    return linked;
  }
  const kind = entry.kind ?? (entry.target === undefined ? 'file' : 'symlink');
  const { mode, uid, gid, modifiedAt, device } = entry;
  return add(kind, {
    content: bytesOf(entry.content ?? ''),
    target: entry.target ?? '',
    xattrs: new Map(Object.entries(entry.xattrs ?? {}).map(([name, value]) => [name, bytesOf(value)])),
    node: {
      ...(mode === undefined ? {} : { mode }),
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
      ...(modifiedAt === undefined ? {} : { modifiedAt }),
      ...(device === undefined ? {} : { device }),
    },
  });
}

function bytesOf(content: string | Uint8Array): Uint8Array {
  return typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
}
