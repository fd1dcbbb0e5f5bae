import { array, assert, nat, property, record, uint8Array } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memorySource, type Source } from '../../../pipeline/core/index.ts';
import {
  itemsOf,
  type ImageItem,
  liveNodes,
  loadImage,
  outcome,
  reseal,
  resealSuperblock,
  superblockAt,
} from './image.ts';

const image = loadImage('zstd');
const nodes = liveNodes(image);
const items = itemsOf(image, nodes);
const source: Source = memorySource(image, 'usr.img');

const itemType = {
  inode: 1,
  xattr: 24,
  dirItem: 84,
  dirIndex: 96,
  extentData: 108,
  root: 132,
  rootRef: 156,
  chunk: 228,
};
const extentType = { inline: 0, regular: 1, prealloc: 2 };

/** Changes the image, says how reading it ends and changes it back. */
function after(at: number, length: number, change: (bytes: Buffer) => void, seal: () => void): string {
  const range = image.subarray(at, at + length);
  const before = Buffer.from(range);
  try {
    change(range);
    seal();
    return outcome(source);
  } finally {
    before.copy(range);
    seal();
  }
}

function withSuperblock(change: (superblock: Buffer) => void): string {
  return after(superblockAt, 4096, change, () => resealSuperblock(image));
}

function withItem(item: ImageItem | undefined, change: (content: Buffer, key: Buffer) => void): string {
  const { node } = item!;
  const base = item!.at - node.at;
  return after(
    node.at,
    node.sizeBytes,
    (bytes) => change(bytes.subarray(base, base + item!.sizeBytes), bytes.subarray(item!.keyAt - node.at)),
    () => reseal(image, node),
  );
}

function findItem(
  type: number,
  wanted: (content: Buffer, item: ImageItem) => boolean = () => true,
): ImageItem | undefined {
  return items.find((item) => item.type === type && wanted(image.subarray(item.at, item.at + item.sizeBytes), item));
}

const inodeOf = (kind: number): ImageItem | undefined =>
  findItem(itemType.inode, (content, item) => content.readUint32LE(52) >>> 12 === kind && item.objectId > 256n);
const extentOf = (type: number, compression: number): ImageItem | undefined =>
  findItem(
    itemType.extentData,
    (content) =>
      content[20] === type && content[16] === compression && (type === 0 || content.readBigUint64LE(21) > 0n),
  );

test('the image is whole before it is attacked', () => {
  expect(outcome(source)).toBe('read');
  expect(nodes.some(({ level }) => level > 0)).toBe(true);
});

describe('a superblock is refused for', () => {
  test.each<[string, string, (superblock: Buffer) => void]>([
    ['another magic', 'btrfs.magic', (s) => s.write('_BHRfS_X', 64)],
    ['another place', 'btrfs.superblock', (s) => s.writeBigUint64LE(4096n, 48)],
    ['more bytes than the partition has', 'btrfs.superblock', (s) => s.writeBigUint64LE(1n << 40n, 112)],
    ['two devices', 'btrfs.unsupported', (s) => s.writeBigUint64LE(2n, 136)],
    ['a log that was not replayed', 'btrfs.unsupported', (s) => s.writeBigUint64LE(4096n, 96)],
    ['a sector size that is no power of two', 'btrfs.superblock', (s) => s.writeUint32LE(6000, 144)],
    ['a huge sector size', 'btrfs.superblock', (s) => s.writeUint32LE(0x8000_0000, 144)],
    ['a node size of zero', 'btrfs.superblock', (s) => s.writeUint32LE(0, 148)],
    ['a node size below the sector size', 'btrfs.superblock', (s) => s.writeUint32LE(8192, 144)],
    ['too many bytes of system chunks', 'btrfs.superblock', (s) => s.writeUint32LE(2049, 160)],
    ['system chunks cut in a field', 'bytes.short', (s) => s.writeUint32LE(s.readUint32LE(160) - 1, 160)],
    ['no system chunks', 'btrfs.address', (s) => s.writeUint32LE(0, 160)],
    ['xxhash64', 'btrfs.checksum-type', (s) => s.writeUint16LE(1, 196)],
    ['blake2b', 'btrfs.checksum-type', (s) => s.writeUint16LE(3, 196)],
    ['an unknown checksum', 'btrfs.checksum-type', (s) => s.writeUint16LE(77, 196)],
    ['zoned devices', 'btrfs.unsupported', (s) => s.writeBigUint64LE(s.readBigUint64LE(188) | (1n << 12n), 188)],
    ['a feature of the future', 'btrfs.unsupported', (s) => s.writeBigUint64LE(1n << 63n, 188)],
    ['a dump of metadata', 'btrfs.unsupported', (s) => s.writeBigUint64LE(1n << 33n, 56)],
    ['a root of another generation', 'btrfs.node', (s) => s.writeBigUint64LE(s.readBigUint64LE(72) + 1n, 72)],
    ['a root at another level', 'btrfs.node', (s) => s.writeUint8(s[198]! + 1, 198)],
    ['a root outside all chunks', 'btrfs.address', (s) => s.writeBigUint64LE(1n << 50n, 80)],
    ['another file system’s id', 'btrfs.node', (s) => (s[32]! ^= 1)],
    ['a chunk profile that stripes', 'btrfs.unsupported', (s) => s.writeBigUint64LE(2n | (1n << 3n), 811 + 17 + 24)],
    ['a chunk on another device', 'btrfs.chunk', (s) => s.writeBigUint64LE(9n, 811 + 17 + 48)],
    ['a chunk of no bytes', 'btrfs.chunk', (s) => s.writeBigUint64LE(0n, 811 + 17)],
    ['a chunk over the end of the device', 'btrfs.chunk', (s) => s.writeBigUint64LE(1n << 52n, 811 + 17)],
    ['a chunk of two copies that claims to be single', 'btrfs.chunk', (s) => s.writeUint16LE(2, 811 + 17 + 44)],
  ])('%s', (_, code, change) => {
    expect(withSuperblock(change)).toBe(code);
  });

  test('a checksum that does not match', () => {
    const flip = (): void => void (image[superblockAt + 4000]! ^= 1);
    flip();
    expect(outcome(source)).toBe('btrfs.checksum');
    flip();
  });
});

describe('a node is refused for', () => {
  const leaf = nodes.find(({ level, at }) => level === 0 && image.readUint32LE(at + 96) > 3)!;
  const inner = nodes.find(({ level }) => level > 0)!;
  const withNode = (node: typeof leaf, change: (bytes: Buffer) => void): string =>
    after(node.at, node.sizeBytes, change, () => reseal(image, node));

  test('any flipped bit, by its checksum', () => {
    for (const node of nodes) {
      for (let at = node.at; at < node.at + node.sizeBytes; at += 2039) {
        image[at]! ^= 4;
        expect(outcome(source), `byte ${at}`).toBe('btrfs.checksum');
        image[at]! ^= 4;
      }
    }
  });

  test.each<[string, string, (bytes: Buffer) => void]>([
    ['another file system’s id', 'btrfs.node', (n) => (n[32]! ^= 1)],
    ['standing elsewhere', 'btrfs.node', (n) => n.writeBigUint64LE(n.readBigUint64LE(48) + 4096n, 48)],
    [
      'another generation than its parent says',
      'btrfs.node',
      (n) => n.writeBigUint64LE(n.readBigUint64LE(80) + 1n, 80),
    ],
    ['another level', 'btrfs.node', (n) => n.writeUint8(1, 100)],
    ['a level above all', 'btrfs.node', (n) => n.writeUint8(200, 100)],
    ['more items than it has room for', 'btrfs.node', (n) => n.writeUint32LE(0xffff_ffff, 96)],
    ['keys that do not rise', 'btrfs.node', (n) => n.copy(n, 101, 126, 126 + 17)],
    ['items that leave a gap', 'btrfs.node', (n) => n.writeUint32LE(n.readUint32LE(101 + 17) - 1, 101 + 17)],
    ['items behind its end', 'btrfs.node', (n) => n.writeUint32LE(0xffff_0000, 101 + 17)],
  ])('%s', (_, code, change) => {
    expect(withNode(leaf, change)).toBe(code);
  });

  test('pointing to itself', () => {
    const result = withNode(inner, (bytes) => bytes.writeBigUint64LE(bytes.readBigUint64LE(48), 101 + 17));
    expect(result).toBe('btrfs.node');
  });

  test('pointing to one child twice', () => {
    const result = withNode(inner, (bytes) => bytes.copy(bytes, 101 + 33 + 17, 101 + 17, 101 + 33));
    expect(result).toBe('btrfs.node');
  });

  test('having no entries', () => {
    expect(withNode(inner, (bytes) => bytes.writeUint32LE(0, 96))).toBe('btrfs.node');
  });
});

describe('a file is refused for', () => {
  test.each<[string, string, ImageItem | undefined, (content: Buffer, key: Buffer) => void]>([
    ['an inode of no kind', 'btrfs.inode', inodeOf(0o10), (c) => c.writeUint32LE(0o070644, 52)],
    ['a size above all disks', 'limit.file-bytes', inodeOf(0o10), (c) => c.writeBigUint64LE(1n << 45n, 16)],
    ['a size above 2^53', 'bytes.number', inodeOf(0o10), (c) => c.writeBigUint64LE(1n << 60n, 16)],
    ['a link target above PATH_MAX', 'limit.path', inodeOf(0o12), (c) => c.writeBigUint64LE(5000n, 16)],
    ['being another kind than its entry says', 'btrfs.directory', inodeOf(0o01), (c) => c.writeUint32LE(0o140644, 52)],
    ['an unknown compression', 'btrfs.unsupported', extentOf(extentType.regular, 3), (c) => c.writeUint8(9, 16)],
    [
      'compression that is another than it says',
      'btrfs.compression',
      extentOf(extentType.regular, 3),
      (c) => c.writeUint8(1, 16),
    ],
    ['LZO that is zstd', 'btrfs.compression', extentOf(extentType.regular, 3), (c) => c.writeUint8(2, 16)],
    ['encryption', 'btrfs.unsupported', extentOf(extentType.regular, 3), (c) => c.writeUint8(1, 17)],
    ['another encoding', 'btrfs.unsupported', extentOf(extentType.regular, 3), (c) => c.writeUint16LE(1, 18)],
    ['an unknown kind of extent', 'btrfs.unsupported', extentOf(extentType.regular, 3), (c) => c.writeUint8(7, 20)],
    [
      'a compressed extent of a gigabyte',
      'btrfs.extent',
      extentOf(extentType.regular, 3),
      (c) => c.writeBigUint64LE(1n << 30n, 8),
    ],
    [
      'a compressed extent of a gigabyte on disk',
      'btrfs.extent',
      extentOf(extentType.regular, 3),
      (c) => c.writeBigUint64LE(1n << 30n, 29),
    ],
    [
      'less room than its extent decompresses to',
      'btrfs.compression',
      extentOf(extentType.regular, 3),
      (c) => {
        c.writeBigUint64LE(4096n, 8);
        c.writeBigUint64LE(0n, 37);
        c.writeBigUint64LE(4096n, 45);
      },
    ],
    [
      'a part outside its extent',
      'btrfs.extent',
      extentOf(extentType.regular, 3),
      (c) => c.writeBigUint64LE(1n << 20n, 37),
    ],
    [
      'an extent outside all chunks',
      'btrfs.address',
      extentOf(extentType.regular, 3),
      (c) => c.writeBigUint64LE(1n << 45n, 21),
    ],
    [
      'an extent where there is no data',
      'btrfs.data-checksum',
      extentOf(extentType.regular, 3),
      (c) => c.writeBigUint64LE(image.readBigUint64LE(extentOf(extentType.regular, 3)!.node.at + 48), 21),
    ],
    [
      'an extent between sectors',
      'btrfs.extent',
      extentOf(extentType.regular, 3),
      (c) => c.writeBigUint64LE(c.readBigUint64LE(21) + 512n, 21),
    ],
    ['an extent of no bytes', 'btrfs.extent', extentOf(extentType.regular, 3), (c) => c.writeBigUint64LE(0n, 45)],
    [
      'inline content of another length',
      'btrfs.extent',
      extentOf(extentType.inline, 0),
      (c) => c.writeBigUint64LE(4000n, 8),
    ],
    ['an attribute under another hash', 'btrfs.xattr', findItem(itemType.xattr), (c) => (c[30]! ^= 1)],
    ['an attribute longer than its item', 'bytes.short', findItem(itemType.xattr), (c) => c.writeUint16LE(60_000, 25)],
  ])('%s', (_, code, item, change) => {
    expect(withItem(item, change)).toBe(code);
  });

  test('extents that overlap', () => {
    const second = findItem(itemType.extentData, (content, item) => content[20] === 1 && item.offset > 4096n);
    expect(withItem(second, (_, key) => key.writeBigUint64LE(second!.offset - 4096n, 9))).toBe('btrfs.extent');
  });

  test('data that differs from its checksum, in every extent that is read', () => {
    const stored = items.filter(
      ({ type, at }) => type === itemType.extentData && image[at + 20] === extentType.regular,
    );
    for (const { node, at } of stored) {
      const logical = Number(image.readBigUint64LE(at + 21));
      if (logical === 0) continue;
      // Nodes and data are in one chunk here, so both are moved by the same distance.
      const physical = logical + node.at - Number(image.readBigUint64LE(node.at + 48));
      image[physical + 100]! ^= 1;
      expect(outcome(source)).toBe('btrfs.data-checksum');
      image[physical + 100]! ^= 1;
    }
    expect(stored.length).toBeGreaterThan(5);
  });
});

describe('a directory is refused for', () => {
  const named = (type: number, name: string): ImageItem | undefined =>
    findItem(type, (content) => content.subarray(30).equals(Buffer.from(name)));

  test.each<[string, string, ImageItem | undefined, (content: Buffer) => void]>([
    [
      'an entry that is listed under another name than it is opened by',
      'btrfs.directory',
      named(itemType.dirIndex, 'numbers'),
      (c) => c.write('NUMBERS', 30),
    ],
    [
      'an entry that leads elsewhere when opened',
      'btrfs.directory',
      named(itemType.dirItem, 'numbers'),
      (c) => c.writeBigUint64LE(257n, 0),
    ],
    ['a name under another hash', 'btrfs.directory', named(itemType.dirItem, 'numbers'), (c) => c.write('NUMBERS', 30)],
    ['a name with a slash', 'btrfs.directory', named(itemType.dirIndex, 'numbers'), (c) => c.write('../../x', 30)],
    ['a name with a NUL', 'btrfs.directory', named(itemType.dirIndex, 'numbers'), (c) => c.write('num\0ers', 30)],
    ['an entry of no kind', 'btrfs.directory', named(itemType.dirIndex, 'numbers'), (c) => c.writeUint8(99, 29)],
    [
      'an entry that leads to an item of another type',
      'btrfs.directory',
      named(itemType.dirIndex, 'numbers'),
      (c) => c.writeUint8(108, 8),
    ],
    [
      'a name longer than its item',
      'bytes.short',
      named(itemType.dirIndex, 'numbers'),
      (c) => c.writeUint16LE(255, 27),
    ],
    ['a subvolume that has its place elsewhere', 'btrfs.unsupported', findItem(itemType.rootRef), (c) => (c[0]! ^= 1)],
    [
      'a subvolume that is deleted',
      'btrfs.tree',
      findItem(itemType.root, (_, item) => item.objectId === 256n),
      (c) => c.writeUint32LE(0, 216),
    ],
    [
      'a subvolume that is a file',
      'tree.kind',
      findItem(itemType.root, (_, item) => item.objectId === 256n),
      (c) => c.writeBigUint64LE(257n, 168),
    ],
  ])('%s', (_, code, item, change) => {
    expect(withItem(item, change)).toBe(code);
  });

  test('holding itself', () => {
    const entry = named(itemType.dirItem, 'many')!;
    const index = named(itemType.dirIndex, 'many')!;
    const lead = (item: ImageItem, to: bigint): void => {
      image.writeBigUint64LE(to, item.at);
      reseal(image, item.node);
    };
    const before = image.readBigUint64LE(entry.at);
    lead(entry, 256n);
    lead(index, 256n);
    expect(outcome(source)).toBe('tree.cycle');
    lead(entry, before);
    lead(index, before);
    expect(outcome(source)).toBe('read');
  });
});

describe('whatever the bytes are, a tree or a fault comes out', () => {
  const coded = /^(read|(btrfs|bytes|lzo|tree|source|limit)\.[a-z0-9-]+)$/;

  test('for arbitrary bytes in the superblock, sealed', () => {
    assert(
      property(nat(1000), uint8Array({ minLength: 1, maxLength: 16 }), (at, bytes) => {
        expect(withSuperblock((superblock) => superblock.set(bytes, 72 + at))).toMatch(coded);
      }),
      { numRuns: 60 },
    );
  });

  test('for changed bytes of nodes, sealed', () => {
    const change = record({ node: nat(nodes.length - 1), at: nat(4095), mask: nat(255) });
    assert(
      property(array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const apply = (): void => {
          for (const { node, at, mask } of changes) {
            image[nodes[node]!.at + at]! ^= mask;
            reseal(image, nodes[node]!);
          }
        };
        apply();
        const result = outcome(source);
        apply();
        expect(result).toMatch(coded);
      }),
      { numRuns: 60 },
    );
    expect(outcome(source)).toBe('read');
  });

  test('for an image cut anywhere', () => {
    assert(
      property(nat(image.length), (length) => {
        const code = outcome(memorySource(image.subarray(0, length)));
        // The verity tree and padding may stand behind the file system.
        expect(code).toMatch(length >= 17_825_792 ? /^read$/ : /^btrfs\.(magic|superblock)$/);
      }),
    );
  });
});
