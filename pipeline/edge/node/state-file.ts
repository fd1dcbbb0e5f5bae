import { closeSync, constants, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { randomUUID } from 'node:crypto';
import { Fault, limits, within } from '../../core/index.ts';
import { parseState, type State } from '../../policy/index.ts';
import { flushDirectory, readSmallFile } from '../files/index.ts';

/**
 * The state of a node; undefined only where there is no file. One that cannot be read is never taken for none: that would
 * let whoever spoils it start again from nothing.
 * Faults: file.permission, file.kind, file.read, state.*, json.*, limit.file-bytes.
 */
export function readStateFile(path: string): State | undefined {
  try {
    return within(path, () => parseState(readSmallFile(path, limits.policyBytes)));
  } catch (error) {
    if (error instanceof Fault && error.code === 'file.missing') return undefined;
    throw error;
  }
}

/** Writes the state beside its file and renames it: a crash leaves the old one or the new one. Fault: file.write. */
export function writeStateFile(path: string, state: State): void {
  const beside = `${path}.${randomUUID()}.new`;
  try {
    const descriptor = openSync(
      beside,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    try {
      writeSync(descriptor, `${JSON.stringify(state, null, 2)}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(beside, path);
    flushDirectory(dirname(path));
  } catch (cause) {
    rmSync(beside, { force: true });
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new Fault('file.write', `Cannot remember this admission in ${path}: ${code}`, {
      where: path,
      cause,
      next: `Make ${dirname(path)}, writable for the user that this runs as`,
    });
  }
}
