import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { inject, test } from 'vitest';

const standalone = inject('standalone');

/** The program that is tested; of a machine where it cannot be built the tests are skipped, and say why. */
export const program = 'program' in standalone ? standalone.program : '';

export const withProgram = 'missing' in standalone ? test.skip : test;
if ('missing' in standalone) console.warn(`skipped: ${standalone.missing}`);

export type RunOptions = {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
};

/** Runs the program with nothing in its environment but what is given. */
export function run(
  args: readonly string[],
  { cwd = '/', env = {}, input }: RunOptions = {},
): SpawnSyncReturns<string> {
  return spawnSync(program, args, {
    cwd,
    env,
    encoding: 'utf8',
    maxBuffer: 1024 ** 3,
    ...(input === undefined ? {} : { input }),
  });
}
