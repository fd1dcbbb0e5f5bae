import { readFileSync } from 'node:fs';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { Digest } from '../../../pipeline/core/index.ts';
import { type FileTree, type TreeNode, walk } from '../../../pipeline/formats/file-tree/index.ts';

const fixtures = new URL('../../fixtures/squashfs/', import.meta.url);

/** Images of one source tree; see test/fixtures/squashfs/make.sh. */
export const imageNames = ['gzip', 'zstd', 'lz4', 'lzo', 'xz', 'xz-x86', 'raw'] as const;

export function readImage(name: (typeof imageNames)[number]): Uint8Array {
  return new Uint8Array(zstdDecompressSync(readFileSync(new URL(`${name}.squashfs.zst`, fixtures))));
}

/** What Linux shows of that tree. */
export function readExpectedTree(): unknown {
  return JSON.parse(gunzipSync(readFileSync(new URL('tree.json.gz', fixtures))).toString());
}

/** A whole tree in the form of tree.json: content as digests, attributes as hexadecimal. */
export function describeTree(tree: FileTree): unknown {
  const firstPaths = new Map<number, string>();
  const describe = (path: string, node: TreeNode) => {
    const first = firstPaths.get(node.id) ?? path;
    firstPaths.set(node.id, first);
    const xattrs = [...tree.xattrs(node)].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      kind: node.kind,
      mode: node.mode.toString(8).padStart(4, '0'),
      owner: `${node.uid}:${node.gid}`,
      ...(node.kind === 'file' && {
        sha256: Digest.ofChunks('sha256', tree.chunks(node)).hex,
        sizeBytes: node.sizeBytes,
        ...(first !== path && { linkOf: first }),
      }),
      ...(node.kind === 'symlink' && { target: tree.target(node) }),
      ...(node.device !== undefined && { device: `${node.device.major}:${node.device.minor}` }),
      ...(xattrs.length > 0 && {
        xattrs: Object.fromEntries(xattrs.map(([name, value]) => [name, Buffer.from(value).toString('hex')])),
      }),
    };
  };
  const entries = [...walk(tree)].map((entry) => [entry.path, describe(entry.path, entry.node)] as const);
  return Object.fromEntries([['/', describe('/', tree.root)], ...entries]);
}
