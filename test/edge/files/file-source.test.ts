import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sliceSource } from '../../../pipeline/core/index.ts';
import { openFileSource, readSmallFile } from '../../../pipeline/edge/files/index.ts';
import { makeTemporaryFolder } from './temporary-folder.ts';

const folder = makeTemporaryFolder();

function makeFile(name: string, content: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const refusal = (code: string): unknown => expect.objectContaining({ name: 'Fault', code });

describe('a file source', () => {
  const content = Uint8Array.from({ length: 10_000 }, (_, index) => index % 251);
  const path = makeFile('content', content);

  it('has the size and the bytes of its file', () => {
    using source = openFileSource(path);
    expect(source.sizeBytes).toBe(10_000);
    expect(source.name).toBe(path);
    expect(Buffer.compare(source.read(0, 10_000), content)).toBe(0);
    expect([...source.read(9_998, 2)]).toEqual(Array.from(content.subarray(9_998)));
    expect(source.read(10_000, 0)).toHaveLength(0);
  });

  it('returns bytes that nobody else has', () => {
    using source = openFileSource(path);
    source.read(100, 4).fill(0);
    expect([...source.read(100, 4)]).toEqual([100, 101, 102, 103]);
  });

  it.each([
    [0, 10_001],
    [10_001, 0],
    [-1, 1],
    [0, -1],
    [0.5, 1],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    [0, Number.NaN],
  ])('refuses the range %d + %d', (offset, length) => {
    using source = openFileSource(path);
    expect(() => source.read(offset, length)).toThrow(refusal('source.range'));
  });

  it('follows a symbolic link', () => {
    symlinkSync(path, join(folder, 'link'));
    using source = openFileSource(join(folder, 'link'));
    expect(source.sizeBytes).toBe(10_000);
  });

  it('keeps reading the file that was opened when another takes its name, in other threads too', () => {
    const victim = makeFile('victim', 'first');
    using source = openFileSource(victim);
    renameSync(makeFile('other', 'other'), victim);
    expect(Buffer.from(source.read(0, 5)).toString()).toBe('first');
    using again = openFileSource(source.location.path);
    if (process.platform === 'linux') expect(Buffer.from(again.read(0, 5)).toString()).toBe('first');
  });

  it('lends its location to its slices', () => {
    using source = openFileSource(path);
    expect(sliceSource(source, 512, 100, 'slice').location?.offsetBytes).toBe(512);
  });

  it('reads holes as zeros', () => {
    const sparse = makeFile('sparse', 'x');
    truncateSync(sparse, 2 ** 33);
    using source = openFileSource(sparse);
    expect(source.sizeBytes).toBe(2 ** 33);
    expect([...source.read(2 ** 33 - 4, 4)]).toEqual([0, 0, 0, 0]);
  });

  it('says so when its file was shortened meanwhile', () => {
    const shrinking = makeFile('shrinking', content);
    using source = openFileSource(shrinking);
    truncateSync(shrinking, 5_000);
    expect(() => source.read(4_000, 2_000)).toThrow(refusal('file.read'));
  });

  it('says so when it was closed', () => {
    const source = openFileSource(path);
    source[Symbol.dispose]();
    source[Symbol.dispose]();
    expect(() => source.read(0, 1)).toThrow(refusal('file.read'));
  });
});

describe('opening refuses', () => {
  it('a file that is not there', () => {
    expect(() => openFileSource(join(folder, 'nothing'))).toThrow(refusal('file.missing'));
    expect(() => openFileSource(join(folder, 'content', 'below'))).toThrow(refusal('file.missing'));
  });

  it.each(['a\0b', 'x'.repeat(5_000), ''])('a path that no file can have: %j', (path) => {
    expect(() => openFileSource(path)).toThrow(refusal('file.missing'));
  });

  it('a symbolic link to itself', () => {
    symlinkSync('loop', join(folder, 'loop'));
    expect(() => openFileSource(join(folder, 'loop'))).toThrow(refusal('file.missing'));
  });

  it('a directory', () => {
    mkdirSync(join(folder, 'directory'));
    expect(() => openFileSource(join(folder, 'directory'))).toThrow(refusal('file.kind'));
    expect(() => readSmallFile(join(folder, 'directory'), 10)).toThrow(refusal('file.kind'));
  });

  it('a character device', () => {
    expect(() => openFileSource('/dev/null')).toThrow(refusal('file.kind'));
  });

  it('a fifo, without waiting for a writer', () => {
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    expect(() => openFileSource(join(folder, 'fifo'))).toThrow(refusal('file.kind'));
  });

  it('a socket', async () => {
    const server = createServer().listen(join(folder, 'socket'));
    await new Promise((resolve) => server.once('listening', resolve));
    expect(() => openFileSource(join(folder, 'socket'))).toThrow(refusal('file.kind'));
    server.close();
  });

  it.skipIf(process.getuid?.() === 0)('a file that may not be read', () => {
    const secret = makeFile('secret', 'x');
    chmodSync(secret, 0);
    expect(() => openFileSource(secret)).toThrow(refusal('file.permission'));
  });
});

describe('a small file', () => {
  it('is read whole', () => {
    expect(Buffer.from(readSmallFile(makeFile('small', 'hello'), 5)).toString()).toBe('hello');
    expect(readSmallFile(makeFile('empty', ''), 0)).toHaveLength(0);
  });

  it.each([65_535, 65_536, 65_537, 200_000])('is read whole with %d bytes', (size) => {
    expect(readSmallFile(makeFile('sized', Buffer.alloc(size, 7)), size)).toHaveLength(size);
  });

  it('is refused with one byte more than it may have', () => {
    expect(() => readSmallFile(makeFile('small', 'hello!'), 5)).toThrow(refusal('limit.file-bytes'));
    expect(() => readSmallFile(makeFile('sized', Buffer.alloc(200_000)), 199_999)).toThrow(refusal('limit.file-bytes'));
  });

  it.skipIf(process.platform !== 'linux')('is read to its end where its size says nothing', () => {
    expect(readSmallFile('/proc/self/status', 65_536).byteLength).toBeGreaterThan(100);
  });
});
