import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { digestDecompressed } from '../../../pipeline/edge/decompression/index.ts';
import { makeTemporaryFolder } from '../files/temporary-folder.ts';

const folder = makeTemporaryFolder();
let files = 0;

function makeFile(content: Uint8Array): string {
  const path = join(folder, `file${++files}`);
  writeFileSync(path, content);
  return path;
}

/** A folder with one program, which is a shell script. */
function makeProgram(name: string, script: string): string {
  const programs = join(folder, `programs${++files}`);
  mkdirSync(programs);
  writeFileSync(join(programs, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(programs, name), 0o755);
  return programs;
}

const sha256 = (content: Uint8Array | string) => createHash('sha256').update(content).digest('hex');
const content = Buffer.alloc(300_000, 'nodeproof ');
const none = { programFolders: [] };

// printf 'nodeproof\n' | bzip2 -9
const bzip2 = Buffer.from('QlpoOTFBWSZTWRVvSI4AAAJBgAAQBwHQACAAIgeiaEMCBmD2dPF3JFOFCQFW9Ijg', 'base64');

const hasLibrary = existsSync(new URL('../../../node_modules/unbzip2-stream', import.meta.url));

describe('the digest of what is compressed', () => {
  it.each([
    ['gzip', gzipSync(content)],
    ['zstd', zstdCompressSync(content)],
  ])('%s is of the content, by node:zlib where no program is installed', async (_, compressed) => {
    const digest = await digestDecompressed(makeFile(compressed), none);
    expect(digest).toMatchObject({ sha256: { hex: sha256(content) }, sizeBytes: 300_000, by: 'node:zlib' });
  });

  it('goes by the first bytes, not by the name', async () => {
    const path = join(folder, 'image.bin.bz2');
    writeFileSync(path, gzipSync(content));
    expect((await digestDecompressed(path, none)).by).toBe('node:zlib');
  });

  it('takes the first program that is installed: lbzip2 before pbzip2 before bzip2', async () => {
    const few = makeProgram('bzip2', 'cat');
    const many = makeProgram('lbzip2', 'cat');
    const path = makeFile(bzip2);
    const digest = { sizeBytes: bzip2.byteLength, sha256: { hex: sha256(bzip2) } };
    expect(await digestDecompressed(path, { programFolders: [few] })).toMatchObject({ ...digest, by: 'bzip2' });
    expect(await digestDecompressed(path, { programFolders: [few, many] })).toMatchObject({ ...digest, by: 'lbzip2' });
  });

  it('runs the program without our environment and away from our folder', async () => {
    process.env['LBZIP2'] = '--evil';
    const programFolders = [makeProgram('lbzip2', 'echo "$# $1 ${LBZIP2:-unset} $(pwd)"; cat >/dev/null')];
    const digest = await digestDecompressed(makeFile(bzip2), { programFolders });
    delete process.env['LBZIP2'];
    expect(digest.sha256.hex).toBe(sha256('1 -dc unset /\n'));
  });

  it('is that of bzip2 by the library where no program is installed', async (context) => {
    context.skip(!hasLibrary, 'unbzip2-stream is not installed');
    const twice = Buffer.concat([bzip2, bzip2]);
    expect(await digestDecompressed(makeFile(twice), none)).toMatchObject({
      sha256: { hex: sha256('nodeproof\nnodeproof\n') },
      sizeBytes: 20,
      by: 'unbzip2-stream',
    });
    for (const broken of [bzip2.subarray(0, -5), Buffer.concat([bzip2, Buffer.from('rest')])])
      await expect(digestDecompressed(makeFile(broken), none)).rejects.toMatchObject({ code: 'compressed.malformed' });
    const flipped = Buffer.from(bzip2);
    flipped[12]! ^= 1;
    await expect(digestDecompressed(makeFile(flipped), none)).rejects.toMatchObject({ code: 'compressed.malformed' });
  });
});

describe('the digest of what is compressed refuses', () => {
  it.each([
    ['nothing', Buffer.alloc(0)],
    ['plain bytes', content],
    ['half a magic number', Buffer.from('BZ')],
  ])('%s', async (_, bytes) => {
    await expect(digestDecompressed(makeFile(bytes))).rejects.toMatchObject({ code: 'compressed.format' });
  });

  it.each([
    ['a gzip file that ends early', gzipSync(content).subarray(0, -4)],
    ['a gzip file with more behind it', Buffer.concat([gzipSync(content), Buffer.from('more')])],
    ['a gzip file with a wrong checksum', Buffer.concat([gzipSync(content).subarray(0, -8), Buffer.alloc(8)])],
    ['a zstd file that ends early', zstdCompressSync(content).subarray(0, -4)],
    [
      'a second zstd frame, which node:zlib would leave out without a word',
      Buffer.concat([zstdCompressSync(content), zstdCompressSync(content)]),
    ],
  ])('%s', async (_, bytes) => {
    await expect(digestDecompressed(makeFile(bytes), none)).rejects.toMatchObject({ code: 'compressed.malformed' });
  });

  it('more content than it may have, however it is compressed', async () => {
    const options = { ...none, maxBytes: 299_999 };
    for (const bytes of [gzipSync(content), zstdCompressSync(content)])
      await expect(digestDecompressed(makeFile(bytes), options)).rejects.toMatchObject({ code: 'limit.decompressed' });
  });

  it('a program that never stops writing', async () => {
    const options = { programFolders: [makeProgram('bzip2', 'while :; do echo y; done')], maxBytes: 100_000 };
    await expect(digestDecompressed(makeFile(bzip2), options)).rejects.toMatchObject({ code: 'limit.decompressed' });
  });

  it('what a program complains about, with its words', async () => {
    const programFolders = [makeProgram('bzip2', 'echo part; echo "block 7 is broken" >&2; exit 2')];
    await expect(digestDecompressed(makeFile(bzip2), { programFolders })).rejects.toMatchObject({
      code: 'compressed.malformed',
      message: expect.stringContaining('bzip2: exit 2: block 7 is broken') as unknown,
    });
  });

  it('the output of a program that was killed, and a program that cannot start', async () => {
    const killed = [makeProgram('bzip2', 'echo part; kill -9 $$')];
    const noInterpreter = [makeProgram('bzip2', '')];
    writeFileSync(join(noInterpreter[0]!, 'bzip2'), '#!/no/such/interpreter\n');
    for (const programFolders of [killed, noInterpreter])
      await expect(digestDecompressed(makeFile(bzip2), { programFolders })).rejects.toMatchObject({
        code: 'compressed.malformed',
      });
  });

  it('xz by name where the program is not installed', async () => {
    const xz = makeFile(Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 1, 2, 3]));
    await expect(digestDecompressed(xz, none)).rejects.toMatchObject({
      code: 'unavailable.decompressor',
      next: 'Install xz',
    });
  });

  it('a file that is not there', async () => {
    await expect(digestDecompressed(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'file.missing' });
  });
});
