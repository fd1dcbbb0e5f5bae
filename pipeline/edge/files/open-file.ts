import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { Fault } from '../../core/index.ts';

/** A file that was opened for reading and is what we can read: a regular file or a block device. */
export type OpenFile = {
  readonly descriptor: number;
  readonly kind: 'regular' | 'block-device';
  readonly stats: Stats;
};

/**
 * Opens a file for reading. Its kind is asked of the open descriptor, never of the name, so that nothing can be put in
 * between; O_NONBLOCK keeps a fifo or a terminal from holding us.
 * Faults: file.missing, file.permission, file.kind, file.read.
 */
export function openForReading(path: string): OpenFile {
  const descriptor = attempt(path, () =>
    openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY),
  );
  try {
    const stats = attempt(path, () => fstatSync(descriptor));
    if (stats.isFile()) return { descriptor, kind: 'regular', stats };
    if (stats.isBlockDevice()) return { descriptor, kind: 'block-device', stats };
    throw new Fault('file.kind', `Cannot read ${path}: it is ${kindOf(stats)}, want a regular file or a block device`, {
      where: path,
    });
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a fifo';
  if (stats.isSocket()) return 'a socket';
  return 'a character device';
}

/** Reads up to `length` bytes; fewer only at the end of the file. Fault: file.read. */
export function readUpTo(path: string, descriptor: number, into: Uint8Array, position: number | null): number {
  let filled = 0;
  while (filled < into.byteLength) {
    const at = position === null ? null : position + filled;
    const count = attempt(path, () => readSync(descriptor, into, filled, into.byteLength - filled, at));
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

/** Runs a step of the operating system and turns its errors into Faults about this path. */
export function attempt<T>(path: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw toFault(path, error);
  }
}

function toFault(path: string, error: unknown): unknown {
  if (!isSystemError(error)) return error;
  const shown = JSON.stringify(path).slice(1, -1);
  const options = { where: shown, cause: error };
  switch (error.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new Fault('file.missing', `Cannot open ${shown}: no such file`, options);
    case 'EACCES':
    case 'EPERM':
      return new Fault('file.permission', `Cannot open ${shown}: permission denied`, {
        ...options,
        next: 'Read it as a user who may, or copy it to where you may',
      });
    case 'EISDIR':
    case 'ENXIO':
    case 'ENODEV':
      return new Fault(
        'file.kind',
        `Cannot read ${shown}: ${error.code}, want a regular file or a block device`,
        options,
      );
    // a NUL in the path: no file can have that name
    case 'ERR_INVALID_ARG_VALUE':
    case 'ENAMETOOLONG':
    case 'ELOOP':
      return new Fault('file.missing', `Cannot open ${shown.slice(0, 200)}: not a path that a file can have`, options);
    default:
      return new Fault('file.read', `Cannot read ${shown}: ${error.code}`, options);
  }
}

/**
 * An error of the operating system (ENOENT), or Node's word for a NUL in a path. Node's other codes (ERR_…) are mistakes of
 * ours and stay what they are.
 */
export function isSystemError(error: unknown): error is Error & { readonly code: string } {
  if (!(error instanceof Error) || error instanceof Fault || !('code' in error)) return false;
  return typeof error.code === 'string' && /^(?:E[A-Z0-9]+|ERR_INVALID_ARG_VALUE)$/.test(error.code);
}
