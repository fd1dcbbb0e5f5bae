import { describe, expect, test } from 'vitest';
import { memorySource } from '../../../pipeline/core/index.ts';
import { readFile, resolve } from '../../../pipeline/formats/file-tree/index.ts';
import { openSquashfs } from '../../../pipeline/formats/squashfs/index.ts';
import { describeTree, imageNames, readExpectedTree, readImage } from './images.ts';

const open = (name: (typeof imageNames)[number]) => openSquashfs(memorySource(readImage(name), `${name}.squashfs`));
const text = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : Buffer.from(bytes).toString());

describe('a squashfs image', () => {
  test.each(imageNames)('made with %s shows the tree that Linux shows', (name) => {
    expect(describeTree(open(name))).toEqual(readExpectedTree());
  });

  test('tells its block size, its compressor and the bytes it claims', () => {
    const padded = new Uint8Array(1 << 17);
    padded.set(readImage('zstd'));
    const { facts } = openSquashfs(memorySource(padded));
    expect(facts).toEqual({
      format: 'squashfs',
      label: null,
      uuid: null,
      blockSizeBytes: 131_072,
      compression: 'zstd',
      sizeBytes: readImage('zstd').byteLength,
    });
  });

  test('resolves a path through a symbolic link', () => {
    const tree = open('gzip');
    const file = resolve(tree, '/bin/symlink');
    expect(file).toMatchObject({ kind: 'file', sizeBytes: 31, uid: 1000, gid: 100, modifiedAt: 1_700_000_000 });
    expect(text(file && readFile(tree, file, 100))).toBe('ID=flatcar\nVERSION_ID=4593.1.0\n');
  });

  test('tells attributes with values of their own, empty and shared', () => {
    const tree = open('lz4');
    const xattrs = (path: string) => tree.xattrs(resolve(tree, path) ?? tree.root);
    expect(text(xattrs('/lib/os-release').get('user.extension-release.strict'))).toBe('false');
    expect(xattrs('/lib/os-release').get('user.none')).toHaveLength(0);
    expect(text(xattrs('/bin/one-block').get('user.long'))).toBe('shared value '.repeat(20));
    expect(text(xattrs('/empty-directory').get('user.long'))).toBe('shared value '.repeat(20));
    expect(xattrs('/empty')).toEqual(new Map());
  });

  test('gives content in chunks of at most a block', () => {
    const tree = open('gzip');
    const file = resolve(tree, '/bin/blocks-and-tail') ?? tree.root;
    expect([...tree.chunks(file)].map((chunk) => chunk.byteLength)).toEqual([4096, 4096, 4096, 4096, 4096, 2057]);
  });

  test('refuses to list a file, to read a directory and to follow a device', () => {
    const tree = open('gzip');
    const file = resolve(tree, '/empty') ?? tree.root;
    const device = resolve(tree, '/dev/null') ?? tree.root;
    expect(() => tree.list(file)).toThrow(expect.objectContaining({ code: 'tree.kind' }));
    expect(() => tree.chunks(tree.root)).toThrow(expect.objectContaining({ code: 'tree.kind' }));
    expect(() => tree.target(device)).toThrow(expect.objectContaining({ code: 'tree.kind' }));
  });

  test('refuses a node that another tree made', () => {
    expect(() => open('gzip').list(open('gzip').root)).toThrow(expect.objectContaining({ code: 'tree.node' }));
  });
});
