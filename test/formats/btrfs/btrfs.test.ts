import { describe, expect, test } from 'vitest';
import { memorySource } from '../../../pipeline/core/index.ts';
import { isBtrfs } from '../../../pipeline/formats/btrfs/index.ts';
import { resolve, walk } from '../../../pipeline/formats/file-tree/index.ts';
import { contentOf, describeEntry, type FixtureName, loadImage, loadManifest, open } from './image.ts';

const images: Record<FixtureName, Buffer> = { zstd: loadImage('zstd'), zlib: loadImage('zlib'), lzo: loadImage('lzo') };

describe.each<FixtureName>(['zstd', 'zlib', 'lzo'])('an image with %s', (name) => {
  const tree = open(images[name]);
  const entries = [...walk(tree)];

  test('shows every path as the kernel shows it', () => {
    const names = new Map<number, number>();
    for (const { node } of entries) names.set(node.id, (names.get(node.id) ?? 0) + 1);
    // A directory's size and the count of its links are the kernel's own affair.
    const comparable = (line: string): string => line.replace(/^(4\w+ \d+ \d+) \d+ (\d+) \d+/, '$1 - $2 -');
    const seen = entries.map((entry) => comparable(describeEntry(tree, entry, names.get(entry.node.id)!)));
    expect(seen.sort()).toEqual(loadManifest(name).map(comparable).sort());
  });

  test('gives content in chunks of at most 1 MiB', () => {
    const sizes = [...tree.chunks(resolve(tree, '/lib/only-hole')!)].map((chunk) => chunk.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1024 * 1024);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(3_000_000);
  });

  test('keeps extended attributes, the empty one too', () => {
    const xattrs = tree.xattrs(resolve(tree, '/lib/os-release')!);
    expect(Buffer.from(xattrs.get('user.extension-release.strict')!).toString()).toBe('0');
    expect(xattrs.get('trusted.empty')).toHaveLength(0);
  });

  test('gives two names of one file one id', () => {
    expect(resolve(tree, '/bin/numbers')!.id).toBe(resolve(tree, '/bin/numbers-again')!.id);
    expect(resolve(tree, '/bin/numbers')!.id).not.toBe(resolve(tree, '/bin/reflinked')!.id);
  });

  test('follows links and reads what they lead to', () => {
    expect(contentOf(tree, '/bin/os-release').toString()).toContain('VERSION_ID=4593.2.5\n');
  });

  test('can be read in any order and again', () => {
    const twice = [
      contentOf(tree, '/bin/overwritten'),
      contentOf(tree, '/bin/numbers'),
      contentOf(tree, '/bin/overwritten'),
    ];
    expect(twice[2]).toEqual(twice[0]);
    expect(twice[1]).not.toEqual(twice[0]);
  });
});

describe('the facts of a file system', () => {
  test('are those of the superblock; its size is where Flatcar puts the verity tree', () => {
    expect(open(images.zstd).facts).toEqual({
      format: 'btrfs',
      label: 'USR-A',
      uuid: '7130c94a-213a-4e5a-8e26-6cce9662f132',
      blockSizeBytes: 4096,
      compression: 'zstd',
      sizeBytes: 17_825_792,
    });
    expect(images.zstd.length).toBeGreaterThan(17_825_792);
  });

  test('tell which subvolume is the default and whether it is read-only', () => {
    expect(open(images.zstd).subvolume).toEqual({ id: 5, readOnly: true });
    expect(open(images.zlib).subvolume).toEqual({ id: 5, readOnly: false });
    expect(open(images.lzo).subvolume).toEqual({ id: 256, readOnly: false });
  });

  test('name no compression where only the kernel was told to compress', () => {
    expect(open(images.zlib).facts).toMatchObject({ compression: null, label: null });
    expect(open(images.lzo).facts.compression).toBe('lzo');
  });
});

test('a directory is listed in the order in which its entries were made', () => {
  const tree = open(images.zstd);
  expect(tree.list(tree.root).map((entry) => entry.name)).toEqual(['lib', 'bin', 'many', 'nested']);
});

test('a nested subvolume is entered, and its inodes are told from those around it', () => {
  const tree = open(images.zstd);
  const nested = resolve(tree, '/nested')!;
  expect(tree.list(nested).map((entry) => entry.name)).toEqual(['inside']);
  expect(nested.id).not.toBe(tree.root.id);
  expect(contentOf(tree, '/nested/inside').toString()).toMatch(/^1\n2\n/);
});

test('what is asked of the wrong kind of node is refused', () => {
  const tree = open(images.zstd);
  const file = resolve(tree, '/lib/os-release')!;
  const wrongKind = expect.objectContaining({ code: 'tree.kind' });
  expect(() => tree.list(file)).toThrow(wrongKind);
  expect(() => tree.chunks(tree.root)).toThrow(wrongKind);
  expect(() => tree.target(file)).toThrow(wrongKind);
});

test('a probe knows the file system by its magic and other bytes as none', () => {
  expect(isBtrfs(memorySource(images.lzo))).toBe(true);
  expect(isBtrfs(memorySource(new Uint8Array(1_000_000)))).toBe(false);
  expect(isBtrfs(memorySource(new Uint8Array(10)))).toBe(false);
});
