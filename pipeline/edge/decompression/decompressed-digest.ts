import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, closeSync, constants, createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { Digest, Fault, limits } from '../../core/index.ts';
import { type OpenFile, openForReading, readUpTo } from '../files/index.ts';

export type DecompressedDigest = {
  readonly sha256: Digest;
  readonly sizeBytes: number;
  /** What decompressed it: a program's name, `unbzip2-stream` or `node:zlib`. */
  readonly by: string;
};

export type DecompressionOptions = {
  /** Bytes that the content may have. */
  readonly maxBytes?: number;
  /** Where programs are looked for; PATH is not asked, as it may name a folder that anyone writes to. */
  readonly programFolders?: readonly string[];
};

/** Formats by their first bytes: a name proves nothing. */
const formats = {
  bzip2: { magic: Buffer.from('BZh', 'latin1'), programs: ['lbzip2', 'pbzip2', 'bzip2'], library: unbzip2 },
  gzip: { magic: Buffer.from([0x1f, 0x8b]), programs: [], library: (file: OpenFile) => inflate(file, createGunzip()) },
  zstd: {
    magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]),
    programs: ['zstd'],
    library: (file: OpenFile) => inflate(file, createZstdDecompress()),
  },
  xz: { magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]), programs: ['xz'], library: undefined },
} as const;

type Format = keyof typeof formats;

const standardFolders = ['/usr/local/bin', '/usr/bin', '/bin', '/opt/homebrew/bin'];

/**
 * The SHA-256 of what a compressed file holds, streamed: an image of 8 GiB is never on disk nor in memory. bzip2, zstd and xz
 * go through the first installed program that knows them, which uses all cores; without one, bzip2 goes through the
 * library unbzip2-stream, which takes minutes, zstd and gzip through node:zlib. Never skipped: what cannot be done is a fault.
 * Faults: file.*, compressed.format, compressed.malformed, limit.decompressed, unavailable.decompressor.
 */
export async function digestDecompressed(
  path: string,
  { maxBytes = limits.fileBytes, programFolders = standardFolders }: DecompressionOptions = {},
): Promise<DecompressedDigest> {
  const file = openForReading(path);
  try {
    const format = recognizeFormat(path, file);
    const program = findProgram(formats[format].programs, programFolders);
    const { library } = formats[format];
    if (program !== undefined) return await digestThroughProgram(path, file, program, maxBytes);
    if (library === undefined) throw noDecompressor(path, format);
    return await digestStream(path, await library(file, path), maxBytes);
  } finally {
    closeSync(file.descriptor);
  }
}

function recognizeFormat(path: string, { descriptor }: OpenFile): Format {
  const head = Buffer.alloc(6);
  readUpTo(path, descriptor, head, 0);
  for (const [format, { magic }] of Object.entries(formats) as [Format, { magic: Buffer }][])
    if (head.subarray(0, magic.byteLength).equals(magic)) return format;
  throw new Fault(
    'compressed.format',
    `Cannot decompress ${path}: it begins with ${head.toString('hex')}, want ${Object.keys(formats).join(', ')}`,
    { where: path },
  );
}

function findProgram(names: readonly string[], folders: readonly string[]): string | undefined {
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function noDecompressor(path: string, format: Format, cause?: unknown): Fault {
  const [first = format] = formats[format].programs;
  return new Fault('unavailable.decompressor', `Cannot decompress ${path}: nothing here decompresses ${format}`, {
    where: path,
    next: `Install ${first}`,
    cause,
  });
}

// --- through a program ---------------------------------------------------------------------------------------------------

/**
 * The program reads the descriptor that is open here, so that it decompresses the file that was recognized. Its environment
 * is empty: variables such as LBZIP2 and XZ_OPT would change what it does.
 */
async function digestThroughProgram(
  path: string,
  { descriptor }: OpenFile,
  program: string,
  maxBytes: number,
): Promise<DecompressedDigest> {
  const child = spawn(program, ['-dc'], { stdio: [descriptor, 'pipe', 'pipe'], env: { LC_ALL: 'C' }, cwd: '/' });
  try {
    const ended = waitForEnd(child);
    const complaint = collectComplaint(child);
    const by = program.slice(program.lastIndexOf('/') + 1);
    const digest = await digestStream(path, { output: requirePipe(child.stdout), by }, maxBytes);
    const end = await ended;
    if (end !== 'exit 0') throw malformed(path, `${by}: ${end}: ${complaint()}`);
    return digest;
  } finally {
    child.kill('SIGKILL');
  }
}

function waitForEnd(child: ChildProcess): Promise<string> {
  return new Promise((settle) => {
    child.on('error', (error) => settle(String(error)));
    child.on('close', (code, signal) => settle(signal === null ? `exit ${code}` : signal));
  });
}

/** The last of what the program says about the input, bounded: it may complain about every block. */
function collectComplaint(child: ChildProcess): () => string {
  let text = '';
  requirePipe(child.stderr).on('data', (chunk: Buffer) => {
    text = `${text}${chunk.toString('latin1')}`.slice(-500);
  });
  return () => text.trim().replaceAll(/[^\x20-\x7e]+/g, ' ');
}

function requirePipe(stream: Readable | null): Readable {
  if (stream === null) throw new TypeError('a child with pipes has streams');
  return stream;
}

// --- in this process -----------------------------------------------------------------------------------------------------

type Decompression = {
  readonly output: Readable;
  readonly by: string;
  /** Asked at the end: why the output is not the whole content. */
  readonly findRest?: () => string | undefined;
};

function inflate(
  { descriptor, stats }: OpenFile,
  engine: Readable & NodeJS.WritableStream & { readonly bytesWritten: number },
): Decompression {
  const input = createReadStream('', { fd: descriptor, autoClose: false, start: 0 });
  input.on('error', (error) => engine.destroy(error));
  input.pipe(engine);
  // Node's engine stops without a word after the first zstd frame; a file may have several.
  const findRest = () =>
    engine.bytesWritten < stats.size
      ? `${stats.size - engine.bytesWritten} more bytes after the first frame, which only the program zstd reads`
      : undefined;
  return { output: engine, by: 'node:zlib', findRest };
}

async function unbzip2({ descriptor }: OpenFile, path: string): Promise<Decompression> {
  const { default: createDecompressor } = await import('unbzip2-stream').catch((cause: unknown) => {
    throw noDecompressor(path, 'bzip2', cause);
  });
  const engine = createDecompressor();
  const { PassThrough } = await import('node:stream');
  const output = new PassThrough();
  engine.on('data', (chunk) => output.write(chunk));
  engine.on('end', () => output.end());
  engine.on('error', (error) => output.destroy(error instanceof Error ? error : new Error(String(error))));
  void feed(createReadStream('', { fd: descriptor, autoClose: false, start: 0 }), engine, output);
  return { output, by: 'unbzip2-stream' };
}

/** The library works as it is written to and knows no back pressure: the next piece waits until the last is hashed. */
async function feed(input: Readable, engine: NodeJS.WritableStream, output: Readable & NodeJS.WritableStream) {
  try {
    for await (const chunk of input as AsyncIterable<Buffer>) {
      if (output.destroyed) return;
      engine.write(chunk);
      while (output.readableLength > 0 && !output.destroyed) await new Promise((resolve) => setImmediate(resolve));
    }
    engine.end();
  } catch (error) {
    output.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

async function digestStream(
  path: string,
  { output, by, findRest }: Decompression,
  maxBytes: number,
): Promise<DecompressedDigest> {
  const state = createHash('sha256');
  let sizeBytes = 0;
  await new Promise<void>((resolve, reject) => {
    output.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.byteLength;
      if (sizeBytes <= maxBytes) state.update(chunk);
      else output.destroy(tooLarge(path, maxBytes));
    });
    output.on('end', resolve);
    output.on('error', (error) => reject(error instanceof Fault ? error : malformed(path, error.message)));
    // After `end` this changes nothing; without one the program could not even start.
    output.on('close', () => reject(malformed(path, `${by} stopped before the end`)));
  });
  const rest = findRest?.();
  if (rest !== undefined) throw malformed(path, rest);
  return Object.freeze({ sha256: Digest.fromHex('sha256', state.digest('hex')), sizeBytes, by });
}

function tooLarge(path: string, maxBytes: number): Fault {
  return new Fault('limit.decompressed', `Cannot decompress ${path}: more than ${maxBytes} bytes of content`, {
    where: path,
  });
}

function malformed(path: string, problem: string): Fault {
  return new Fault('compressed.malformed', `Cannot decompress ${path}: ${problem}`, { where: path });
}
