import { assert, property, nat, uint8Array, array, tuple } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault, memorySource } from '../../../pipeline/core/index.ts';
import { type Gpt, isGpt, openPartition, partitionType, readGpt } from '../../../pipeline/formats/gpt/index.ts';
import { backupAt, entryAt, entryField, field, loadDisk, primaryAt, reseal } from './disk.ts';

const flatcar = loadDisk('flatcar');
const sectors4k = loadDisk('sectors4k');
const read = (disk: Uint8Array): Gpt => readGpt(memorySource(disk, 'disk.img'));

/** The code of the fault that reading the disk ends in, or what it is read as. */
function outcome(disk: Uint8Array): string {
  try {
    return `read: ${read(disk)
      .problems.map((problem) => problem.code)
      .join()}`;
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
}

function changed(change: (disk: Buffer) => void, disk = flatcar): Buffer {
  const copy = Buffer.from(disk);
  change(copy);
  return copy;
}

describe('a Flatcar disk', () => {
  const gpt = read(flatcar);

  test('has its partitions under their real numbers, gaps kept', () => {
    expect(gpt.partitions.map(({ number, label }) => [number, label])).toEqual([
      [1, 'EFI-SYSTEM'],
      [2, 'BIOS-BOOT'],
      [3, 'USR-A'],
      [4, 'USR-B'],
      [6, 'OEM'],
      [7, 'OEM-CONFIG'],
      [9, 'ROOT'],
    ]);
  });

  test('tells type, GUID, place and attributes of each', () => {
    expect(gpt.partitions[2]).toEqual({
      number: 3,
      typeGuid: partitionType.flatcarUsr,
      guid: '7130c94a-213a-4e5a-8e26-6cce9662f132',
      label: 'USR-A',
      attributes: 1n << 48n,
      offsetBytes: 229_376,
      sizeBytes: 262_144,
    });
    expect(gpt).toMatchObject({
      sectorSizeBytes: 512,
      diskGuid: '00000000-0000-0000-0000-000000000001',
      problems: [],
    });
  });

  test('opens a partition as a source of its own', () => {
    const disk = changed((bytes) => bytes.write('content', 229_376));
    const usr = openPartition(memorySource(disk, 'disk.img'), gpt.partitions[2]!);
    expect(usr).toMatchObject({ name: 'disk.img partition 3 (USR-A)', sizeBytes: 262_144 });
    expect(Buffer.from(usr.read(0, 7)).toString()).toBe('content');
    expect(() => usr.read(262_144, 1)).toThrow(expect.objectContaining({ code: 'source.range' }));
  });

  test('is frozen', () => {
    expect(Object.isFrozen(gpt) && Object.isFrozen(gpt.partitions) && gpt.partitions.every(Object.isFrozen)).toBe(true);
  });
});

test('a disk of 4096-byte sectors is read by the same call', () => {
  expect(read(sectors4k)).toMatchObject({
    sectorSizeBytes: 4096,
    problems: [],
    partitions: [
      { number: 1, label: 'root-x86-64', attributes: 1n << 60n, offsetBytes: 32_768, sizeBytes: 262_144 },
      { number: 2, label: 'root-x86-64-verity', offsetBytes: 294_912 },
      { number: 3, label: 'root-x86-64-verity-sig', sizeBytes: 16_384 },
    ],
  });
});

test('a probe knows a disk by either header and other bytes as none', () => {
  expect(isGpt(memorySource(flatcar))).toBe(true);
  expect(isGpt(memorySource(changed((disk) => disk.fill(0, 512, 520))))).toBe(true);
  expect(isGpt(memorySource(sectors4k))).toBe(true);
  expect(isGpt(memorySource(new Uint8Array(1_000_000)))).toBe(false);
  expect(isGpt(memorySource(new Uint8Array(0)))).toBe(false);
});

describe('a table that can be read although something is wrong says what', () => {
  test.each<[string, string, Buffer]>([
    ['broken header of the backup', 'gpt.backup-broken', changed((disk) => (disk[backupAt(disk) + 60]! ^= 1))],
    ['broken entries of the backup', 'gpt.backup-broken', changed((disk) => (disk[backupAt(disk) - 32 * 512]! ^= 1))],
    ['no backup', 'gpt.backup-broken', changed((disk) => disk.fill(0, backupAt(disk)))],
    ['disk cut short by a sector', 'gpt.header', flatcar.subarray(0, -512 * 40)],
    ['disk that grew', 'gpt.backup-place', Buffer.concat([flatcar, Buffer.alloc(4096)])],
    ['broken header of the primary', 'gpt.primary-broken', changed((disk) => (disk[primaryAt + 60]! ^= 1))],
    ['broken entries of the primary', 'gpt.primary-broken', changed((disk) => (disk[entryAt(3)]! ^= 1))],
    ['no primary', 'gpt.primary-broken', changed((disk) => disk.fill(0, primaryAt, primaryAt + 512))],
    [
      'backup of other content',
      'gpt.backup-differs',
      changed((disk) => {
        disk.write('X', entryAt(9) + entryField.name);
        reseal(disk);
      }),
    ],
    [
      'two partitions of one GUID',
      'gpt.backup-differs,gpt.repeated-guid',
      changed((disk) => {
        disk.copy(disk, entryAt(4) + entryField.guid, entryAt(3) + entryField.guid, entryAt(3) + entryField.start);
        reseal(disk);
      }),
    ],
  ])('%s', (_, code, disk) => {
    expect(outcome(disk)).toBe(code === 'gpt.header' ? code : `read: ${code}`);
  });

  test('a backup at the end of a longer file than the header thinks is named with both places', () => {
    const [problem] = read(Buffer.concat([flatcar, Buffer.alloc(4096)])).problems;
    expect(problem?.message).toBe('The backup table is at sector 8191, the disk ends at 8199');
  });

  test('a broken primary gives the partitions of the backup', () => {
    const disk = changed((bytes) => bytes.fill(0xff, primaryAt, primaryAt + 100));
    expect(read(disk).partitions).toEqual(read(flatcar).partitions);
  });
});

describe('a disk is refused for', () => {
  const header = (change: (header: Buffer) => void): Buffer =>
    changed((disk) => {
      // The backup goes too, or it would be read instead.
      disk.fill(0, backupAt(disk));
      change(disk.subarray(primaryAt, primaryAt + 512));
      try {
        reseal(disk);
      } catch {
        // fields so wild that there is nothing to seal
      }
    });
  const entry = (number: number, change: (entry: Buffer) => void): Buffer =>
    changed((disk) => {
      change(disk.subarray(entryAt(number), entryAt(number) + 128));
      reseal(disk);
    });

  test.each<[string, string, Buffer]>([
    ['nothing that looks like a table', 'gpt.missing', Buffer.alloc(100_000)],
    ['no protective MBR', 'gpt.mbr', changed((disk) => disk.fill(0, 440, 512))],
    ['a protective record of another type', 'gpt.mbr', changed((disk) => (disk[446 + 4] = 0x83))],
    ['a protective record from another sector', 'gpt.mbr', changed((disk) => (disk[446 + 8] = 2))],
    ['no boot signature', 'gpt.mbr', changed((disk) => (disk[510] = 0))],
    [
      'both tables broken',
      'gpt.checksum',
      changed((disk) => {
        disk[primaryAt + 60]! ^= 1;
        disk[backupAt(disk) + 60]! ^= 1;
      }),
    ],
    ['another revision', 'gpt.header', header((h) => h.writeUint32LE(0x20000, field.revision))],
    ['a header smaller than its fields', 'gpt.header', header((h) => h.writeUint32LE(91, field.headerSize))],
    ['a header larger than its sector', 'gpt.header', header((h) => h.writeUint32LE(513, field.headerSize))],
    ['a header of another sector', 'gpt.header', header((h) => h.writeBigUint64LE(2n, field.myLba))],
    ['usable sectors behind the end', 'gpt.header', header((h) => h.writeBigUint64LE(9000n, field.lastUsable))],
    [
      'usable sectors that end before they start',
      'gpt.header',
      header((h) => h.writeBigUint64LE(8170n, field.firstUsable)),
    ],
    ['sector numbers above 2^53', 'bytes.number', header((h) => h.writeBigUint64LE(1n << 60n, field.lastUsable))],
    ['entries on the header', 'gpt.header', header((h) => h.writeBigUint64LE(1n, field.entryLba))],
    ['entries behind the end', 'gpt.header', header((h) => h.writeBigUint64LE(1n << 40n, field.entryLba))],
    ['entries that reach over the end', 'source.range', header((h) => h.writeBigUint64LE(8190n, field.entryLba))],
    ['4 billion entries', 'limit.gpt-entries', header((h) => h.writeUint32LE(0xffffffff, field.entryCount))],
    ['entries of 64 bytes', 'gpt.header', header((h) => h.writeUint32LE(64, field.entrySize))],
    ['entries of 384 bytes', 'gpt.header', header((h) => h.writeUint32LE(384, field.entrySize))],
    ['entries of 0 bytes', 'gpt.header', header((h) => h.writeUint32LE(0, field.entrySize))],
    ['huge entries', 'gpt.header', header((h) => h.writeUint32LE(0x80000000, field.entrySize))],
    ['overlapping partitions', 'gpt.partition', entry(4, (e) => e.writeBigUint64LE(500n, entryField.start))],
    ['a partition over the table', 'gpt.partition', entry(1, (e) => e.writeBigUint64LE(1n, entryField.start))],
    ['a partition over the end', 'gpt.partition', entry(9, (e) => e.writeBigUint64LE(8191n, entryField.end))],
    [
      'a partition that ends before it starts',
      'gpt.partition',
      entry(9, (e) => e.writeBigUint64LE(64n, entryField.end)),
    ],
    ['a partition above 2^53', 'bytes.number', entry(9, (e) => e.writeBigUint64LE(1n << 63n, entryField.end))],
  ])('%s', (_, code, disk) => {
    expect(outcome(disk)).toBe(code);
  });

  test('valid tables for both sector sizes, as they would show different partitions to different drives', () => {
    const disk = changed((bytes) => {
      // The table for 512-byte sectors moves its entries out of the way of the other one.
      bytes.set(flatcar.subarray(0, 1024));
      bytes.copy(bytes, 64 * 512, 1024, 1024 + 16_384);
      bytes.writeBigUint64LE(64n, primaryAt + field.entryLba);
      reseal(bytes);
      sectors4k.copy(bytes, 4096, 4096, 6 * 4096);
    });
    expect(outcome(disk)).toBe('gpt.ambiguous');
  });
});

test('entries larger than 128 bytes are read, their tail is reserved', () => {
  const disk = changed((bytes) => {
    const entries = Buffer.from(bytes.subarray(1024, 1024 + 16 * 128));
    bytes.fill(0, 1024, 1024 + 16_384);
    for (let i = 0; i < 16; i++) entries.copy(bytes, 1024 + i * 256, i * 128, (i + 1) * 128);
    bytes.writeUint32LE(256, primaryAt + field.entrySize);
    bytes.writeUint32LE(64, primaryAt + field.entryCount);
    reseal(bytes);
  });
  expect(read(disk).partitions).toEqual(read(flatcar).partitions);
});

describe('whatever the bytes are, a table or a fault comes out', () => {
  test('for arbitrary bytes behind a valid signature', () => {
    assert(
      property(uint8Array({ maxLength: 2048 }), (bytes) => {
        const disk = Buffer.alloc(8192);
        flatcar.copy(disk, 0, 0, 520);
        disk.set(bytes, 520);
        expect(outcome(disk)).toEqual(expect.any(String));
        expect(outcome(bytes)).toEqual(expect.any(String));
      }),
    );
  });

  test('for flipped bytes of the table with its checksums made right again', () => {
    const disk = Buffer.from(flatcar);
    const flips = array(tuple(nat(512 + 9 * 128), nat(255)), { minLength: 1, maxLength: 4 });
    assert(
      property(flips, (changes) => {
        flatcar.copy(disk, 0, 0, 64 * 512);
        for (const [at, mask] of changes) disk[512 + at]! ^= mask;
        try {
          reseal(disk);
        } catch {
          // the entries are no longer on the disk
        }
        expect(outcome(disk)).toEqual(expect.any(String));
      }),
      { numRuns: 500 },
    );
  });

  test('for a disk cut anywhere', () => {
    assert(
      property(nat(flatcar.length), (length) => {
        expect(outcome(flatcar.subarray(0, length))).toEqual(expect.any(String));
      }),
    );
  });

  test('a single flipped bit of the primary table is never unnoticed', () => {
    const disk = Buffer.from(flatcar);
    const header = [...Array(92).keys()].map((at) => primaryAt + at);
    const entries = [...Array(9 * 128).keys()].map((at) => entryAt(1) + at);
    for (const at of [...header, ...entries]) {
      const bit = 1 << (at % 8);
      disk[at]! ^= bit;
      expect(outcome(disk), `byte ${at}`).toBe('read: gpt.primary-broken');
      disk[at]! ^= bit;
    }
  });
});
