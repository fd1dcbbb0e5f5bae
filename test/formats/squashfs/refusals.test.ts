import { zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { memorySource } from '../../../pipeline/core/index.ts';
import { resolve } from '../../../pipeline/formats/file-tree/index.ts';
import { openSquashfs } from '../../../pipeline/formats/squashfs/index.ts';
import { describeTree, readImage } from './images.ts';

// Its metadata is not compressed: a test can change one field of it.
const pristine = readImage('raw');
const pristineTree = openSquashfs(memorySource(pristine));

/** An image to change: fields of the superblock by their place in it, inodes and directory entries by their path and name. */
class Image {
  readonly bytes = Buffer.from(pristine);

  /** Where the inode of a path starts: behind its time, which all share, stands its number. */
  inode(path: string): number {
    const node = resolve(pristineTree, path, { followLast: false });
    if (node === undefined) throw new Error(`no ${path} in the fixture`);
    const key = Buffer.alloc(8);
    key.writeUInt32LE(node.modifiedAt);
    key.writeUInt32LE(node.id, 4);
    return this.bytes.indexOf(key, Number(this.bytes.readBigUInt64LE(64))) - 8;
  }

  /** Where an entry starts: 8 bytes before its name. */
  entry(name: string): number {
    return this.bytes.indexOf(name, Number(this.bytes.readBigUInt64LE(72))) - 8;
  }
}

const readAll = (bytes: Uint8Array) => describeTree(openSquashfs(memorySource(bytes, 'changed.squashfs')));
const refusal = (code: string): unknown => expect.objectContaining({ name: 'Fault', code });

type Case = readonly [sentence: string, code: string, change: (image: Image) => unknown];

const superblockCases: readonly Case[] = [
  ['another magic', 'squashfs.magic', ({ bytes }) => bytes.write('sqsh')],
  ['version 3.1', 'squashfs.version', ({ bytes }) => bytes.writeUInt32LE(0x0001_0003, 28)],
  ['version 4.1', 'squashfs.version', ({ bytes }) => bytes.writeUInt32LE(0x0001_0004, 28)],
  ['lzma', 'squashfs.compressor', ({ bytes }) => bytes.writeUInt16LE(2, 20)],
  ['an unknown compressor', 'squashfs.compressor', ({ bytes }) => bytes.writeUInt16LE(7, 20)],
  ['a block size that is no power of two', 'squashfs.superblock', ({ bytes }) => bytes.writeUInt32LE(5000, 12)],
  ['a block size other than its log', 'squashfs.superblock', ({ bytes }) => bytes.writeUInt16LE(13, 22)],
  [
    'blocks of 2 MiB',
    'squashfs.superblock',
    ({ bytes }) => bytes.writeUInt32LE(1 << 21, 12) + bytes.writeUInt16LE(21, 22),
  ],
  ['unknown flags', 'squashfs.superblock', ({ bytes }) => bytes.writeUInt16LE(0x8000, 24)],
  ['more inodes than the limit', 'limit.tree-entries', ({ bytes }) => bytes.writeUInt32LE(0xffff_ffff, 4)],
  ['more fragments than inodes', 'squashfs.superblock', ({ bytes }) => bytes.writeUInt32LE(5000, 16)],
  ['no ids', 'squashfs.superblock', ({ bytes }) => bytes.writeUInt16LE(0, 26)],
  [
    'more bytes than the file has',
    'squashfs.truncated',
    ({ bytes }) => bytes.writeBigUInt64LE(BigInt(bytes.length + 1), 40),
  ],
  ['a size beyond any', 'bytes.number', ({ bytes }) => bytes.writeBigUInt64LE(1n << 60n, 40)],
  [
    'the directory table before the inode table',
    'squashfs.superblock',
    ({ bytes }) => bytes.writeBigUInt64LE(bytes.readBigUInt64LE(64), 72),
  ],
  ['an id table outside the image', 'squashfs.superblock', ({ bytes }) => bytes.writeBigUInt64LE(1n << 40n, 48)],
  [
    'a list of ids with a block behind it',
    'squashfs.table',
    ({ bytes }) => {
      const list = bytes.readBigUInt64LE(48);
      bytes.writeBigUInt64LE(list + 2n, Number(list));
    },
  ],
  ['no fragment table for its fragments', 'squashfs.superblock', ({ bytes }) => bytes.fill(0xff, 80, 88)],
  ['a root outside the inode table', 'squashfs.inode', ({ bytes }) => bytes.writeBigUInt64LE(1n << 47n, 32)],
  ['a root reference of 64 bits', 'bytes.number', ({ bytes }) => bytes.writeBigUInt64LE(1n << 62n, 32)],
];

const inodeCases: readonly Case[] = [
  ['an inode of type 0', 'squashfs.inode', (image) => image.bytes.writeUInt16LE(0, image.inode('/empty'))],
  ['an inode of type 15', 'squashfs.inode', (image) => image.bytes.writeUInt16LE(15, image.inode('/empty'))],
  [
    'a mode of another kind',
    'squashfs.inode',
    (image) => image.bytes.writeUInt16LE(0o120644, image.inode('/empty') + 2),
  ],
  [
    'a uid number beyond the table',
    'squashfs.inode',
    (image) => image.bytes.writeUInt16LE(99, image.inode('/empty') + 4),
  ],
  ['inode number 0', 'squashfs.inode', (image) => image.bytes.writeUInt32LE(0, image.inode('/empty') + 12)],
  [
    'an inode number beyond the count',
    'squashfs.inode',
    (image) => image.bytes.writeUInt32LE(100_000, image.inode('/empty') + 12),
  ],
  [
    'a fragment beyond the table',
    'squashfs.inode',
    (image) => image.bytes.writeUInt32LE(1000, image.inode('/bin/blocks-and-tail') + 20),
  ],
  [
    'a fragment where there is no tail',
    'squashfs.inode',
    (image) => image.bytes.writeUInt32LE(0, image.inode('/empty') + 20),
  ],
  [
    'a tail outside its fragment block',
    'squashfs.fragment',
    (image) => image.bytes.writeUInt32LE(0xffff_ff00, image.inode('/deep/a/b/c/d/e/f/leaf') + 24),
  ],
  [
    'a first block outside the image',
    'source.range',
    (image) => image.bytes.writeUInt32LE(0x7fff_ffff, image.inode('/bin/blocks-and-tail') + 16),
  ],
  [
    'a stored size above the block size',
    'squashfs.block',
    (image) => image.bytes.writeUInt32LE(0x0100_1001, image.inode('/bin/blocks-and-tail') + 32),
  ],
  [
    'a stored size with unknown bits',
    'squashfs.block',
    (image) => image.bytes.writeUInt32LE(0x0200_1000, image.inode('/bin/blocks-and-tail') + 32),
  ],
  [
    'a block that is shorter than the file says',
    'squashfs.block',
    (image) => image.bytes.writeUInt32LE(0x0100_0800, image.inode('/bin/blocks-and-tail') + 32),
  ],
  [
    'a symbolic link to nothing',
    'squashfs.inode',
    (image) => image.bytes.writeUInt32LE(0, image.inode('/bin/long-symlink') + 20),
  ],
  ['a NUL in a link', 'squashfs.inode', (image) => image.bytes.writeUInt8(0, image.inode('/bin/long-symlink') + 30)],
  [
    'a link target longer than a path',
    'limit.path',
    (image) => image.bytes.writeUInt32LE(5000, image.inode('/bin/long-symlink') + 20),
  ],
  [
    'a file larger than any disk',
    'limit.file-bytes',
    (image) => image.bytes.writeBigUInt64LE(1n << 50n, image.inode('/lib/os-release') + 24),
  ],
  [
    'an xattr number beyond the table',
    'squashfs.xattr',
    (image) => image.bytes.writeUInt32LE(1000, image.inode('/lib/os-release') + 52),
  ],
  ['xattrs without a table', 'squashfs.xattr', ({ bytes }) => bytes.fill(0xff, 56, 64)],
];

/** The key and value of user.extension-release.strict: type, size and name, then size and bytes. */
const strictKey = ({ bytes }: Image): number => bytes.indexOf('extension-release.strict') - 4;
const strictValue = (image: Image): number => strictKey(image) + 4 + 'extension-release.strict'.length;

const xattrCases: readonly Case[] = [
  ['an xattr of an unknown prefix', 'squashfs.xattr', (image) => image.bytes.writeUInt16LE(3, strictKey(image))],
  ['an xattr of an unknown type', 'squashfs.xattr', (image) => image.bytes.writeUInt16LE(0x200, strictKey(image))],
  ['an xattr without a name', 'squashfs.xattr', (image) => image.bytes.writeUInt16LE(0, strictKey(image) + 2)],
  ['an xattr name of 256 bytes', 'squashfs.xattr', (image) => image.bytes.writeUInt16LE(251, strictKey(image) + 2)],
  ['a NUL in an xattr name', 'squashfs.xattr', (image) => image.bytes.writeUInt8(0, strictKey(image) + 8)],
  ['an xattr reference of 5 bytes', 'squashfs.xattr', (image) => image.bytes.writeUInt16LE(0x100, strictKey(image))],
  [
    'an xattr value of 64 KiB and one',
    'limit.xattr-bytes',
    (image) => image.bytes.writeUInt32LE(65_537, strictValue(image)),
  ],
  [
    'an xattr value outside the table',
    'squashfs.metadata',
    (image) => image.bytes.writeUInt32LE(60_000, strictValue(image)),
  ],
];

const directoryCases: readonly Case[] = [
  [
    'a name with a slash',
    'squashfs.directory',
    (image) => image.bytes.write('o/-release', image.entry('os-release') + 8),
  ],
  [
    'a name with a NUL',
    'squashfs.directory',
    (image) => image.bytes.write('os\0release', image.entry('os-release') + 8),
  ],
  [
    'the name ..',
    'squashfs.directory',
    (image) => {
      const entry = image.entry('os-release');
      image.bytes.writeUInt16LE(1, entry + 6);
      image.bytes.write('..', entry + 8);
    },
  ],
  [
    'names out of order',
    'squashfs.directory',
    (image) => image.bytes.write('aaaaaaaaaa', image.entry('os-release') + 8),
  ],
  ['a name twice', 'squashfs.directory', (image) => image.bytes.write('one-block', image.entry('two-block') + 8)],
  [
    'an entry of another kind than its inode',
    'squashfs.directory',
    (image) => image.bytes.writeUInt16LE(1, image.entry('os-release') + 4),
  ],
  [
    'an entry of an extended type',
    'squashfs.directory',
    (image) => image.bytes.writeUInt16LE(9, image.entry('os-release') + 4),
  ],
  [
    'an entry with another inode number',
    'squashfs.directory',
    (image) => image.bytes.writeInt16LE(-9, image.entry('os-release') + 2),
  ],
  ['a run of 257 entries', 'squashfs.directory', (image) => image.bytes.writeUInt32LE(256, image.entry('bin') - 12)],
  ['a run with more entries than bytes', 'bytes.short', (image) => image.bytes.writeUInt8(1, image.entry('leaf') - 12)],
  [
    'an inode outside the table',
    'squashfs.inode',
    (image) => image.bytes.writeUInt32LE(0x7fff_ffff, image.entry('bin') - 8),
  ],
  [
    'an index that points beside a run',
    'squashfs.directory',
    (image) => {
      const index = image.inode('/many') + 40;
      image.bytes.writeUInt32LE(image.bytes.readUInt32LE(index) + 12, index);
    },
  ],
  [
    'an index into another block',
    'squashfs.directory',
    (image) => {
      const index = image.inode('/many') + 44;
      image.bytes.writeUInt32LE(image.bytes.readUInt32LE(index) + 1, index);
    },
  ],
  ['an index with another name', 'squashfs.directory', (image) => image.bytes.write('~', image.inode('/many') + 52)],
  [
    'more entry bytes than the limit',
    'limit.directory-entries',
    (image) => image.bytes.writeUInt32LE(0xffff_fff0, image.inode('/many') + 20),
  ],
];

describe('a squashfs image is refused', () => {
  test('when it is shorter than a superblock', () => {
    expect(() => readAll(pristine.subarray(0, 95))).toThrow(refusal('squashfs.magic'));
  });

  test.each([...superblockCases, ...inodeCases, ...xattrCases, ...directoryCases])('with %s', (_, code, change) => {
    const image = new Image();
    change(image);
    expect(() => readAll(image.bytes)).toThrow(refusal(code));
  });

  test('when two inodes have one number, as Linux would show only one of them', () => {
    const image = new Image();
    const [first, second] = ['/bin/one-block', '/bin/two-blocks'].map((path) => image.inode(path)) as [number, number];
    const number = image.bytes.readUInt32LE(first + 12);
    const difference = number - image.bytes.readUInt32LE(second + 12);
    image.bytes.writeUInt32LE(number, second + 12);
    const entry = image.entry('two-blocks');
    image.bytes.writeInt16LE(image.bytes.readInt16LE(entry + 2) + difference, entry + 2);
    expect(() => readAll(image.bytes)).toThrow(
      expect.objectContaining({ code: 'squashfs.inode', message: expect.stringContaining('two inodes') }),
    );
  });

  test.each(['gzip', 'zstd', 'lz4', 'lzo', 'xz'] as const)('when a metadata block is not %s', (name) => {
    const bytes = Buffer.from(readImage(name));
    bytes.fill(0x5a, Number(bytes.readBigUInt64LE(64)) + 2, Number(bytes.readBigUInt64LE(64)) + 40);
    expect(() => readAll(bytes)).toThrow(refusal('squashfs.decompress'));
  });

  test.each([0x0000, 0x8000, 0xa001, 0x2001])('when a metadata block has the length field 0x%s', (header) => {
    const image = new Image();
    image.bytes.writeUInt16LE(header, Number(image.bytes.readBigUInt64LE(72)));
    expect(() => readAll(image.bytes)).toThrow(refusal('squashfs.metadata'));
  });

  test('when a zstd block holds two frames, as Linux would read the first only', () => {
    const ids = Buffer.alloc(64);
    const withIds = (...frames: readonly Buffer[]): Buffer => {
      const { bytes } = new Image();
      const block = Buffer.concat([Buffer.alloc(2), ...frames]);
      block.writeUInt16LE(block.length - 2);
      const list = Buffer.alloc(8);
      list.writeBigUInt64LE(BigInt(bytes.length));
      bytes.writeUInt16LE(6, 20);
      bytes.writeUInt16LE(ids.length / 4, 26);
      bytes.writeBigUInt64LE(BigInt(bytes.length + block.length + list.length), 40);
      bytes.writeBigUInt64LE(BigInt(bytes.length + block.length), 48);
      bytes.fill(0xff, 56, 64);
      return Buffer.concat([bytes, block, list]);
    };
    const whole = withIds(zstdCompressSync(ids));
    const halves = withIds(zstdCompressSync(ids.subarray(32)), zstdCompressSync(ids.subarray(32)));
    expect(openSquashfs(memorySource(whole)).root.kind).toBe('directory');
    expect(() => openSquashfs(memorySource(halves))).toThrow(refusal('squashfs.decompress'));
  });

  test('when lzma compressed it, with the name and a next step', () => {
    const image = new Image();
    image.bytes.writeUInt16LE(2, 20);
    expect(() => readAll(image.bytes)).toThrow(
      expect.objectContaining({
        message: 'Cannot read squashfs: it is compressed with lzma, want gzip, zstd, xz, lz4 or lzo',
        next: expect.stringContaining('mksquashfs -comp zstd'),
      }),
    );
  });
});
