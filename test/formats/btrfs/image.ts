import { readFileSync } from 'node:fs';
import { zstdDecompressSync } from 'node:zlib';
import { Digest, Fault, memorySource, type Source } from '../../../pipeline/core/index.ts';
import { type Btrfs, openBtrfs } from '../../../pipeline/formats/btrfs/index.ts';
import { crc32c } from '../../../pipeline/formats/crc32c/index.ts';
import { type PlacedEntry, readFile, resolve, walk } from '../../../pipeline/formats/file-tree/index.ts';

export type FixtureName = 'zstd' | 'zlib' | 'lzo';

const fixture = (name: string): URL => new URL(`../../fixtures/btrfs/${name}`, import.meta.url);

export function loadImage(name: FixtureName): Buffer {
  return zstdDecompressSync(readFileSync(fixture(`${name}.img.zst`)));
}

/** What the kernel showed of an image when it was made, a line for each path. */
export function loadManifest(name: FixtureName): string[] {
  return readFileSync(fixture(`manifest.${name}`), 'utf8')
    .trimEnd()
    .split('\n');
}

export function open(image: Uint8Array): Btrfs {
  return openBtrfs(memorySource(image, 'usr.img'));
}

/** The same line for a path as this reader sees it. */
export function describeEntry(tree: Btrfs, { path, node }: PlacedEntry, links: number): string {
  const kinds = {
    fifo: 0o01,
    'character-device': 0o02,
    directory: 0o04,
    'block-device': 0o06,
    file: 0o10,
    symlink: 0o12,
    socket: 0o14,
  };
  const mode = ((kinds[node.kind] << 12) | node.mode).toString(16);
  const device =
    node.device === undefined ? '0:0' : `${node.device.major.toString(16)}:${node.device.minor.toString(16)}`;
  const content = node.kind === 'file' ? sha256(tree, node) : node.kind === 'symlink' ? tree.target(node) : '-';
  return `${mode} ${node.uid} ${node.gid} ${node.sizeBytes} ${node.modifiedAt} ${links} ${device} ${content} ${quote(path)}`;
}

function sha256(tree: Btrfs, node: PlacedEntry['node']): string {
  return Digest.ofChunks('sha256', tree.chunks(node)).hex;
}

/** As bash's printf %q writes it. */
function quote(path: string): string {
  const foreign = /[\udc80-\udcff]/;
  return foreign.test(path)
    ? `$'${path.replace(foreign, (char) => `\\${(char.charCodeAt(0) - 0xdc00).toString(8)}`)}'`
    : path;
}

export function contentOf(tree: Btrfs, path: string): Buffer {
  return Buffer.from(readFile(tree, resolve(tree, path)!, 10_000_000));
}

/** Reads all that a tree holds; ends in `read` or in the code of the fault. */
export function outcome(source: Source): string {
  try {
    const tree = openBtrfs(source);
    for (const entry of walk(tree)) {
      tree.xattrs(entry.node);
      if (entry.node.kind === 'symlink') tree.target(entry.node);
      if (entry.node.kind !== 'file') continue;
      let left = 8_000_000;
      for (const chunk of tree.chunks(entry.node)) if ((left -= chunk.length) < 0) break;
    }
    return 'read';
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
}

export const superblockAt = 65_536;

/** Makes the superblock's checksum right again: what an attacker would do. CRC-32C images only. */
export function resealSuperblock(image: Buffer): void {
  image.writeUint32LE(crc32c(image.subarray(superblockAt + 32, superblockAt + 4096)), superblockAt);
}

export type ImageNode = { readonly at: number; readonly sizeBytes: number; readonly level: number };
export type ImageItem = {
  readonly node: ImageNode;
  readonly objectId: bigint;
  readonly type: number;
  readonly offset: bigint;
  readonly keyAt: number;
  readonly at: number;
  readonly sizeBytes: number;
};

/** Where the nodes stand that reading everything needs. */
export function liveNodes(image: Buffer): ImageNode[] {
  const sizeBytes = image.readUint32LE(superblockAt + 148);
  const found = new Set<number>();
  const memory = memorySource(image, 'usr.img');
  const isNode = (at: number): boolean =>
    image.subarray(at + 32, at + 48).equals(image.subarray(superblockAt + 32, superblockAt + 48));
  const recording: Source = {
    ...memory,
    read(offset, length) {
      if (length === sizeBytes && offset !== superblockAt && isNode(offset)) found.add(offset);
      return memory.read(offset, length);
    },
  };
  outcome(recording);
  return [...found].map((at) => ({ at, sizeBytes, level: image[at + 100]! }));
}

export function reseal(image: Buffer, node: ImageNode): void {
  image.writeUint32LE(crc32c(image.subarray(node.at + 32, node.at + node.sizeBytes)), node.at);
}

export function itemsOf(image: Buffer, nodes: readonly ImageNode[]): ImageItem[] {
  return nodes
    .filter(({ level }) => level === 0)
    .flatMap((node) =>
      Array.from({ length: image.readUint32LE(node.at + 96) }, (_, slot) => {
        const keyAt = node.at + 101 + slot * 25;
        return {
          node,
          objectId: image.readBigUint64LE(keyAt),
          type: image[keyAt + 8]!,
          offset: image.readBigUint64LE(keyAt + 9),
          keyAt,
          at: node.at + 101 + image.readUint32LE(keyAt + 17),
          sizeBytes: image.readUint32LE(keyAt + 21),
        };
      }),
    );
}
