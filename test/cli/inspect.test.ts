import { mkdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Digest } from '../../pipeline/core/index.ts';
import { runCommandLine } from '../support/command-line.ts';
import { demo, openWorkshop, readDemoCertificate, readDemoImage, type Workshop } from '../support/demo-images.ts';

let workshop: Workshop;
const whole: Record<'image' | 'falco' | 'payload', Buffer> = {
  image: Buffer.alloc(0),
  falco: Buffer.alloc(0),
  payload: Buffer.alloc(0),
};

beforeAll(() => {
  workshop = openWorkshop(demo.kubernetes);
  whole.image = readDemoImage(demo.image);
  whole.falco = readDemoImage(demo.falco);
  workshop.write(demo.image, whole.image);
  workshop.write(demo.falco, whole.falco);
  workshop.write('sysexts.crt', readDemoCertificate());
  whole.payload = whole.image.subarray(usrStart, usrStart + 65_536 * 512);
  workshop.write('update.bin', whole.payload);
});
afterAll(() => workshop[Symbol.dispose]());

const inspect = (...args: string[]) => runCommandLine(['inspect', ...args], workshop);
const altered = (bytes: Buffer, change: (copy: Buffer) => void): Buffer => {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
};

/** Partition 3 of the demo's disk, and in it the first block of the hash tree, behind the superblock's. */
const usrStart = 40_960 * 512;
const hashTreeStart = 24 * 1024 * 1024 + 4096;

describe('inspect of a node image and sysexts', () => {
  it('prints one JSON document with the facts of each file, in the order given', async () => {
    const { exit, json } = await inspect(demo.image, demo.falco, demo.kubernetes, '--json');
    expect(exit).toBe(0);
    const usrHash = 'f352a82f3f0962bdbd99a72d34f922d30f9b4eb2b71e790d7ccb83554362a95c';
    expect(json).toMatchObject({
      files: [
        {
          path: demo.image,
          kind: 'node-image',
          format: 'disk',
          sizeBytes: 134_217_728,
          sha256: null,
          sha512: null,
          os: { id: 'flatcar', versionId: '4593.2.5', buildId: '2026-08-11-2350', architecture: 'x86-64' },
          usrHash: {
            computed: usrHash,
            kernel: usrHash,
            storedTree: 'matches',
            agree: true,
            superblock: { hashType: 1, algorithm: 'sha256', dataBlocks: 6144, dataBlockSizeBytes: 4096 },
          },
          kernel: { path: '/flatcar/vmlinuz-a', version: '6.12.102-flatcar', architecture: 'x86-64' },
          filesystem: { format: 'btrfs', compression: 'zstd' },
          problems: [],
          contradictions: [],
          sysexts: [
            { name: 'containerd-flatcar', state: 'merged', format: 'squashfs', rootHash: null },
            { name: 'docker-flatcar', state: 'merged', extensionRelease: { ID: 'flatcar', VERSION_ID: '4593.2.5' } },
          ],
        },
        {
          path: demo.falco,
          kind: 'sysext',
          format: 'ddi',
          name: 'falco',
          sha256: Digest.of('sha256', whole.falco).hex,
          rootHash: { agree: true, storedTree: 'matches' },
          signature: { verified: null },
        },
        {
          path: demo.kubernetes,
          kind: 'sysext',
          format: 'squashfs',
          name: 'kubernetes',
          extensionRelease: { ID: '_any', ARCHITECTURE: 'x86-64' },
          rootHash: null,
          signature: null,
          partitions: null,
        },
      ],
    });
    const [image] = (json as { files: { partitions: { number: number; label: string }[] }[] }).files;
    expect(image?.partitions.map(({ number, label }) => [number, label])).toEqual([
      [1, 'EFI-SYSTEM'],
      [2, 'BIOS-BOOT'],
      [3, 'USR-A'],
      [4, 'USR-B'],
      [6, 'OEM'],
      [7, 'OEM-CONFIG'],
      [9, 'ROOT'],
    ]);
  });

  it('prints a page that a release engineer reads', async () => {
    const { stdout, stderr } = await inspect(demo.image, demo.falco, '--certificate', 'sysexts.crt');
    expect(stdout).toMatchSnapshot();
    expect(stderr).toBe('');
  });

  it('computes whole-image digests where they are asked for', async () => {
    const { json } = await inspect('update.bin', '--digest', 'sha256', 'sha512', '--json');
    expect(json).toMatchObject({
      files: [{ sha256: Digest.of('sha256', whole.payload).hex, sha512: Digest.of('sha512', whole.payload).hex }],
    });
    const other = await inspect(demo.kubernetes, '--digest', 'md5');
    expect(other).toMatchObject({ exit: 2, code: 'usage.digest' });
  });

  it('opens a bare USR partition as it opens the one in a disk', async () => {
    const { exit, json } = await inspect('update.bin', '--json');
    expect(exit).toBe(0);
    expect(json).toMatchObject({
      files: [
        {
          kind: 'node-image',
          format: 'usr-partition',
          os: { versionId: '4593.2.5' },
          usrHash: {
            computed: 'f352a82f3f0962bdbd99a72d34f922d30f9b4eb2b71e790d7ccb83554362a95c',
            kernel: null,
            agree: true,
          },
          partitions: null,
        },
      ],
    });
  });

  it('checks signature partitions against the certificate that it was given', async () => {
    const good = await inspect(demo.falco, '--certificate', 'sysexts.crt', '--json');
    expect(good.json).toMatchObject({ files: [{ signature: { verified: true, problem: null } }] });
    const none = await inspect(demo.falco, '--certificate', 'nowhere.crt');
    expect(none).toMatchObject({ exit: 4, code: 'file.missing' });
  });
});

describe('inspect of a file that contradicts itself', () => {
  it('exits 3 and names both usr hashes where a data block was altered, and the block', async () => {
    const changed = altered(whole.payload, (copy) =>
      copy.writeUInt8(copy.readUInt8(hashTreeStart + 4096) ^ 1, hashTreeStart + 4096),
    );
    workshop.write('altered.bin', changed);
    const { exit, json } = await inspect('altered.bin', '--json');
    expect(exit).toBe(3);
    expect(json).toMatchObject({
      files: [
        {
          usrHash: { agree: false, storedTree: { firstDifference: { offset: expect.any(Number) as number } } },
          contradictions: [expect.stringMatching(/^The stored hash tree of \/usr differs from its data, first at /)],
        },
      ],
    });
    const page = await inspect('altered.bin');
    expect(page.exit).toBe(3);
    expect(page.stdout).toContain('CONTRADICTIONS');
    expect(page.stdout).toMatch(/agree +NO/);
  });

  it('exits 3 where the kernel boots another usr hash', async () => {
    const place = Buffer.from(whole.image).indexOf('f352a82f3f0962bdbd99a72d34f922d3');
    workshop.write(
      'kernel.bin',
      altered(whole.image, (copy) => copy.write('a', place)),
    );
    const { exit, json } = await inspect('kernel.bin', '--json');
    expect(exit).toBe(3);
    expect(json).toMatchObject({ files: [{ usrHash: { agree: false, storedTree: 'matches' } }] });
  });

  it('exits 3 where a sysext was signed with another root hash', async () => {
    const place = Buffer.from(whole.falco).indexOf('"rootHash":"') + 12;
    workshop.write(
      'resigned.raw',
      altered(whole.falco, (copy) => copy.write(copy[place] === 0x30 ? '1' : '0', place)),
    );
    const { exit, json } = await inspect('resigned.raw', '--json');
    expect(exit).toBe(3);
    expect(json).toMatchObject({
      files: [
        { rootHash: { agree: false }, contradictions: [expect.stringMatching(/^The signature partition is over /)] },
      ],
    });
  });
});

describe('inspect of what is no image', () => {
  it.each([
    [
      'a corrupted file system',
      () => altered(whole.image, (copy) => copy.fill(0xff, usrStart + 65_536 + 0x20, usrStart + 65_536 + 0x60)),
    ],
    ['a truncated disk', () => whole.image.subarray(0, 30 * 1024 * 1024)],
    ['text', () => Buffer.from('not an image\n')],
    ['an empty file', () => Buffer.alloc(0)],
    ['zeros', () => Buffer.alloc(1024 * 1024)],
  ])('exits 3 for %s, with one coded line that names the file', async (_, make) => {
    const path = workshop.write('bad.bin', make());
    const { exit, stdout, stderr, code } = await inspect('bad.bin');
    expect(exit).toBe(3);
    expect(stdout).toBe('');
    expect(code).toMatch(/^[a-z0-9-]+\.[a-z0-9-]+$/);
    expect(stderr).toContain(path);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect((await inspect('bad.bin', '--json')).json).toMatchObject({
      error: { code, where: expect.any(String) as string },
    });
  });

  it('says what to do with an image that is still compressed', async () => {
    workshop.write('shipped.bin.bz2', readFileSync(new URL('../fixtures/bzip2/short.bz2', import.meta.url)));
    expect((await inspect('shipped.bin.bz2')).stderr).toContain('It is compressed with bzip2: unpack it first');
  });

  it('exits 4 where there is no file, or a directory', async () => {
    mkdirSync(workshop.path('directory'), { recursive: true });
    expect(await inspect('nowhere.bin')).toMatchObject({ exit: 4, code: 'file.missing' });
    expect(await inspect('directory')).toMatchObject({ exit: 4, code: 'file.kind' });
  });
});
