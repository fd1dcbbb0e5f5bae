import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault, memorySource } from '../../../pipeline/core/index.ts';
import { crc32c } from '../../../pipeline/formats/crc32c/index.ts';
import { openErofs } from '../../../pipeline/formats/erofs/index.ts';
import { type FileTree, resolve, type TreeNode, walk } from '../../../pipeline/formats/file-tree/index.ts';

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/erofs/${name}`, import.meta.url));
const image = (name: string) => zstdDecompressSync(fixture(`${name}.img.zst`));
const open = (bytes: Uint8Array) => openErofs(memorySource(bytes, 'image'));

const kinds: Readonly<Record<TreeNode['kind'], string>> = {
  file: 'regular-file',
  directory: 'directory',
  symlink: 'symbolic-link',
  'character-device': 'character-special-file',
  'block-device': 'block-special-file',
  fifo: 'fifo',
  socket: 'socket',
};

function contentHash(tree: FileTree, file: TreeNode): string {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for (const chunk of tree.chunks(file)) {
    expect(chunk.length).toBeLessThanOrEqual(1024 * 1024);
    sizeBytes += chunk.length;
    hash.update(chunk);
  }
  expect(sizeBytes).toBe(file.sizeBytes);
  return hash.digest('hex');
}

function contentOf(tree: FileTree, node: TreeNode): string {
  if (node.kind === 'file') return contentHash(tree, node);
  if (node.kind === 'symlink') return createHash('sha256').update(tree.target(node)).digest('hex');
  return node.device === undefined ? '-' : `${node.device.major}:${node.device.minor}`;
}

/** The lines that make.sh writes of what the kernel shows. */
function manifestOf(tree: FileTree): string[] {
  return [...walk(tree)].map(({ path, node }) => {
    const kind = node.kind === 'file' && node.sizeBytes === 0 ? 'regular-empty-file' : kinds[node.kind];
    const xattrs = [...tree.xattrs(node)].map(([name, value]) => `${name}=${Buffer.from(value).toString('hex')}`);
    const mode = `${node.mode.toString(8)} ${node.uid}:${node.gid} ${node.modifiedAt}`;
    return `${path} ${kind} ${mode} ${node.sizeBytes} ${contentOf(tree, node)} ${xattrs.sort().join(' ')}`;
  });
}

/** Changes bytes and mends the superblock's checksum, as an attacker would. */
function patched(name: string, at: number, bytes: readonly number[]): Uint8Array {
  const changed = Uint8Array.from(image(name));
  changed.set(bytes, at);
  mendChecksum(changed);
  return changed;
}

function mendChecksum(bytes: Uint8Array): void {
  const covered = bytes.subarray(1024, Math.max(4096, 1 << (bytes[1036] as number)));
  covered.fill(0, 4, 8);
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(1028, ~crc32c(covered) >>> 0, true);
}

function faultCode(step: () => unknown): string {
  try {
    step();
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
  return 'none';
}

const readable = ['flat', 'chunks', 'full', 'tails', 'bakery', 'dedupe', 'small', 'zstd', 'deflate'];

describe('an erofs image', () => {
  const wanted = fixture('manifest').toString().trimEnd().split('\n');
  const sorted = (lines: readonly string[]) => lines.map((line) => line.trimEnd()).sort();

  test.for(readable)('shows what the kernel shows of it: %s', (name) => {
    expect(sorted(manifestOf(open(image(name))))).toEqual(sorted(wanted));
  });

  test('tells its superblock', () => {
    expect(open(image('bakery')).facts).toMatchObject({
      format: 'erofs',
      uuid: '11111111-2222-3333-4444-555555555555',
      label: null,
      blockSizeBytes: 4096,
      compression: 'lz4',
    });
    expect(open(image('flat')).facts.compression).toBeNull();
    expect(open(image('zstd')).facts.compression).toBe('zstd');
    expect(open(image('small')).facts.blockSizeBytes).toBe(1024);
  });

  test('gives hard links one id', () => {
    const tree = open(image('bakery'));
    const id = resolve(tree, '/usr/bin/numbers')?.id;
    expect(id).toBeDefined();
    expect(resolve(tree, '/usr/bin/numbers-again')?.id).toBe(id);
    expect(resolve(tree, '/usr/bin/numbers-shifted')?.id).not.toBe(id);
  });

  test('reads one file twice at a time', () => {
    const tree = open(image('bakery'));
    const file = resolve(tree, '/mixed') as TreeNode;
    const both = [createHash('sha256'), createHash('sha256')] as const;
    const [left, right] = [tree.chunks(file)[Symbol.iterator](), tree.chunks(file)[Symbol.iterator]()];
    for (let a = left.next(), b = right.next(); !a.done && !b.done; a = left.next(), b = right.next()) {
      both[0].update(a.value);
      both[1].update(b.value);
    }
    expect(both[0].digest('hex')).toBe(both[1].digest('hex'));
  });

  test('refuses content that is compressed with lzma, by name', () => {
    const tree = open(image('lzma'));
    const file = resolve(tree, '/usr/bin/numbers') as TreeNode;
    expect(() => contentHash(tree, file)).toThrow(/lzma, which is not supported/);
    expect(faultCode(() => contentHash(tree, file))).toBe('erofs.compression');
  });

  test.for<[string, number, number[], string]>([
    ['another magic', 1024, [0], 'erofs.magic'],
    ['blocks of 256 bytes', 1036, [8], 'erofs.superblock'],
    ['blocks of 128 KiB', 1036, [17], 'erofs.superblock'],
    ['more blocks than the image has', 1060, [0xff, 0xff, 0xff, 0xff], 'erofs.superblock'],
    ['the 48-bit layout', 1104, [0x80], 'erofs.feature'],
    ['a metabox', 1105, [0x01], 'erofs.feature'],
    ['an unknown feature', 1107, [0x80], 'erofs.feature'],
    ['extra devices', 1110, [1, 0], 'erofs.feature'],
    ['large directory blocks', 1114, [1], 'erofs.feature'],
    ['a root inode behind its end', 1038, [0xff, 0xff], 'source.range'],
  ])('is refused with %s', ([, at, bytes, code]) => {
    expect(faultCode(() => open(patched('flat', at, bytes)))).toBe(code);
  });

  test('is refused when its superblock does not have its checksum', () => {
    const bytes = Uint8Array.from(image('flat'));
    bytes[1100] = 1;
    expect(faultCode(() => open(bytes))).toBe('erofs.checksum');
  });

  test('is refused when it is cut', () => {
    const bytes = image('flat');
    for (const length of [0, 1000, 1100, 4096, bytes.length - 1])
      expect(faultCode(() => open(bytes.subarray(0, length)))).toMatch(/^(source\.range|erofs\.superblock)$/);
  });

  test('refuses to list a file, to read a directory and to follow what is no link', () => {
    const tree = open(image('flat'));
    const file = resolve(tree, '/noise') as TreeNode;
    expect(faultCode(() => tree.list(file))).toBe('tree.kind');
    expect(faultCode(() => tree.target(file))).toBe('tree.kind');
    expect(faultCode(() => contentHash(tree, tree.root))).toBe('tree.kind');
  });
});

describe('a directory of an erofs image', () => {
  /** Writes one byte of the root directory's names, which stand behind its entries. */
  function renamed(from: string, to: string): Uint8Array {
    const bytes = Buffer.from(image('flat'));
    const at = bytes.indexOf(Buffer.from(from));
    bytes.set(Buffer.from(to), at);
    mendChecksum(bytes);
    return bytes;
  }

  test.for<[string, string, string]>([
    ['has a slash', 'mixed', 'm/xed'],
    ['is given twice', 'size-4096size-4097', 'size-4096size-4096'],
    ['is not after the one before it', 'mixed', 'zixed'],
  ])('is refused when a name %s', ([, from, to]) => {
    const tree = open(renamed(from, to));
    expect(faultCode(() => tree.list(tree.root))).toBe('erofs.directory');
  });
});

describe('a damaged erofs image', () => {
  const originals = new Map(
    ['flat', 'chunks', 'full', 'tails', 'bakery', 'dedupe', 'zstd'].map((name) => [name, image(name)]),
  );

  /** Reads everything; small limits of the test keep a hole of 64 GiB from being read to its end. */
  function readAll(bytes: Uint8Array): void {
    const tree = open(bytes);
    let budget = 20_000_000;
    for (const { node } of walk(tree)) {
      tree.xattrs(node);
      if (node.kind === 'symlink') tree.target(node);
      if (node.kind !== 'file') continue;
      for (const chunk of tree.chunks(node)) if ((budget -= chunk.length) < 0) return;
    }
  }

  test('is read or refused, whichever bytes are changed', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...originals.keys()),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (name, changes) => {
          const bytes = Uint8Array.from(originals.get(name) as Uint8Array);
          // Most metadata stands in the first blocks.
          for (const [at, value] of changes) bytes[1152 + (at % Math.min(bytes.length - 1152, 24_000))] = value;
          mendChecksum(bytes);
          expect(faultCode(() => readAll(bytes))).toMatch(/^(none|(erofs|lz4|bytes|source|tree|limit)\..*)$/);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('of any bytes is refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 3000 }), (bytes) => {
        expect(faultCode(() => readAll(bytes))).not.toBe('none');
      }),
    );
  });
});
