import { dirname } from 'node:path';
import { Fault, limits, within } from '../../core/index.ts';
import { parseState, type State } from '../../policy/index.ts';
import { readSmallFile, replaceFile } from '../files/index.ts';

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
  try {
    replaceFile(path, Buffer.from(`${JSON.stringify(state, null, 2)}\n`), 0o600);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new Fault('file.write', `Cannot remember this admission in ${path}: ${code}`, {
      where: path,
      cause,
      next: `Make ${dirname(path)}, writable for the user that this runs as`,
    });
  }
}
