import { crc32 } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { memorySource } from '../../pipeline/core/index.ts';
import { hashLeavesInline } from '../../pipeline/formats/verity/index.ts';
import {
  compareUsrHashes,
  isNodeImage,
  judgeNodeImage,
  judgeSysext,
  type NodeImage,
  openNodeImage,
  readNodeImage,
  readSysext,
  type Sysext,
} from '../../pipeline/image/index.ts';
import { demo, readDemoImage } from '../support/demo-images.ts';

let disk: Buffer;
let falco: Buffer;
beforeAll(() => {
  disk = readDemoImage(demo.image);
  falco = readDemoImage(demo.falco);
});

const sector = 512;
const openDisk = async (bytes: Buffer) => Promise.resolve(openNodeImage(memorySource(bytes, 'disk.bin')));
const readDisk = (bytes: Buffer) => readNodeImage(memorySource(bytes, 'disk.bin'), hashLeavesInline);
const readExtension = (bytes: Buffer, name?: string) =>
  readSysext(memorySource(bytes, 'falco.raw'), hashLeavesInline, name);

/** Changes entries of both partition tables and makes their checksums good again (UEFI §5.3.2). */
function rewriteTable(bytes: Buffer, change: (entries: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  const last = copy.length / sector - 1;
  for (const lba of [1, last]) {
    const header = copy.subarray(lba * sector, lba * sector + 92);
    const start = Number(header.readBigUInt64LE(72)) * sector;
    const entries = copy.subarray(start, start + header.readUInt32LE(80) * header.readUInt32LE(84));
    change(entries);
    header.writeUInt32LE(crc32(entries), 88);
    header.writeUInt32LE(0, 16);
    header.writeUInt32LE(crc32(header), 16);
  }
  return copy;
}

const entryBytes = 128;
const usr = { a: 40_960 * sector, b: 106_496 * sector, sizeBytes: 26 * 1024 * 1024 };

describe('a disk with two USR partitions that hold something', () => {
  const filled = () => {
    const copy = Buffer.from(disk);
    disk.copy(copy, usr.b, usr.a, usr.a + usr.sizeBytes);
    return copy;
  };

  it('is described by the one that boots, and the other is named', async () => {
    const image = await openDisk(filled());
    expect(image.usr.partition?.label).toBe('USR-A');
    expect(image.problems).toEqual([expect.stringMatching(/^Partition 4 \(USR-B\) holds another \/usr: /)]);
  });

  it('boots the one of higher priority, with the kernel of that slot, which must be there', async () => {
    // Bits 48 to 51 of the attributes, of the entry of partition 4.
    const preferring = rewriteTable(filled(), (entries) => entries.writeUInt8(2, 3 * entryBytes + 48 + 6));
    const image = await readDisk(preferring);
    expect(image.usr.partition?.label).toBe('USR-B');
    expect(image.kernel).toBeNull();
    expect(image.problems).toContain('The disk has no kernel for this /usr: no /flatcar/vmlinuz-b in an EFI partition');
    expect(compareUsrHashes(image)).toMatchObject({ kernel: null, agree: true });
  });
});

describe('a disk', () => {
  it('with two partitions labelled ROOT is refused: extensions could be in either', async () => {
    const twice = rewriteTable(disk, (entries) => {
      const label = (number: number) => entries.subarray((number - 1) * entryBytes + 56, number * entryBytes);
      label(9).copy(label(6));
    });
    await expect(openDisk(twice)).rejects.toMatchObject({ code: 'image.label' });
  });

  it('whose ROOT cannot be read says that its extensions are not listed', async () => {
    const blank = Buffer.from(disk).fill(0, 208_896 * sector, 208_896 * sector + 8192);
    expect((await openDisk(blank)).problems).toEqual([
      expect.stringMatching(/^Partition 9 \(ROOT\) holds no file system/),
    ]);
  });

  it('without a USR partition that holds a file system is refused by name', async () => {
    const blank = Buffer.from(disk).fill(0, usr.a, usr.a + 128 * 1024);
    expect(isNodeImage(memorySource(blank))).toBe(true);
    await expect(openDisk(blank)).rejects.toMatchObject({ code: 'image.usr' });
  });

  it('whose backup table is gone is read, and says so', async () => {
    const { problems } = await openDisk(Buffer.from(disk).fill(0, disk.length - 33 * sector));
    expect(problems).toEqual([expect.stringContaining('backup table')]);
  });
});

describe('a node image contradicts itself', () => {
  let image: NodeImage;
  beforeAll(async () => {
    image = await readDisk(disk);
  });
  const codesOf = (changed: NodeImage) => judgeNodeImage(changed).map(({ code }) => code);
  const kernelWith = (header: object): NodeImage =>
    ({ ...image, kernel: { ...image.kernel, header: { ...image.kernel?.header, ...header } } }) as NodeImage;

  it('not as it was built', () => {
    expect(judgeNodeImage(image)).toEqual([]);
  });

  it('where its kernel is for another machine than its programs', () => {
    expect(judgeNodeImage(kernelWith({ architecture: 'arm64' }))).toMatchObject([
      { code: 'image.architecture', message: 'The kernel is for arm64, the programs under /usr are for x86-64' },
    ]);
  });

  it('where its kernel boots another usr hash, or one that an image without verity cannot have', () => {
    expect(codesOf(kernelWith({ embeddedUsrHash: 'a'.repeat(64) }))).toEqual(['image.usr-hash']);
    expect(codesOf({ ...image, usr: { ...image.usr, verity: null } })).toEqual(['image.usr-hash']);
  });

  it('where verity covers less than its file system: the rest is not bound by the root hash', () => {
    const { verity, tree } = image.usr;
    if (verity === null) throw new Error('want verity');
    const report = { ...verity.report, dataSizeBytes: tree.facts.sizeBytes - 4096 };
    expect(codesOf({ ...image, usr: { ...image.usr, verity: { ...verity, report } } })).toEqual([
      'image.verity-coverage',
    ]);
  });
});

describe('an extension with verity', () => {
  let sysext: Sysext;
  beforeAll(async () => {
    sysext = await readExtension(falco);
  });

  it('agrees with itself as it was built, its partitions named by its root hash', () => {
    expect(judgeSysext(sysext)).toEqual([]);
    expect(sysext.problems).toEqual([]);
  });

  it('tells where a partition is not named by its root hash', async () => {
    const renamed = rewriteTable(falco, (entries) => entries.writeUInt8(0, 16));
    expect((await readExtension(renamed)).problems).toEqual([
      expect.stringMatching(/^Partition 1 has GUID .*, want the half of the root hash/),
    ]);
  });

  it('tells where a verity partition is of a type for other data: it protects nothing', async () => {
    // 77ff5f63-e7b6-4633-acf4-1565b864c0e6, a usr partition's, beside a root partition.
    const type = Buffer.from('635fff77b6e73346acf41565b864c0e6', 'hex');
    const retyped = await readExtension(rewriteTable(falco, (entries) => type.copy(entries, entryBytes)));
    expect(retyped.verity).toBeNull();
    expect(retyped.problems).toEqual([
      expect.stringMatching(/^Partition 2 \(root-x86-64-verity\) .* protects nothing$/),
    ]);
    expect(judgeSysext(retyped)).toMatchObject([{ code: 'image.signed-root-hash' }]);
  });

  it('contradicts itself where a signature is there and no verity', () => {
    expect(judgeSysext({ ...sysext, verity: null })).toMatchObject([{ code: 'image.signed-root-hash' }]);
  });

  it('contradicts itself where its partition is of the type for another machine', () => {
    expect(judgeSysext({ ...sysext, partitionArchitecture: 'arm64' })).toMatchObject([{ code: 'image.architecture' }]);
  });

  it('contradicts itself where a data block was altered', async () => {
    const altered = Buffer.from(falco);
    // Behind the last file of the file system: it still reads.
    const place = 2048 * sector + 303 * 4096 - 1;
    altered.writeUInt8(altered.readUInt8(place) ^ 1, place);
    const codes = judgeSysext(await readExtension(altered)).map(({ code }) => code);
    expect(codes).toEqual(['image.hash-tree', 'image.signed-root-hash']);
  });

  it('is refused where it has two root partitions, or verity without a superblock', async () => {
    const twice = rewriteTable(falco, (entries) => entries.copy(entries, 2 * entryBytes, 0, 16));
    await expect(readExtension(twice)).rejects.toMatchObject({ code: 'image.ddi-partitions' });
    const blank = Buffer.from(falco);
    blank.fill(0, blank.indexOf('verity\0\0'), blank.indexOf('verity\0\0') + 8);
    await expect(readExtension(blank)).rejects.toMatchObject({ code: 'verity.superblock' });
  });

  it('is refused under a name that its extension-release does not have, with what to do', async () => {
    await expect(readExtension(falco, 'tetragon')).rejects.toMatchObject({
      code: 'extension-release.name',
      next: expect.stringContaining('falco.raw') as string,
    });
  });

  it('is looked for below /usr where its partition is of type usr', async () => {
    // 8484680c-9521-48c6-9c11-b0720656f69e, as it lies in the table. Its root is no /usr: nothing is found there.
    const type = Buffer.from('0c6884842195c6489c11b0720656f69e', 'hex');
    const retyped = rewriteTable(falco, (entries) => type.copy(entries, 0));
    await expect(readExtension(retyped)).rejects.toMatchObject({ code: 'extension-release.missing' });
  });
});

describe('what is neither', () => {
  it('an operating system in another layout is refused by name, with what is wanted', async () => {
    // The /usr of the demo as the root partition of a DDI, as systemd-repart makes images of whole systems.
    const type = Buffer.from('0c6884842195c6489c11b0720656f69e', 'hex');
    const other = rewriteTable(disk, (entries) => type.copy(entries, 2 * entryBytes));
    const withoutB = rewriteTable(other, (entries) => entries.fill(0, 3 * entryBytes, 4 * entryBytes));
    expect(isNodeImage(memorySource(withoutB))).toBe(false);
    await expect(readExtension(withoutB)).rejects.toMatchObject({
      code: 'image.layout',
      next: expect.stringContaining('5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6') as string,
    });
  });
});
