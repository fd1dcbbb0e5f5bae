import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Source, sliceSource } from '../../pipeline/core/index.ts';
import { openFileSource } from '../../pipeline/edge/files/index.ts';
import { openHashingPool } from '../../pipeline/edge/hashing/index.ts';
import {
  readVeritySuperblock,
  type VerityParameters,
  type VerityReport,
  verifyVerityTree,
  verityTreeOffset,
} from '../../pipeline/formats/verity/index.ts';

// Debian keeps veritysetup and losetup in sbin, which is not in everyone's PATH.
const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
const hasVeritysetup = spawnSync('veritysetup', ['--version'], { env }).status === 0;
if (!hasVeritysetup) console.log('skipped: veritysetup is not installed (Debian: cryptsetup-bin)');

const folder = mkdtempSync(join(tmpdir(), 'nodeproof-verity-'));
const pool = openHashingPool();
afterAll(async () => {
  await pool[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const data = join(folder, 'data.img');
const hashes = join(folder, 'hashes.img');

function formatWith(flags: readonly string[]): string {
  writeFileSync(hashes, '');
  const output = execFileSync('veritysetup', ['format', ...flags, data, hashes], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return /^Root hash:\s+([0-9a-f]+)$/m.exec(output.toString())?.[1] ?? 'no root hash';
}

async function verify(parameters: VerityParameters, treeOffset: number): Promise<VerityReport> {
  using dataSource = openFileSource(data);
  using hashSource = openFileSource(hashes);
  const input = { parameters, data: dataSource, hashes: hashSource as Source, treeOffset };
  return await verifyVerityTree({ ...input, hashLeaves: pool.hashLeaves });
}

describe.skipIf(!hasVeritysetup)('veritysetup and we agree', () => {
  beforeAll(() => writeFileSync(data, randomBytes(4 * 1024 * 1024)));

  const algorithms = [
    'sha1',
    'sha224',
    'sha256',
    'sha384',
    'sha512',
    'sha3-256',
    'sha3-512',
    'sha512-256',
    'ripemd160',
    'blake2b-512',
    'blake2s-256',
    'sm3',
  ] as const;
  const sizes = [512, 1024, 4096, 16_384, 65_536] as const;
  const counts = [1, 2, 7, 8, 9, 64, 127, 128, 129, 300, 1000] as const;

  // Every algorithm with both types, each with its own walk through sizes, counts and salts: a few hundred trees.
  it.each(algorithms.flatMap((algorithm) => [0, 1].map((type) => [algorithm, type as 0 | 1] as const)))(
    'about %s of type %d',
    async (algorithm, hashType) => {
      let turn = algorithms.indexOf(algorithm) * 2 + hashType;
      for (const dataBlockSizeBytes of sizes)
        for (const hashBlockSizeBytes of sizes.slice(0, 4)) {
          turn += 1;
          const wanted = counts[turn % counts.length] ?? 1;
          const dataBlocks = Math.min(wanted, (4 * 1024 * 1024) / dataBlockSizeBytes);
          const salt = ['', '00', 'ab'.repeat(32), 'cd'.repeat(256)][turn % 4] ?? '';
          const superblock = turn % 3 !== 0;
          const flags = [
            `--hash=${algorithm}`,
            `--format=${hashType}`,
            `--data-block-size=${dataBlockSizeBytes}`,
            `--hash-block-size=${hashBlockSizeBytes}`,
            `--data-blocks=${dataBlocks}`,
            `--salt=${salt === '' ? '-' : salt}`,
            ...(superblock ? [] : ['--no-superblock']),
          ];
          const expected = formatWith(flags);
          const parameters = { hashType, algorithm, dataBlockSizeBytes, hashBlockSizeBytes, dataBlocks, salt };
          if (superblock) {
            using source = openFileSource(hashes);
            expect(readVeritySuperblock(source, 0)).toMatchObject(parameters);
          }
          const report = await verify(parameters, superblock ? verityTreeOffset(0, hashBlockSizeBytes) : 0);
          expect(report, flags.join(' ')).toMatchObject({
            rootHash: expected,
            storedTree: dataBlocks === 1 ? 'none' : 'matches',
          });
        }
    },
  );

  it('about a partition of 64 MiB inside a disk, hashed by all cores', async () => {
    const disk = join(folder, 'disk.img');
    const partitionOffset = 1024 * 1024;
    const treeAt = 60 * 1024 * 1024;
    const partition = join(folder, 'partition.img');
    writeFileSync(partition, randomBytes(64 * 1024 * 1024));
    const output = execFileSync(
      'veritysetup',
      ['format', '--data-blocks=15360', `--hash-offset=${treeAt}`, partition, partition],
      { env },
    );
    const root = /^Root hash:\s+([0-9a-f]+)$/m.exec(output.toString())?.[1];
    execFileSync('dd', [`if=${partition}`, `of=${disk}`, 'bs=1M', 'seek=1', 'status=none']);
    truncateSync(disk, 66 * 1024 * 1024);
    using source = openFileSource(disk);
    const slice = sliceSource(source, partitionOffset, 64 * 1024 * 1024, 'partition');
    const parameters = readVeritySuperblock(slice, treeAt);
    const report = await verifyVerityTree({
      parameters,
      data: slice,
      hashes: slice,
      treeOffset: verityTreeOffset(treeAt, parameters.hashBlockSizeBytes),
      hashLeaves: pool.hashLeaves,
    });
    expect(report).toMatchObject({ rootHash: root, storedTree: 'matches' });
  });

  it('that a data block is corrupted, and which', async () => {
    const root = formatWith(['--data-block-size=4096', '--hash-block-size=4096']);
    using before = openFileSource(data);
    const block = before.read(77 * 4096, 4096);
    block[5]! ^= 1;
    execFileSync('dd', [`of=${data}`, 'bs=4096', 'seek=77', 'conv=notrunc', 'status=none'], { input: block });
    const theirs = spawnSync('veritysetup', ['verify', data, hashes, root], { env });
    expect(theirs.status).not.toBe(0);
    expect(theirs.stderr.toString()).toContain(`position ${77 * 4096}`);
    using source = openFileSource(hashes);
    expect((await verify(readVeritySuperblock(source, 0), 4096)).storedTree).toEqual({
      firstDifference: { kind: 'data-block', block: 77, offset: 77 * 4096 },
    });
  });
});

const canLoop = process.getuid?.() === 0 && spawnSync('losetup', ['--find'], { env, stdio: 'ignore' }).status === 0;
if (!canLoop) console.log('skipped: block devices need root and losetup');

describe.skipIf(!canLoop)('a block device', () => {
  it.each([512, 4096, 1_000_448, 5_242_880 + 512])(
    'of %d bytes has that size and the bytes of its file',
    (sizeBytes) => {
      const image = join(folder, 'loop.img');
      const content = randomBytes(sizeBytes);
      writeFileSync(image, content);
      const device = execFileSync('losetup', ['--find', '--show', '--read-only', image], { env }).toString().trim();
      try {
        using source = openFileSource(device);
        expect(source.sizeBytes).toBe(sizeBytes);
        expect(Buffer.compare(source.read(0, sizeBytes), content)).toBe(0);
      } finally {
        execFileSync('losetup', ['--detach', device], { env });
      }
    },
  );
});
