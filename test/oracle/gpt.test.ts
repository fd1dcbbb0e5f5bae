import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../pipeline/core/index.ts';
import { discoverableTypes, type Gpt, partitionType, readGpt } from '../../pipeline/formats/gpt/index.ts';

function isMissing(tool: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${tool}`]);
    return false;
  } catch {
    return true;
  }
}
const missing = ['sgdisk', 'sfdisk'].filter(isMissing);
const missingForLoops = [...missing, ...['losetup'].filter(isMissing), ...(process.getuid?.() === 0 ? [] : ['root'])];

const folder = mkdtempSync(join(tmpdir(), 'nodeproof-gpt-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function makeDisk(name: string): string {
  const disk = join(folder, name);
  execFileSync('truncate', ['-s', '8M', disk]);
  return disk;
}

/** What sfdisk says of a disk, in the words of this reader. */
function readBySfdisk(device: string, sectorBytes: number): Omit<Gpt, 'problems'> {
  type Table = {
    id: string;
    partitions?: { node: string; start: number; size: number; type: string; uuid: string; name?: string }[];
  };
  const { partitiontable } = JSON.parse(execFileSync('sfdisk', ['--json', device], { stdio: 'pipe' }).toString()) as {
    partitiontable: Table;
  };
  const partitions = (partitiontable.partitions ?? []).map(({ node, start, size, type, uuid, name }) => ({
    number: Number(/\d+$/.exec(node)![0]),
    typeGuid: type.toLowerCase(),
    guid: uuid.toLowerCase(),
    label: name ?? '',
    attributes: expect.any(BigInt) as bigint,
    offsetBytes: start * sectorBytes,
    sizeBytes: size * sectorBytes,
  }));
  return { sectorSizeBytes: sectorBytes, diskGuid: partitiontable.id.toLowerCase(), partitions };
}

const layouts: Readonly<Record<string, readonly string[]>> = {
  'no partition at all': [],
  'numbers with gaps and out of order': ['-n', '9:4096:+512K', '-n', '3:2048:+64K', '-n', '128:8192:0', '-c', '9:ROOT'],
  'every type that matters': [
    ...Object.values(partitionType),
    ...discoverableTypes.map((type) => type.typeGuid),
  ].flatMap((typeGuid, index) => [
    '-n',
    `${index + 1}:0:+64K`,
    '-t',
    `${index + 1}:${typeGuid}`,
    '-c',
    `${index + 1}:p${index}`,
  ]),
  'labels in other scripts': [
    '-n',
    '1:0:+64K',
    '-c',
    '1:Καλημέρα κόσμε',
    '-n',
    '2:0:+64K',
    '-c',
    `2:${'x'.repeat(36)}`,
  ],
  attributes: ['-n', '1:0:+64K', '-A', '1:set:60', '-A', '1:set:2'],
  'a table of 256 entries': ['-S', '256', '-n', '200:0:+64K'],
  'entries that stand later on the disk': ['-j', '40', '-n', '1:0:+64K'],
};

describe.skipIf(missing.length > 0)(
  `GPT of sgdisk as sfdisk reads it (missing: ${missing.join(', ') || 'nothing'})`,
  () => {
    test.each(Object.entries(layouts))('%s', (_, options) => {
      const disk = makeDisk('disk');
      execFileSync('sgdisk', ['-a', '8', '-o', ...options, disk], { stdio: 'pipe' });
      const gpt = readGpt(memorySource(readFileSync(disk), disk));
      expect(gpt).toEqual({ ...readBySfdisk(disk, 512), problems: [] });
      rmSync(disk);
    });

    test('attributes are the bits that were set', () => {
      const disk = makeDisk('attributes');
      execFileSync('sgdisk', ['-o', ...layouts['attributes']!, disk], { stdio: 'pipe' });
      expect(readGpt(memorySource(readFileSync(disk))).partitions[0]?.attributes).toBe((1n << 60n) | (1n << 2n));
    });

    test('a disk that sgdisk finds damaged has a problem here too', () => {
      const disk = makeDisk('damaged');
      execFileSync('sgdisk', ['-o', '-n', '1:0:+64K', disk], { stdio: 'pipe' });
      execFileSync('dd', [
        'if=/dev/urandom',
        `of=${disk}`,
        'bs=512',
        'seek=1',
        'count=1',
        'conv=notrunc',
        'status=none',
      ]);
      expect(execFileSync('sh', ['-c', `sgdisk -v ${disk} 2>&1 || true`]).toString()).toMatch(
        /corrupt|damaged|problem/i,
      );
      expect(readGpt(memorySource(readFileSync(disk))).problems.map(({ code }) => code)).toEqual([
        'gpt.primary-broken',
      ]);
    });
  },
);

describe.skipIf(missingForLoops.length > 0)(
  `GPT of 4096-byte sectors (missing: ${missingForLoops.join(', ') || 'nothing'})`,
  () => {
    test('is read as sfdisk reads it from a device of such sectors', () => {
      const disk = makeDisk('sectors4k');
      const device = execFileSync('losetup', ['--find', '--show', '--sector-size', '4096', disk]).toString().trim();
      try {
        // sgdisk ends in an error as the device makes no partitions visible; the table is written.
        execFileSync('sh', ['-c', `sgdisk -a 1 -o -n 5:0:+256K -n 2:0:+64K ${device} || true`], { stdio: 'pipe' });
        const expected = readBySfdisk(device, 4096);
        expect(readGpt(memorySource(readFileSync(disk), disk))).toEqual({ ...expected, problems: [] });
        expect(expected.partitions).toHaveLength(2);
      } finally {
        execFileSync('losetup', ['-d', device]);
      }
    });
  },
);

test.runIf(missing.length > 0 || missingForLoops.length > 0)('says what it skipped', () => {
  console.log(`gpt: not everything compared, missing: ${missingForLoops.join(', ')}`);
});
