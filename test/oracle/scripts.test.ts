import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findTool } from '../support/tools.ts';

const shellcheck = findTool('shellcheck') ?? '';
if (shellcheck === '') console.log('skipped: shellcheck is not installed (Debian: shellcheck)');

const checkout = join(import.meta.dirname, '../..');
const scripts = globSync(['.ci/run', '{pipeline,samples,test}/**/*.sh', 'test/vm/minimal-init'], {
  cwd: checkout,
}).sort();

/** Some are sourced and name no shell. SC2046: words that are split are meant to be. */
const judge = (script: string, text?: string) =>
  spawnSync(shellcheck, ['--severity=warning', '--shell=bash', '--exclude=SC2046', script], {
    cwd: checkout,
    encoding: 'utf8',
    input: text,
  });

describe.skipIf(shellcheck === '')('shellcheck', () => {
  test('has scripts to judge', () => {
    expect(scripts).toEqual(expect.arrayContaining(['.ci/run', 'test/interop/peers.sh']));
  });

  test.each(scripts)('finds nothing wrong in %s', (script) => {
    const { status, stdout } = judge(script);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });

  test('finds what is wrong in another', () => {
    expect(judge('-', 'cd "$1"; rm -rf *.partial\n')).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('SC2164') as string,
    });
  });
});
