import { closeSync, constants, fsyncSync, ftruncateSync, linkSync, openSync, rmSync, writeSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { Fault, type Source } from '../../core/index.ts';
import { flushDirectory } from './flush.ts';
import { isSystemError } from './open-file.ts';

/** A stretch of a file: zeros lie between stretches, and take no room on disk. */
type Stretch = { readonly offsetBytes: number; readonly content: Uint8Array | Source };

/**
 * Writes a large file as a whole or not at all: beside its name first, then checked, flushed and given its name, which must be free.
 * Faults: usage.output, file.write, those of the sources and of `check`.
 *
 * @param check looks at what was written, under a name of its own, before it gets the real one
 */
export async function writeImageAtomically(
  path: string,
  sizeBytes: number,
  stretches: readonly Stretch[],
  check: (written: string) => Promise<void>,
): Promise<void> {
  const beside = `${path}.${randomUUID()}.partial`;
  try {
    writeStretches(beside, sizeBytes, stretches);
    await check(beside);
    // A link is refused where the name is taken; a rename would replace.
    linkSync(beside, path);
    flushDirectory(dirname(path));
  } catch (error) {
    throw isSystemError(error) ? notWritten(path, error) : error;
  } finally {
    rmSync(beside, { force: true });
  }
}

const chunkBytes = 1024 * 1024;

function writeStretches(path: string, sizeBytes: number, stretches: readonly Stretch[]): void {
  const descriptor = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o644);
  try {
    ftruncateSync(descriptor, sizeBytes);
    for (const { offsetBytes, content } of stretches) {
      const length = content instanceof Uint8Array ? content.byteLength : content.sizeBytes;
      for (let start = 0; start < length; start += chunkBytes) {
        const count = Math.min(chunkBytes, length - start);
        const bytes =
          content instanceof Uint8Array ? content.subarray(start, start + count) : content.read(start, count);
        writeFully(descriptor, bytes, offsetBytes + start);
      }
    }
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function writeFully(descriptor: number, bytes: Uint8Array, position: number): void {
  for (let written = 0; written < bytes.byteLength;)
    written += writeSync(descriptor, bytes, written, bytes.byteLength - written, position + written);
}

function notWritten(path: string, error: Error & { readonly code: string }): Fault {
  if (error.code === 'EEXIST')
    return new Fault('usage.output', `Cannot write ${path}: it is there already`, {
      where: path,
      next: 'Name a file that is not there',
    });
  return new Fault('file.write', `Cannot write ${path}: ${error.code}`, {
    where: path,
    cause: error,
    next: 'Name a file in a directory where you may write and that has room',
  });
}
