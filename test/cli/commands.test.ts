import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CommandSpec } from '../../pipeline/cli/command.ts';
import { exitMeanings } from '../../pipeline/cli/exit-codes.ts';
import { commandRows, groupSummaries } from '../../pipeline/cli/table.ts';
import { runIn } from './world.ts';

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'nodeproof-cli-'));
  writeFileSync(join(directory, 'junk'), Buffer.alloc(4096, 'junk'));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

const commands = commandRows.map(({ spec }) => [spec.path.join(' '), spec] as const);

/** What every command must be given, all of it a file of junk. */
function fullArguments({ path, operand, options }: CommandSpec): readonly string[] {
  const required = Object.entries(options)
    .filter(([, option]) => option.required)
    .flatMap(([name]) => [`--${name}`, 'junk']);
  return [...path, ...Array.from({ length: operand?.min ?? 0 }, () => 'junk'), ...required];
}

describe.each(commands)('nodeproof %s', (_name, spec) => {
  test('prints help that names every option and example', async () => {
    const { exit, stdout, stderr } = await runIn(directory, ...spec.path, '--help');
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    for (const option of Object.keys(spec.options)) expect(stdout).toContain(`--${option}`);
    for (const example of spec.examples) expect(stdout).toContain(example);
    expect(stdout).toContain(spec.summary);
  });

  test('refuses an unknown option in one line', async () => {
    const { exit, stdout, stderr } = await runIn(directory, ...fullArguments(spec), '--no-such-option');
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' });
    expect(stderr).toMatch(/^nodeproof: Cannot [^\n]*--no-such-option[^\n]* \[usage\.[a-z-]+\]\n {2}next: [^\n]*\n$/);
  });

  test('tells a refusal as one JSON document on stdout where --json was asked for', async () => {
    const { exit, stdout, stderr } = await runIn(directory, ...fullArguments(spec), '--json', '--no-such-option');
    expect({ exit, stderr }).toEqual({ exit: 2, stderr: '' });
    const { error } = JSON.parse(stdout) as { error: Record<string, unknown> };
    expect(Object.keys(error)).toEqual(['code', 'message', 'where', 'next']);
  });

  if (spec.operand === null) {
    test('takes no operand', async () => {
      // Before the options: a list would take it for one of its own.
      const options = fullArguments(spec).slice(spec.path.length);
      const { exit, stderr } = await runIn(directory, ...spec.path, 'stray', ...options);
      expect(exit).toBe(2);
      expect(stderr).toContain('Cannot read the command line');
    });
  } else {
    test('refuses to run without what it is about', async () => {
      expect(await runIn(directory, ...spec.path)).toMatchObject({ exit: 2 });
    });
  }

  const required = Object.entries(spec.options).filter(([, option]) => (option as { required: boolean }).required);
  test.each(required)('wants --%s', async (name) => {
    const args = fullArguments(spec);
    const at = args.indexOf(`--${name}`);
    const { exit, stderr } = await runIn(directory, ...args.slice(0, at), ...args.slice(at + 2));
    expect(exit).toBe(2);
    expect(stderr).toContain(`--${name}`);
  });
});

/** What reads the world as it is rather than a file of junk. */
const withoutInput = new Set(['policy schema', 'node collect', 'node lint', 'demo']);

describe.each(commands.filter(([name]) => !withoutInput.has(name)))('nodeproof %s', (_name, spec) => {
  test.each(['junk', 'missing'])('tells a file that is %s in a coded line', async (file) => {
    const args = fullArguments(spec).map((argument) => (argument === 'junk' ? file : argument));
    const told = await runIn(directory, ...args);
    expect([2, 3, 4]).toContain(told.exit);
    expect(told.stdout + told.stderr).toMatch(/\[[a-z0-9-]+\.[a-z0-9-]+\]/);
    expect(told.stdout + told.stderr).not.toMatch(/\n\s+at |this is a bug/);

    const document = await runIn(directory, ...args, '--json');
    expect(document).toMatchObject({ exit: told.exit, stderr: '' });
    expect(JSON.parse(document.stdout)).toBeTypeOf('object');
  });
});

describe.each(commands.filter(([name]) => name !== 'demo'))('nodeproof %s', (_name, spec) => {
  test.each(Object.entries(spec.options))('is not broken by --%s with what makes no sense', async (name, option) => {
    const value = option.kind === 'flag' ? [] : ['junk'];
    const { exit, stdout, stderr } = await runIn(directory, ...fullArguments(spec), `--${name}`, ...value);
    expect(exit).not.toBe(70);
    expect(stdout + stderr).not.toMatch(/\n\s+at |this is a bug/);
  });
});

describe('nodeproof', () => {
  test('lists every command and exit code in its help', async () => {
    const { exit, stdout } = await runIn(directory, '--help');
    expect(exit).toBe(0);
    for (const { spec } of commandRows) expect(stdout).toContain(`  ${spec.path[0]}`);
    for (const [code, meaning] of Object.entries(exitMeanings))
      expect(stdout).toMatch(new RegExp(`^  ${code} +${meaning.slice(0, 20)}`, 'm'));
  });

  test.each(Object.keys(groupSummaries))('lists the commands of %s', async (group) => {
    const { stdout } = await runIn(directory, group, '--help');
    for (const { spec } of commandRows.filter(({ spec: { path } }) => path[0] === group)) {
      expect(stdout).toContain(`  ${spec.path[1]}`);
    }
  });

  test('prints its version', async () => {
    const { exit, stdout } = await runIn(directory, '--version');
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test.each([
    ['inspekt', 'inspect'],
    ['verfy', 'verify'],
  ])('suggests what %s could have been', async (typed, meant) => {
    const { exit, stderr } = await runIn(directory, typed);
    expect(exit).toBe(2);
    expect(stderr).toContain(meant);
  });

  test.each([[], ['node'], ['policy'], ['trust'], ['']])('without a command (%s) exits 2', async (...args) => {
    expect((await runIn(directory, ...args)).exit).toBe(2);
  });
});
