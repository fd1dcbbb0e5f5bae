import { join } from 'node:path';
import { afterAll, describe, expect } from 'vitest';
import { type CaseCommand, loadCases, openCaseRunner } from '../../pipeline/cli/cases/index.ts';
import { type Exit, Fault, type FaultCode } from '../../pipeline/core/index.ts';
import { run, withProgram } from './program.ts';

const cases = loadCases(join(import.meta.dirname, '../../samples/demo/cases'));
const runner = openCaseRunner(new Date(), { execute: runProgram });
afterAll(() => runner[Symbol.asyncDispose]());

/** The command as it is typed. */
async function runProgram({ path, invocation: { operands, options, world } }: CaseCommand): Promise<Exit> {
  const flags = Object.entries(options).flatMap(([name, value]) => {
    if (value === undefined || value === false) return [];
    if (value === true) return [`--${name}`];
    const values = typeof value === 'string' ? [value] : value;
    return values.map((one) => `--${name}=${one}`);
  });
  const { status, stdout, stderr } = run([...path, ...operands, ...flags], { cwd: world.directory });
  expect(stderr).toBe('');
  const document = JSON.parse(stdout) as { readonly error?: { readonly code: FaultCode; readonly message: string } };
  if (document.error !== undefined) throw new Fault(document.error.code, document.error.message);
  world.stdout.write(stdout);
  return status as Exit;
}

describe('The standalone program judges as the sources do', () => {
  withProgram.for(cases.map((one) => [`${one.file.expect.verdict} ${one.file.title}`, one] as const))(
    '%s',
    async ([, one]) => {
      const { differences } = await runner.run(one);
      expect(differences).toEqual([]);
    },
  );
});
