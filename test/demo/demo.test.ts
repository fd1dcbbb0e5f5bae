import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { runNodeproof } from '../../pipeline/cli/program.ts';

const scratch = mkdtempSync(join(tmpdir(), 'nodeproof-demo-test-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function run(...args: string[]) {
  const output: string[] = [];
  const errors: string[] = [];
  const code = await runNodeproof(args, {
    directory: scratch,
    environment: {},
    now: () => new Date('2026-11-20T09:00:00Z'),
    stdout: { write: (text) => void output.push(text), isTerminal: false },
    stderr: { write: (text) => void errors.push(text), isTerminal: false },
  });
  return { code, output: output.join(''), errors: errors.join('') };
}

describe('The demo', () => {
  test('tells on one page what was made, who was let in and why others were not', { timeout: 120_000 }, async () => {
    const { code, output, errors } = await run('demo', '--keep', 'kept');
    expect(errors).toBe('');
    expect(output).toMatch(/usr hash [0-9a-f]{12}…: data, tree and kernel agree/);
    expect(output).toMatch(/sysext falco, ddi, verity signed/);
    expect(output).toMatch(/11 statements in all/);
    expect(output).toMatch(/^ {2}ADMIT {3}the honest node$/m);
    expect(output).toMatch(
      /^ {2}REFUSE {2}sysext rebuilt under the same name: .*want [0-9a-f]{12}….* \[sysext\.digest\]$/m,
    );
    expect(output).not.toMatch(/NOT AS/);
    // Nothing in it moves a cursor or names a place of this machine.
    expect(output).not.toContain(scratch);
    expect(output).not.toMatch(/nodeproof-(?:demo|cases)-/);
    expect(output).not.toContain(join(import.meta.dirname, '../..'));
    expect(output.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    expect(output.trimEnd().split('\n').at(-1)).toMatch(
      /^As it must be: \d+ honest admitted, \d+ dishonest refused, in /,
    );
    expect(code).toBe(0);
    expect(readdirSync(join(scratch, 'kept')).sort()).toEqual([
      'images',
      'node',
      'policy.yaml',
      'release',
      'release.pem',
    ]);
    expect(existsSync(join(scratch, 'kept/release/demo-workers.trust-pack.json'))).toBe(true);
  });

  test('lets what it kept be verified again by hand', async () => {
    const pack = 'kept/release/demo-workers.trust-pack.json';
    const judged = await run(
      'node',
      'verify',
      '--root',
      'kept/node',
      '--policy',
      'kept/policy.yaml',
      '--trust-pack',
      pack,
    );
    expect(judged.output).toMatch(/^ADMIT/);
    expect(judged.code).toBe(0);
    const file = await run('verify', 'kept/images/falco.raw', '--policy', 'kept/policy.yaml', '--trust-pack', pack);
    expect(file.code).toBe(0);
  });

  test('leaves what is there alone', async () => {
    const { code, errors } = await run('demo', '--keep', 'kept');
    expect(code).toBe(2);
    expect(errors).toMatch(/already holds/);
  });
});

describe('policy test', () => {
  const samples = join(import.meta.dirname, '../../samples/demo');

  test('refuses a directory without cases, and a case that says something unknown', async () => {
    const none = await run('policy', 'test', join(samples, 'images'));
    expect(none.code).toBe(4);
    expect(none.errors).toMatch(/base\.yaml/);
  });
});
