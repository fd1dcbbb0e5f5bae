import { runNodeproof } from '../../pipeline/cli/program.ts';
import type { Exit } from '../../pipeline/core/index.ts';

export type Outcome = { readonly exit: Exit; readonly stdout: string; readonly stderr: string };

/** Runs a command in this process, in a world of its own: a directory, a clock, no environment, no terminal. */
export async function runIn(directory: string, ...args: readonly string[]): Promise<Outcome> {
  const written = { stdout: '', stderr: '' };
  const output = (name: 'stdout' | 'stderr') => ({
    write: (text: string): void => void (written[name] += text),
    isTerminal: false,
  });
  const exit = await runNodeproof(args, {
    directory,
    environment: {},
    now: () => new Date('2026-11-22T12:00:00Z'),
    stdout: output('stdout'),
    stderr: output('stderr'),
  });
  return { exit, ...written };
}
