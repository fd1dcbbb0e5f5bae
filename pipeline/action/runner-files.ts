import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { Fault, limits } from '../core/index.ts';
import type { OutputName } from './interface.ts';
import { renderLine } from './workflow-command.ts';
import type { ActionWorld } from './world.ts';

/** Gives an output to later steps. A value that is empty is given too: an earlier one must not stand. */
export function writeOutput(world: ActionWorld, name: OutputName, value: string | readonly string[]): void {
  const text = typeof value === 'string' ? value : value.join('\n');
  // A delimiter that the value cannot hold, for it is made of the value's digest.
  const delimiter = `nodeproof_${createHash('sha256').update(text).digest('hex')}`;
  const isWritten = appendToRunnerFile(world, 'GITHUB_OUTPUT', `${name}<<${delimiter}\n${text}\n${delimiter}\n`);
  if (!isWritten) world.write(renderLine(`output ${name}: ${text.replaceAll('\n', ' ')}`));
}

export function writeSummary(world: ActionWorld, markdown: string): void {
  const note = '\n\nThe rest does not fit into a summary.\n';
  const bytes = Buffer.from(markdown);
  const fits = bytes.byteLength <= limits.summaryBytes;
  const room = limits.summaryBytes - note.length - 4;
  const text = fits ? markdown : `${bytes.subarray(0, bytes.lastIndexOf(0x0a, room)).toString('utf8')}${note}`;
  appendToRunnerFile(world, 'GITHUB_STEP_SUMMARY', text);
}

/** Appends to a file that the runner names in a variable. False where it names none. Fault: file.write. */
export function appendToRunnerFile(world: ActionWorld, variable: string, text: string): boolean {
  const path = world.environment[variable];
  if (path === undefined || path === '') return false;
  appendToFile(path, text);
  return true;
}

/** Fault: file.write. */
export function appendToFile(path: string, text: string): void {
  try {
    appendFileSync(path, text);
  } catch (cause) {
    throw new Fault('file.write', `Cannot write to the runner's file ${path}`, { where: path, cause });
  }
}
