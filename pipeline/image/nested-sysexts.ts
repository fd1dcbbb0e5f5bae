import { Digest, Fault, limits, memorySource, type Source, within } from '../core/index.ts';
import { type FileTree, readFile, resolvePlaced, type TreeNode, walk } from '../formats/file-tree/index.ts';
import type { LeafHasher } from '../formats/verity/index.ts';
import type { NodeImage } from './node-image.ts';
import { readSysext, type Sysext } from './sysext.ts';

/** Where an extension inside a node image lies, which tells whether it is merged by itself. */
export type NestedPlace = 'usr' | 'oem' | 'root';

/** An extension inside a node image. Its bytes are in memory only while it is visited. */
export type NestedSysext = {
  /** The name under which it is merged. */
  readonly name: string;
  readonly place: NestedPlace;
  /** On the node: `/usr/share/flatcar/sysext/docker-flatcar.raw`. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: Digest;
  readonly sysext: Sysext;
};

type NestedFile = {
  readonly name: string;
  readonly place: NestedPlace;
  readonly path: string;
  readonly tree: FileTree;
  readonly node: TreeNode;
};

/** Flatcar's built-in extensions and systemd's own directory in /usr. */
const usrDirectories = ['/usr/share/flatcar/sysext', '/usr/lib/extensions', '/usr/local/lib/extensions'] as const;
/** On OEM and ROOT, by their paths in those file systems. */
const oemDirectories = ['/sysext'] as const;
const rootDirectories = ['/etc/extensions', '/var/lib/extensions'] as const;

/**
 * Visits the extensions inside a node image one after the other, so that only one is in memory.
 * Faults: limit.nested-image, image.nested-link, those of readSysext, each with the extension's path.
 */
export async function visitNestedSysexts<T>(
  image: NodeImage,
  hashLeaves: LeafHasher,
  visit: (nested: NestedSysext) => T | Promise<T>,
): Promise<readonly T[]> {
  const results: T[] = [];
  for (const file of listNested(image)) {
    const { source, sha256 } = openNested(file);
    const sysext = await placed(file.path, () => readSysext(source, hashLeaves, file.name));
    results.push(
      await visit({
        name: file.name,
        place: file.place,
        path: file.path,
        sizeBytes: file.node.sizeBytes,
        sha256,
        sysext,
      }),
    );
  }
  return results;
}

/** Where the file system stores it as it is, it is read in place; a compressed one is in memory while it is visited. */
function openNested({ tree, node, path }: NestedFile): { readonly source: Source; readonly sha256: Digest } {
  const stored = tree.source?.(node);
  if (stored !== undefined)
    return { source: { ...stored, name: path }, sha256: Digest.ofChunks('sha256', tree.chunks(node)) };
  const bytes = readFile(tree, node, limits.nestedImageBytes, path);
  return { source: memorySource(bytes, path), sha256: Digest.of('sha256', bytes) };
}

function listNested(image: NodeImage): readonly NestedFile[] {
  const oem = image.openOther('OEM');
  const root = image.openOther('ROOT');
  return [
    ...usrDirectories.flatMap((directory) => listDirectory(image.usr.tree, directory, 'usr', '')),
    ...(oem === undefined ? [] : oemDirectories.flatMap((directory) => listDirectory(oem, directory, 'oem', '/oem'))),
    ...(root === undefined ? [] : rootDirectories.flatMap((directory) => listDirectory(root, directory, 'root', ''))),
  ];
}

function listDirectory(tree: FileTree, directory: string, place: NestedPlace, mount: string): readonly NestedFile[] {
  const found = resolvePlaced(tree, directory);
  if (found?.node.kind !== 'directory') return [];
  return [...walk(tree, found.node, found.path)]
    .filter((entry) => entry.name.endsWith('.raw') && entry.path === `${found.path}/${entry.name}`)
    .flatMap((entry) => {
      const target = resolvePlaced(tree, entry.path);
      // Links that leave this file system, such as those into /usr, are listed where they lead; /dev/null masks.
      if (target?.node.kind !== 'file') return [];
      return [
        { name: entry.name.slice(0, -'.raw'.length), place, path: `${mount}${target.path}`, tree, node: target.node },
      ];
    });
}

async function placed<T>(path: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    return within(path, () => {
      throw error instanceof Error ? error : new Fault('image.nested', String(error));
    });
  }
}
