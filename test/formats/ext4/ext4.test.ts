import { readFileSync } from 'node:fs';
import { zstdDecompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Digest, Fault, memorySource } from '../../../pipeline/core/index.ts';
import { openExt4 } from '../../../pipeline/formats/ext4/index.ts';
import { type FileTree, readFile, resolve, walk } from '../../../pipeline/formats/file-tree/index.ts';

const fixture = (name: string) =>
  zstdDecompressSync(readFileSync(new URL(`../../fixtures/ext4/${name}.img.zst`, import.meta.url)));
const images = { ext4: fixture('ext4'), 'ext4-plain': fixture('ext4-plain'), ext2: fixture('ext2') };
const open = (bytes: Uint8Array) => openExt4(memorySource(bytes));
const changed = (bytes: Uint8Array, change: (image: Buffer) => void) => {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
};
/** What `seq first last` prints, with the separator that is asked for. */
const sequence = (first: number, last: number, separator = '\n') =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index).join(separator);

function nodeAt(tree: FileTree, path: string) {
  const node = resolve(tree, path, { followLast: false });
  if (node === undefined) throw new Error(`nothing at ${path}`);
  return node;
}
const contentAt = (tree: FileTree, path: string) => Buffer.from(readFile(tree, nodeAt(tree, path), 100 << 20));

/** Reads everything that a tree offers, large holes apart. */
function readAll(tree: FileTree): void {
  for (const { node } of walk(tree)) {
    tree.xattrs(node);
    if (node.kind === 'symlink') tree.target(node);
    if (node.kind !== 'file') continue;
    let left = 2 << 20;
    for (const chunk of tree.chunks(node)) if ((left -= chunk.byteLength) < 0) break;
  }
}

describe.for(Object.entries(images))('%s', ([name, image]) => {
  const tree = open(image);

  test('gives at any offset of a file what it gives from the start', () => {
    for (const { node, path } of walk(tree)) {
      const source = node.kind === 'file' && node.sizeBytes < 1 << 20 ? tree.source?.(node) : undefined;
      if (source === undefined) continue;
      const whole = contentAt(tree, path);
      expect(Buffer.from(source.read(0, source.sizeBytes)).equals(whole)).toBe(true);
      for (const [from, to] of [
        [1, 2],
        [500, 3000],
        [1023, 1025],
        [whole.byteLength - 1, whole.byteLength],
      ] as const) {
        if (from < 0 || to > whole.byteLength || from > to) continue;
        expect(Buffer.from(source.read(from, to - from)).equals(whole.subarray(from, to))).toBe(true);
      }
    }
  });

  test('tells its label, UUID and block size', () => {
    expect(tree.facts).toEqual({
      format: 'ext4',
      label: 'ROOT',
      uuid: '6e6f6465-7072-6f6f-662d-746573740000',
      blockSizeBytes: 1024,
      compression: null,
      sizeBytes: 4 << 20,
    });
  });

  test('gives the content of files, contiguous, with holes and never written', () => {
    expect(contentAt(tree, '/opt/extensions/kubernetes.raw').toString()).toBe(`${sequence(1, 60_000)}\n`);
    const sparse = Buffer.alloc(819_210);
    for (let island = 0; island <= 800; island += 2) sparse.write(`island ${island}`, island * 1024);
    expect(contentAt(tree, '/sparse').equals(sparse)).toBe(true);
    const hole = Buffer.alloc(71_680_003);
    hole.write('end', 71_680_000);
    expect(Digest.of('sha256', contentAt(tree, '/deep-hole'))).toEqual(Digest.of('sha256', hole));
    expect(contentAt(tree, '/empty').byteLength).toBe(0);
    if (name === 'ext2') return;
    const preallocated = Buffer.alloc(10_000);
    preallocated.write(`${sequence(1, 200)}\n`);
    expect(contentAt(tree, '/preallocated').equals(preallocated)).toBe(true);
  });

  test('gives the content of small files, which may be inline', () => {
    expect(contentAt(tree, '/tiny/short').toString()).toBe('inline in i_block');
    expect(contentAt(tree, '/tiny/longer').toString()).toBe(`${sequence(1, 40, ' ')} `);
  });

  test('tells kinds, owners, modes, times and devices', () => {
    expect(nodeAt(tree, '/empty')).toMatchObject({ kind: 'file', mode: 0o4755, uid: 70_000, gid: 80_000 });
    expect(nodeAt(tree, '/empty').modifiedAt).toBe(1_700_000_000);
    expect(nodeAt(tree, '/tiny')).toMatchObject({ kind: 'directory', mode: 0o755, sizeBytes: 0 });
    expect(nodeAt(tree, '/tiny/null')).toMatchObject({ kind: 'character-device', device: { major: 1, minor: 3 } });
    expect(nodeAt(tree, '/tiny/disk')).toMatchObject({ kind: 'block-device', device: { major: 259, minor: 300_000 } });
    expect(nodeAt(tree, '/tiny/fifo').kind).toBe('fifo');
    expect(nodeAt(tree, '/tiny/hard-link').id).toBe(nodeAt(tree, '/tiny/short').id);
  });

  test('gives the targets of short and long symbolic links', () => {
    expect(tree.target(nodeAt(tree, '/tiny/link'))).toBe('../opt/extensions/kubernetes.raw');
    expect(tree.target(nodeAt(tree, '/tiny/long-link'))).toBe(`/${sequence(100_000, 100_020, '/')}`);
    expect(resolve(tree, '/tiny/link')?.sizeBytes).toBe(348_894);
  });

  test('gives attributes of the inode and of their own block', () => {
    expect([...tree.xattrs(nodeAt(tree, '/tiny/short'))]).toEqual([
      ['user.extension-release.strict', new Uint8Array(Buffer.from('false'))],
    ]);
    const large = tree.xattrs(nodeAt(tree, '/empty')).get('user.large');
    expect(Buffer.from(large!).toString()).toBe(sequence(1, 150, ','));
    expect(tree.xattrs(nodeAt(tree, '/tiny/longer')).size).toBe(0);
  });

  test('lists an indexed directory and a name that is not UTF-8', () => {
    expect(tree.list(nodeAt(tree, '/many'))).toHaveLength(300);
    expect(tree.list(tree.root).map((entry) => entry.name)).toContain('latin-\udce4');
  });

  test('of any bytes changed or cut off gives content or a Fault', () => {
    const copy = Buffer.from(image);
    const places = Array.from(copy.keys()).filter((at) => copy[at] !== 0 && at < 900 << 10);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...places), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        fc.option(fc.nat(image.byteLength), { freq: 8 }),
        (changes, length) => {
          const old = changes.map(([at]) => [at, copy[at]!] as const);
          for (const [at, value] of changes) copy[at] = value;
          try {
            readAll(open(length === null ? copy : copy.subarray(0, length)));
          } catch (error) {
            if (!(error instanceof Fault)) throw error;
          } finally {
            for (const [at, value] of old.toReversed()) copy[at] = value;
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('an ext4 file system', () => {
  const incompat = 1024 + 0x60;
  const { 'ext4-plain': plain, ext4 } = images;

  test.for<[string, Uint8Array, string]>([
    ['of nothing', new Uint8Array(0), 'ext4.magic'],
    ['without its magic', changed(plain, (i) => i.writeUInt16LE(0, 1024 + 0x38)), 'ext4.magic'],
    ['that needs its journal', changed(plain, (i) => (i[incompat]! |= 4)), 'ext4.needs-recovery'],
    [
      'that was in use without a journal',
      changed(plain, (i) => i.writeUInt16LE(0, 1024 + 0x3a)),
      'ext4.needs-recovery',
    ],
    ['with encryption', changed(plain, (i) => (i[incompat + 2]! |= 1)), 'ext4.feature'],
    ['with case folding', changed(plain, (i) => (i[incompat + 2]! |= 2)), 'ext4.feature'],
    ['with a feature of the future', changed(plain, (i) => (i[incompat + 3]! |= 0x80)), 'ext4.feature'],
    ['larger than its partition', plain.subarray(0, plain.byteLength - 1024), 'ext4.geometry'],
    ['with blocks of 4 TiB', changed(plain, (i) => i.writeUInt32LE(32, 1024 + 0x18)), 'ext4.geometry'],
    ['with no inodes in a group', changed(plain, (i) => i.writeUInt32LE(0, 1024 + 0x28)), 'ext4.geometry'],
    ['with no blocks in a group', changed(plain, (i) => i.writeUInt32LE(0, 1024 + 0x20)), 'ext4.geometry'],
    ['with inodes of 100 bytes', changed(plain, (i) => i.writeUInt16LE(100, 1024 + 0x58)), 'ext4.geometry'],
    ['with a changed superblock', changed(ext4, (i) => (i[1024 + 0x78]! ^= 1)), 'ext4.checksum'],
    ['with a changed group descriptor', changed(ext4, (i) => (i[2048 + 0x0c]! ^= 1)), 'ext4.checksum'],
  ])('%s is refused', ([, bytes, code]) => {
    expect(() => open(bytes)).toThrow(expect.objectContaining({ code }));
  });

  test('refuses a feature by its name', () => {
    const bytes = changed(plain, (i) => (i[incompat + 2]! |= 1));
    expect(() => open(bytes)).toThrow('the ext4 feature encrypt is not supported');
  });

  const inodeTable = ext4.readUInt32LE(2048 + 8) * 1024;
  const inodeAt = (image: Buffer, path: string) =>
    image.readUInt32LE(2048 + 8) * 1024 + (nodeAt(open(image), path).id - 1) * 256;
  /** The first block of an inode's extent tree, and the block of its first leaf. */
  const firstPointer = (image: Buffer, inode: number) => image.readUInt32LE(inode + 0x28 + 12 + 4) * 1024;

  test('notices every change of an inode in use', () => {
    const copy = Buffer.from(ext4);
    const inode = inodeAt(ext4, '/opt/extensions/kubernetes.raw');
    expect(inode).toBeGreaterThan(inodeTable);
    for (let at = inode; at < inode + 256; at++) {
      copy[at]! ^= 0x10;
      const tree = open(copy);
      expect(() => resolve(tree, '/opt/extensions/kubernetes.raw')).toThrow(Fault);
      copy[at]! ^= 0x10;
    }
  });

  test('notices a changed extent block, directory block, index block and block of attributes', () => {
    const sparse = firstPointer(ext4, inodeAt(ext4, '/sparse'));
    const sparseTree = open(changed(ext4, (i) => (i[sparse + 100]! ^= 1)));
    expect(() => contentAt(sparseTree, '/sparse')).toThrow(expect.objectContaining({ code: 'ext4.checksum' }));

    const block = ext4.readUInt32LE(inodeAt(ext4, '/many') + 0x28 + 12 + 8) * 1024;
    for (const at of [block + 36, block + 1024 + 9]) {
      const tree = open(changed(ext4, (i) => (i[at]! ^= 1)));
      expect(() => tree.list(nodeAt(tree, '/many'))).toThrow(expect.objectContaining({ code: 'ext4.checksum' }));
    }

    const attributes = ext4.readUInt32LE(inodeAt(ext4, '/empty') + 0x68) * 1024;
    const tree = open(changed(ext4, (i) => (i[attributes + 1000]! ^= 1)));
    expect(() => tree.xattrs(nodeAt(tree, '/empty'))).toThrow(expect.objectContaining({ code: 'ext4.checksum' }));
  });

  test('with an extent tree that holds itself is refused', () => {
    const inode = inodeAt(plain, '/sparse');
    const child = firstPointer(plain, inode);
    const tree = open(
      changed(plain, (i) => {
        i.writeUInt16LE(1, child + 6); // a node, no leaf, whose first entry leads back to it
        i.writeUInt32LE(child / 1024, child + 12 + 4);
      }),
    );
    expect(() => contentAt(tree, '/sparse')).toThrow(expect.objectContaining({ code: 'ext4.extent' }));
  });

  test('with an extent tree of many nodes and no extents is refused at once', () => {
    const inode = inodeAt(plain, '/sparse');
    const child = firstPointer(plain, inode);
    const change = (index: (entry: number) => number) => (i: Buffer) => {
      // Three levels of 84 entries, all of them the same empty leaf in the end.
      for (const [level, block] of [child, child + 1024, child + 2048].entries()) {
        i.writeUInt32LE((84 << 16) | 0xf30a, block);
        i.writeUInt32LE(((2 - level) << 16) | 84, block + 4);
        if (level === 2) i.writeUInt16LE(0, block + 2);
        for (let entry = 0; entry < (level === 2 ? 0 : 84); entry++) {
          i.writeUInt32LE(index(entry), block + 12 + entry * 12);
          i.writeUInt32LE(block / 1024 + 1, block + 16 + entry * 12);
          i.writeUInt32LE(0, block + 20 + entry * 12);
        }
      }
      i.writeUInt16LE(3, inode + 0x28 + 6);
    };
    for (const index of [() => 0, (entry: number) => entry])
      expect(() => contentAt(open(changed(plain, change(index))), '/sparse')).toThrow(
        expect.objectContaining({ code: 'ext4.extent' }),
      );
  });

  test('with extents that overlap is refused', () => {
    const child = firstPointer(plain, inodeAt(plain, '/sparse'));
    const leaf = plain.readUInt16LE(child + 6) === 0 ? child : plain.readUInt32LE(child + 12 + 4) * 1024;
    const tree = open(changed(plain, (i) => i.writeUInt16LE(500, leaf + 12 + 4)));
    expect(() => contentAt(tree, '/sparse')).toThrow(expect.objectContaining({ code: 'ext4.extent' }));
  });

  test('with an extent behind its end is refused', () => {
    const inode = inodeAt(plain, '/opt/extensions/kubernetes.raw');
    const tree = open(changed(plain, (i) => i.writeUInt32LE(4090, inode + 0x28 + 12 + 8)));
    expect(() => contentAt(tree, '/opt/extensions/kubernetes.raw')).toThrow(
      expect.objectContaining({ code: 'ext4.block' }),
    );
  });

  test.for<[string, (image: Buffer, entry: number) => void, string]>([
    ['no length', (i, at) => i.writeUInt16LE(0, at + 4), 'ext4.directory'],
    ['a length beyond its block', (i, at) => i.writeUInt16LE(1024, at + 4), 'ext4.directory'],
    ['a name longer than itself', (i, at) => i.writeUInt8(200, at + 6), 'ext4.directory'],
    ['a slash in its name', (i, at) => i.write('/', at + 9), 'ext4.directory'],
    ['an inode behind the last', (i, at) => i.writeUInt32LE(9999, at), 'ext4.inode'],
    ['an inode that is not in use', (i, at) => i.writeUInt32LE(500, at), 'ext4.inode'],
    ['the inode of the journal', (i, at) => i.writeUInt32LE(8, at), 'ext4.inode'],
    ['the name of another', (i, at) => i.write('many', i.indexOf('tiny', at)), 'ext4.directory'],
  ])('with a directory entry that has %s is refused', ([, change, code]) => {
    const block = plain.readUInt32LE(inodeAt(plain, '/') + 0x28 + 12 + 8) * 1024;
    // Behind `.` and `..`.
    const entry = block + 24;
    const tree = open(changed(plain, (i) => change(i, entry)));
    expect(() => tree.list(tree.root)).toThrow(expect.objectContaining({ code }));
  });

  test('with a directory that holds itself is refused by the walk', () => {
    // The directory /opt is inline: its first entry stands behind its parent's number.
    const bytes = changed(plain, (i) => i.writeUInt32LE(nodeAt(open(plain), '/opt').id, inodeAt(plain, '/opt') + 44));
    expect(() => readAll(open(bytes))).toThrow(expect.objectContaining({ code: 'tree.cycle' }));
  });

  test('does not take a file for a directory', () => {
    const tree = open(plain);
    const file = nodeAt(tree, '/empty');
    expect(() => tree.list(file)).toThrow(expect.objectContaining({ code: 'tree.kind' }));
    expect(() => tree.target(file)).toThrow(expect.objectContaining({ code: 'tree.kind' }));
    expect(() => [...tree.chunks(tree.root)]).toThrow(expect.objectContaining({ code: 'tree.kind' }));
  });
});
