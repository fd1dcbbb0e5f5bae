import { readFileSync } from 'node:fs';
import { zstdDecompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault, memorySource } from '../../../pipeline/core/index.ts';
import { openFat } from '../../../pipeline/formats/fat/index.ts';
import { type FileTree, readFile, resolve, walk } from '../../../pipeline/formats/file-tree/index.ts';

const fixture = (name: string) =>
  zstdDecompressSync(readFileSync(new URL(`../../fixtures/fat/${name}.img.zst`, import.meta.url)));
const images = { fat12: fixture('fat12'), fat16: fixture('fat16'), fat32: fixture('fat32') };
const open = (bytes: Uint8Array) => openFat(memorySource(bytes));
const changed = (bytes: Uint8Array, at: number, ...values: number[]) => {
  const copy = Uint8Array.from(bytes);
  copy.set(values, at);
  return copy;
};
/** What `seq 1 last` prints. */
const sequence = (last: number) => `${Array.from({ length: last }, (_, index) => index + 1).join('\n')}\n`;

function contentAt(tree: FileTree, path: string): string {
  const node = resolve(tree, path);
  if (node === undefined) throw new Error(`nothing at ${path}`);
  return Buffer.from(readFile(tree, node, 1 << 20)).toString();
}

function readAll(tree: FileTree): number {
  let total = 0;
  for (const { node } of walk(tree))
    if (node.kind === 'file') for (const chunk of tree.chunks(node)) total += chunk.byteLength;
  return total;
}

describe.for(Object.entries(images))('%s', ([name, image]) => {
  test('tells its label, serial and cluster size', () => {
    expect(open(image).facts).toEqual({
      format: 'fat',
      label: 'EFI-SYSTEM',
      uuid: '1234-ABCD',
      blockSizeBytes: 512,
      compression: null,
      sizeBytes: image.byteLength,
    });
  });

  test('lists every file with its long name, size and time', () => {
    const paths = [...walk(open(image))].map(({ path }) => path);
    expect(paths.filter((path) => !path.startsWith('/many/'))).toEqual([
      '/EFI',
      '/EFI/boot',
      '/EFI/boot/A long name, with Größe and 漢字 of more than one entry.conf',
      '/EFI/boot/BOOTX64.EFI',
      '/empty',
      '/flatcar',
      '/flatcar/vmlinuz-a',
      '/gap2',
      '/gap4',
      '/gap6',
      '/many',
    ]);
    expect(paths.filter((path) => path.startsWith('/many/'))).toHaveLength(40);
    const loader = resolve(open(image), '/EFI/boot/BOOTX64.EFI');
    expect(loader).toMatchObject({ kind: 'file', mode: 0o444, sizeBytes: 292, modifiedAt: 1_700_000_000 });
  });

  test('gives the content of a file in pieces', () => {
    expect(contentAt(open(image), '/flatcar/vmlinuz-a')).toBe(sequence(20_000));
    expect(contentAt(open(image), '/gap4')).toBe(sequence(100));
    expect(contentAt(open(image), '/empty')).toBe('');
  });

  test('of any bytes changed or cut off gives content or a Fault', () => {
    // What is not zero is metadata or content: most changes hit something.
    const places = Array.from(image.subarray(0, 1 << 20).keys()).filter((at) => image[at] !== 0);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...places), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.option(fc.nat(image.byteLength), { freq: 5 }),
        (changes, length) => {
          const old = changes.map(([at]) => [at, image[at]!] as const);
          for (const [at, value] of changes) image[at] = value;
          try {
            readAll(open(length === null ? image : image.subarray(0, length)));
          } catch (error) {
            expect(error).toBeInstanceOf(Fault);
          } finally {
            for (const [at, value] of old.toReversed()) image[at] = value;
          }
        },
      ),
      { numRuns: name === 'fat32' ? 50 : 150 },
    );
  });
});

describe('a FAT volume', () => {
  const image = images.fat16;

  test.for<[string, Uint8Array, string]>([
    ['without a boot signature', changed(image, 510, 0), 'fat.signature'],
    ['of nothing', new Uint8Array(0), 'source.range'],
    ['with sectors of 1000 bytes', changed(image, 11, 0xe8, 0x03), 'fat.geometry'],
    ['with no sectors in a cluster', changed(image, 13, 0), 'fat.geometry'],
    ['with no reserved sector', changed(image, 14, 0, 0), 'fat.geometry'],
    ['with 255 FATs', changed(image, 16, 255), 'fat.geometry'],
    ['larger than its partition', image.subarray(0, image.byteLength - 512), 'fat.geometry'],
    ['whose FAT is too small for its clusters', changed(image, 22, 1, 0), 'fat.geometry'],
    ['whose second FAT is the active one', changed(images.fat32, 40, 0x81), 'fat.mirroring'],
    ['of an unknown version', changed(images.fat32, 42, 1), 'fat.version'],
  ])('%s is refused', ([, bytes, code]) => {
    expect(() => open(bytes)).toThrow(expect.objectContaining({ code }));
  });

  test('whose chain returns to itself is refused', () => {
    const copy = new DataView(Uint8Array.from(image).buffer);
    const table = readTableStart(copy);
    const cluster = findRun(copy, table);
    copy.setUint16(table + cluster * 2, cluster - 1, true);
    expect(() => readAll(open(new Uint8Array(copy.buffer)))).toThrow(
      expect.objectContaining({ code: 'fat.chain-loop' }),
    );
  });

  test('whose chain leads out of the volume is refused', () => {
    const copy = new DataView(Uint8Array.from(image).buffer);
    const table = readTableStart(copy);
    copy.setUint16(table + findRun(copy, table) * 2, 0xfff0, true);
    expect(() => readAll(open(new Uint8Array(copy.buffer)))).toThrow(expect.objectContaining({ code: 'fat.cluster' }));
  });

  test('whose chain ends before its file does is refused', () => {
    const copy = new DataView(Uint8Array.from(image).buffer);
    const table = readTableStart(copy);
    copy.setUint16(table + findRun(copy, table) * 2, 0xffff, true);
    expect(() => readAll(open(new Uint8Array(copy.buffer)))).toThrow(expect.objectContaining({ code: 'fat.size' }));
  });

  test('with two names that differ in case alone is refused', () => {
    const tree = open(changed(image, image.indexOf('GAP4    '), ...Buffer.from('GAP2    ')));
    expect(() => tree.list(tree.root)).toThrow(expect.objectContaining({ code: 'fat.duplicate-name' }));
  });

  test('with a slash in a name is refused', () => {
    const tree = open(changed(image, image.indexOf('FLATCAR    '), ...Buffer.from('A/B    ')));
    expect(() => tree.list(tree.root)).toThrow(expect.objectContaining({ code: 'fat.name' }));
  });

  test('with a directory that holds itself is refused by the walk', () => {
    const parent = image.readUInt16LE(image.indexOf('EFI        ') + 26);
    const bytes = changed(image, image.indexOf('BOOT       ') + 26, parent & 0xff, parent >> 8);
    expect(() => readAll(open(bytes))).toThrow(expect.objectContaining({ code: 'tree.cycle' }));
  });

  test('ignores a long name that belongs to another entry', () => {
    const tree = open(changed(image, image.indexOf('ALONGN'), ...Buffer.from('BLONGN')));
    const boot = resolve(tree, '/EFI/boot')!;
    expect(tree.list(boot).map((entry) => entry.name)).toContain('BLONGN~1.CON');
  });

  test('does not take a node of another tree', () => {
    expect(() => open(image).list(open(image).root)).toThrow(expect.objectContaining({ code: 'tree.kind' }));
  });
});

function readTableStart(view: DataView): number {
  return view.getUint16(14, true) * view.getUint16(11, true);
}

/** A cluster in the middle of a run of neighbours, which only the kernel has. */
function findRun(view: DataView, table: number): number {
  for (let cluster = 2; ; cluster++) {
    const follows = (at: number) => view.getUint16(table + at * 2, true) === at + 1;
    if ([0, 1, 2, 3, 4, 5, 6].every((step) => follows(cluster + step))) return cluster + 3;
  }
}
