import { closeSync, constants, fsyncSync, openSync } from 'node:fs';

/** A file's content reaches the disk. A symbolic link in its place is refused. Errors: those of open and fsync. */
export function flushFile(path: string): void {
  flush(path, constants.O_NOFOLLOW);
}

/** The names in a directory reach the disk; the directory may stand behind a symbolic link. Errors: those of open and fsync. */
export function flushDirectory(path: string): void {
  flush(path, constants.O_DIRECTORY);
}

function flush(path: string, flags: number): void {
  const descriptor = openSync(path, constants.O_RDONLY | flags);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
