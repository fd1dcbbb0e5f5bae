import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Digest, Fault } from '../../../core/index.ts';

/** Writes the files of a directory one by one, each of them whole or not at all. */
export type Writer = AsyncDisposable & {
  /** True where a file of this size is there and its bytes have the digest. Nothing else that lies there holds us up. */
  readonly holds: (path: string, digest: Digest, sizeBytes: number) => Promise<boolean>;
  /** Writes beside, checks, flushes and renames: a reader sees the old file or the new one. */
  readonly write: (path: string, content: Blob, check?: (written: string) => Promise<void>) => Promise<void>;
};

/**
 * Opens a directory to write to, and makes it where it is not there. Faults: file.write.
 *
 * @param isLasting whether what was written must outlive a loss of power: not where it is checked and can be had again
 */
export async function openWriter(
  root: string,
  shown: string,
  { isLasting = true }: { readonly isLasting?: boolean } = {},
): Promise<Writer> {
  const beside = await attempt(shown, async () => {
    await mkdir(root, { recursive: true });
    // Within the directory, so that a rename stays within one file system; the dot keeps servers from showing it.
    return await mkdtemp(join(root, '.partial-'));
  });
  return {
    holds: (path, digest, sizeBytes) => attempt(shown, () => hasDigest(join(root, path), digest, sizeBytes)),
    write: (path, content, check) =>
      attempt(shown, async () => {
        const target = join(root, path);
        const partial = join(beside, basename(path));
        await mkdir(dirname(target), { recursive: true });
        await writeWhole(partial, content, isLasting);
        await check?.(partial);
        await chmod(partial, 0o644);
        await rename(partial, target);
        if (isLasting) await flush(dirname(target));
      }),
    [Symbol.asyncDispose]: () => rm(beside, { recursive: true, force: true }),
  };
}

/** SHA-256 of a file's content, in hexadecimal. */
export async function digestContent(path: string): Promise<string> {
  return await digestStream(createReadStream(path));
}

async function digestStream(stream: AsyncIterable<unknown>): Promise<string> {
  const state = createHash('sha256');
  for await (const chunk of stream as AsyncIterable<Buffer>) state.update(chunk);
  return state.digest('hex');
}

async function hasDigest(path: string, digest: Digest, sizeBytes: number): Promise<boolean> {
  try {
    // Asked of the open file, which a fifo does not hold us up at.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await file.stat();
    if (!stats.isFile() || stats.size !== sizeBytes) return false;
    return (await digestStream(file.createReadStream({ autoClose: false }))) === digest.hex;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

async function writeWhole(path: string, content: Blob, isLasting: boolean): Promise<void> {
  await using file = await open(path, 'w', 0o600);
  for await (const chunk of content.stream() as AsyncIterable<Uint8Array>) await file.writeFile(chunk);
  if (isLasting) await file.sync();
}

async function flush(directory: string): Promise<void> {
  await using handle = await open(directory, 'r');
  await handle.sync();
}

async function attempt<T>(shown: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    const code = codeOf(error);
    if (error instanceof Fault || code === undefined) throw error;
    throw new Fault('file.write', `Cannot write to the store ${shown}: ${code}`, {
      where: shown,
      cause: error,
      next: 'Name a directory where you may write and that has room, then publish again: what is there stays',
    });
  }
}

/** The operating system's code (EACCES), or what reading a changed file throws. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.name === 'NotReadableError') return 'a file changed while it was read';
  const code = 'code' in error ? String(error.code) : '';
  return /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}
