import { closeSync, constants, fchmodSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import type { Source } from '../../core/index.ts';
import { flushDirectory } from './flush.ts';

const chunkBytes = 1024 * 1024;

/**
 * Puts a file in the place of what has its name: beside it first, flushed, then renamed, so that a crash leaves the old or
 * the new one. A link of that name is replaced and never followed; the mode is this one whatever the umask.
 * Errors: those of open, write, fsync and rename, and the faults of the source.
 */
export function replaceFile(path: string, content: Uint8Array | Source, mode: number): void {
  const beside = `${path}.${randomUUID()}.new`;
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const descriptor = openSync(beside, flags, 0o600);
    try {
      writeAll(descriptor, content);
      fchmodSync(descriptor, mode);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(beside, path);
    flushDirectory(dirname(path));
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
}

function writeAll(descriptor: number, content: Uint8Array | Source): void {
  const length = content instanceof Uint8Array ? content.byteLength : content.sizeBytes;
  for (let start = 0; start < length; start += chunkBytes) {
    const count = Math.min(chunkBytes, length - start);
    const bytes = content instanceof Uint8Array ? content.subarray(start, start + count) : content.read(start, count);
    for (let written = 0; written < count;) written += writeSync(descriptor, bytes, written);
  }
}
