import { Digest, limits, memorySource, type Source, withinAsync } from '../core/index.ts';
import { readFile } from '../formats/file-tree/index.ts';
import type { LeafHasher } from '../formats/verity/index.ts';
import type { NestedFile } from './nested-places.ts';
import { readSysext, type Sysext } from './sysext.ts';

/** An extension inside a node image. Its bytes are in memory only while it is visited. */
export type NestedSysext = Pick<NestedFile, 'name' | 'state' | 'path'> & {
  readonly sizeBytes: number;
  readonly sha256: Digest;
  readonly sysext: Sysext;
};

/**
 * Visits extensions inside a node image one after the other, so that only one is in memory.
 * Faults: limit.file-bytes, and those of readSysext, each with the extension's path.
 */
export async function visitNestedSysexts<T>(
  files: readonly NestedFile[],
  hashLeaves: LeafHasher,
  visit: (nested: NestedSysext) => T | Promise<T>,
): Promise<readonly T[]> {
  const results: T[] = [];
  for (const file of files) {
    const { name, state, path, node } = file;
    results.push(
      await withinAsync(path, async () => {
        const { source, sha256 } = openNested(file);
        const sysext = await readSysext(source, hashLeaves, name);
        return visit({ name, state, path, sizeBytes: node.sizeBytes, sha256, sysext });
      }),
    );
  }
  return results;
}

/** Where the file system stores it as it is, it is read in place; a compressed one is in memory while it is visited. */
function openNested(file: Placed): { readonly source: Source; readonly sha256: Digest } {
  const stored = openStored(file);
  if (stored !== undefined) return { source: stored, sha256: Digest.ofChunks('sha256', file.tree.chunks(file.node)) };
  const bytes = readWhole(file);
  return { source: memorySource(bytes, file.path), sha256: Digest.of('sha256', bytes) };
}

type Placed = Pick<NestedFile, 'tree' | 'node' | 'path'>;

/** A file of a tree as a Source, in place or in memory. Faults: tree.*, limit.file-bytes, and those of the file system. */
export function openTreeFile(file: Placed): Source {
  return openStored(file) ?? memorySource(readWhole(file), file.path);
}

function openStored({ tree, node, path }: Placed): Source | undefined {
  const stored = tree.source?.(node);
  return stored === undefined ? undefined : { ...stored, name: path };
}

function readWhole({ tree, node, path }: Placed): Uint8Array {
  return readFile(tree, node, limits.nestedImageBytes, path);
}
