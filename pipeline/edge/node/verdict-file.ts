import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Fault } from '../../core/index.ts';
import { replaceFile } from '../files/index.ts';

/**
 * Puts a verdict where monitoring looks for it: whole or not at all, readable for everybody, and never through a link. It
 * authorises nothing, and lies where a reboot forgets it. Fault: file.write.
 */
export function writeVerdictFile(path: string, text: string): void {
  const directory = dirname(path);
  try {
    // Whatever the mask of the process is.
    if (mkdirSync(directory, { recursive: true }) !== undefined) chmodSync(directory, 0o755);
    if (!lstatSync(directory).isDirectory()) throw notWritten(path, `${directory} is a link`);
    replaceFile(path, Buffer.from(text), 0o644);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw notWritten(path, error instanceof Error && 'code' in error ? String(error.code) : String(error), error);
  }
}

function notWritten(path: string, problem: string, cause?: unknown): Fault {
  return new Fault('file.write', `Cannot write the verdict to ${path}: ${problem}`, {
    where: path,
    ...(cause === undefined ? {} : { cause }),
    next: 'Run as root',
  });
}
