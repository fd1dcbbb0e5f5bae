import { Digest, limits, memorySource, withinAsync } from '../core/index.ts';
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
  for (const { name, state, path, tree, node } of files) {
    const bytes = readFile(tree, node, limits.nestedImageBytes, path);
    results.push(
      await withinAsync(path, async () =>
        visit({
          name,
          state,
          path,
          sizeBytes: node.sizeBytes,
          sha256: Digest.of('sha256', bytes),
          sysext: await readSysext(memorySource(bytes, path), hashLeaves, name),
        }),
      ),
    );
  }
  return results;
}
