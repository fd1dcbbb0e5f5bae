import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { afterAll, describe, expect, it } from 'vitest';
import { memorySource, sliceSource } from '../../../pipeline/core/index.ts';
import { openFileSource } from '../../../pipeline/edge/files/index.ts';
import { openHashingPool } from '../../../pipeline/edge/hashing/index.ts';
import { verifyVerityTree, type VerityParameters } from '../../../pipeline/formats/verity/index.ts';
import { makeTemporaryFolder } from '../files/temporary-folder.ts';

const MiB = 1024 * 1024;
const folder = makeTemporaryFolder();
const pool = openHashingPool(3);
afterAll(() => pool[Symbol.asyncDispose]());

// More than the pool hashes in its own thread, and no multiple of anything.
const content = Buffer.concat([randomBytes(64 * 1024 + 13), Buffer.alloc(20 * MiB, 'node'), randomBytes(1001)]);
const path = join(folder, 'content');
writeFileSync(path, content);

const sha256 = createHash('sha256').update(content).digest('hex');
const sha512 = createHash('sha512').update(content).digest('hex');

describe('a hashing pool', () => {
  it('digests a file with several algorithms, in the order asked', async () => {
    const digests = await pool.digestFile(path, ['sha512', 'sha256']);
    expect(digests.map(({ algorithm, hex }) => [algorithm, hex])).toEqual([
      ['sha512', sha512],
      ['sha256', sha256],
    ]);
  });

  it('digests many files at once with few threads', async () => {
    const digests = await Promise.all(Array.from({ length: 10 }, () => pool.digestFile(path, ['sha256'])));
    expect(new Set(digests.map(([digest]) => digest!.hex))).toEqual(new Set([sha256]));
  });

  it('digests a slice of a file and a source in memory alike', async () => {
    using file = openFileSource(path);
    const slice = sliceSource(file, 1000, 18 * MiB + 7, 'slice');
    const memory = memorySource(content.subarray(1000, 1000 + 18 * MiB + 7));
    expect(await pool.digestSource(slice, ['sha256'])).toEqual(await pool.digestSource(memory, ['sha256']));
  });

  it('digests an empty file', async () => {
    writeFileSync(join(folder, 'empty'), '');
    const [digest] = await pool.digestFile(join(folder, 'empty'), ['sha256']);
    expect(digest!.hex).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });

  it('says what is missing', async () => {
    await expect(pool.digestFile(join(folder, 'nothing'), ['sha256'])).rejects.toMatchObject({ code: 'file.missing' });
    await expect(pool.digestFile(folder, ['sha256'])).rejects.toMatchObject({ code: 'file.kind' });
  });

  it('says so when a file is shortened while it is read', async () => {
    const shrinking = join(folder, 'shrinking');
    writeFileSync(shrinking, content);
    using source = openFileSource(shrinking);
    truncateSync(shrinking, 17 * MiB);
    await expect(pool.digestSource(source, ['sha256'])).rejects.toMatchObject({ code: 'file.read' });
    const level = new Uint8Array(new SharedArrayBuffer(1024 * 1024));
    const plan = {
      blocks: 4500,
      blockBytes: 4096,
      cryptoName: 'sha256',
      salt: '',
      saltFirst: true,
      hashesPerBlock: 128,
      hashBlockBytes: 4096,
      slotBytes: 32,
    };
    await expect(pool.hashLeaves(source, plan, level)).rejects.toMatchObject({ code: 'file.read' });
    // and goes on working afterwards
    expect((await pool.digestFile(path, ['sha256']))[0]!.hex).toBe(sha256);
  });

  it.each<[string, Partial<VerityParameters>]>([
    ['salt first', {}],
    ['salt last, packed digests', { hashType: 0, algorithm: 'sha1' }],
    ['no salt', { salt: '' }],
    ['blocks of 512 bytes', { dataBlockSizeBytes: 512, hashBlockSizeBytes: 512 }],
    ['blocks of 64 KiB', { dataBlockSizeBytes: 65_536, hashBlockSizeBytes: 65_536 }],
    ['large data blocks, small hash blocks', { dataBlockSizeBytes: 524_288, hashBlockSizeBytes: 512 }],
  ])('computes the same verity root hash in threads as in this one: %s', async (_, change) => {
    const parameters: VerityParameters = {
      hashType: 1,
      algorithm: 'sha256',
      dataBlockSizeBytes: 4096,
      hashBlockSizeBytes: 4096,
      salt: '00112233',
      ...change,
      dataBlocks: Math.floor((content.byteLength - 3) / (change.dataBlockSizeBytes ?? 4096)),
    };
    using file = openFileSource(path);
    // From an odd offset on, as a partition of a disk would be; the stored tree is all zeros and so does not match.
    const hashes = memorySource(new Uint8Array(4 * MiB));
    const input = { parameters, hashes, treeOffset: 0 };
    const data = sliceSource(file, 3, content.byteLength - 3, 'partition');
    const threaded = await verifyVerityTree({ ...input, data, hashLeaves: pool.hashLeaves });
    const inline = await verifyVerityTree({ ...input, data: memorySource(content.subarray(3)) });
    expect(threaded).toEqual(inline);
    expect(threaded.rootHash).not.toBe('');
  });

  it.each([true, false])('knows blocks of zeros among others, salt first: %s', async (saltFirst) => {
    const sparse = Buffer.concat([
      Buffer.alloc(9 * MiB),
      randomBytes(4096),
      Buffer.alloc(9 * MiB),
      Buffer.alloc(4096, 1),
    ]);
    const place = join(folder, 'sparse');
    writeFileSync(place, sparse);
    using data = openFileSource(place);
    const parameters: VerityParameters = {
      hashType: saltFirst ? 1 : 0,
      algorithm: 'sha256',
      dataBlockSizeBytes: 4096,
      hashBlockSizeBytes: 4096,
      salt: '00112233',
      dataBlocks: sparse.byteLength / 4096,
    };
    const input = { parameters, hashes: memorySource(new Uint8Array(4 * MiB)), treeOffset: 0 };
    const threaded = await verifyVerityTree({ ...input, data, hashLeaves: pool.hashLeaves });
    expect(threaded).toEqual(await verifyVerityTree({ ...input, data: memorySource(sparse) }));
  });

  it('works bundled and minified into one file', () => {
    const bundled = join(folder, 'bundled.mjs');
    const program = `import { openHashingPool } from './index.ts';
      const [digest] = await openHashingPool().digestFile(process.argv[2], ['sha256']); console.log(digest.hex);`;
    buildSync({
      stdin: { contents: program, resolveDir: new URL('../../../pipeline/edge/hashing/', import.meta.url).pathname },
      bundle: true,
      minify: true,
      platform: 'node',
      format: 'esm',
      outfile: bundled,
      logLevel: 'silent',
    });
    expect(execFileSync(process.execPath, [bundled, path], { encoding: 'utf8' }).trim()).toBe(sha256);
  });

  it('does not keep the process when it is idle', () => {
    const door = new URL('../../../pipeline/edge/hashing/index.ts', import.meta.url).href;
    const program = `const { openHashingPool } = await import(${JSON.stringify(door)});
      const [digest] = await openHashingPool().digestFile(process.argv[1], ['sha256']); console.log(digest.hex);`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', program, path], { timeout: 15_000 });
    expect(output.toString().trim()).toBe(sha256);
  });
});
