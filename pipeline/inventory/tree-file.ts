import { createHash, type Hash } from 'node:crypto';
import { checkRange, Digest, Fault, limits, type Source } from '../core/index.ts';
import type { ByteRange } from '../formats/elf/index.ts';
import type { FileTree, TreeNode } from '../formats/file-tree/index.ts';

/** A file of a tree after its first reading: its digest, and the ranges that were kept on the way. */
export type FileReading = {
  readonly sha256: Digest;
  /** Any range of the file; one that was not kept costs another reading of the file from its start. */
  readonly source: Source;
};

/**
 * Reads a file once from start to end: the digest of everything, and of the bytes only the ranges that `keep` names on
 * sight of the first chunk. So a file of any size costs no more memory than what its readers need.
 * Faults: tree.size, and those of the file's format.
 */
export function readTreeFile(
  tree: FileTree,
  node: TreeNode,
  path: string,
  keep: (head: Uint8Array) => readonly ByteRange[],
): FileReading {
  let state: Hash | undefined;
  let whole: Digest | undefined;
  let kept: KeptRange[] = [];
  let position = 0;
  for (const chunk of tree.chunks(node)) {
    if (position === 0) kept = keep(chunk).map(allocate);
    keepFrom(chunk, position, kept);
    // Most files of an image fit one chunk: the one-shot digest spares them a state.
    if (position === 0 && chunk.byteLength === node.sizeBytes) whole = Digest.of('sha256', chunk);
    else (state ??= createHash('sha256')).update(chunk);
    position += chunk.byteLength;
  }
  if (position !== node.sizeBytes)
    throw new Fault('tree.size', `Cannot read ${path}: ${position} bytes of content, want ${node.sizeBytes}`, {
      where: path,
    });
  return {
    sha256: whole ?? Digest.fromHex('sha256', (state ?? createHash('sha256')).digest('hex')),
    source: openTreeFile(tree, node, path, kept),
  };
}

type KeptRange = ByteRange & { readonly bytes: Uint8Array };

function allocate({ offset, length }: ByteRange): KeptRange {
  return { offset, length, bytes: new Uint8Array(length) };
}

function keepFrom(chunk: Uint8Array, position: number, kept: readonly KeptRange[]): void {
  const chunkEnd = position + chunk.byteLength;
  for (const { offset, length, bytes } of kept) {
    const from = Math.max(offset, position);
    const to = Math.min(offset + length, chunkEnd);
    if (from < to) bytes.set(chunk.subarray(from - position, to - position), from - offset);
  }
}

/** A file of a tree, which streams only, as a Source of any range. Faults: limit.file-readings. */
function openTreeFile(tree: FileTree, node: TreeNode, path: string, kept: KeptRange[]): Source {
  let readings = 1;
  const source: Source = {
    name: path,
    sizeBytes: node.sizeBytes,
    read(offset, length) {
      checkRange(source, offset, length);
      const known = kept.find((range) => range.offset <= offset && offset + length <= range.offset + range.length);
      if (known !== undefined) return known.bytes.subarray(offset - known.offset, offset - known.offset + length);
      if (++readings > limits.fileReadings)
        throw new Fault(
          'limit.file-readings',
          `Cannot read ${path}: its parts want more than ${limits.fileReadings} readings`,
          {
            where: path,
          },
        );
      const wanted = allocate({ offset, length });
      readRange(tree, node, wanted);
      kept.push(wanted);
      return wanted.bytes;
    },
  };
  return source;
}

function readRange(tree: FileTree, node: TreeNode, wanted: KeptRange): void {
  let position = 0;
  for (const chunk of tree.chunks(node)) {
    keepFrom(chunk, position, [wanted]);
    position += chunk.byteLength;
    if (position >= wanted.offset + wanted.length) return;
  }
}
