import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const main = resolve(import.meta.dirname, '../../pipeline/cli/main.ts');

describe('The program', () => {
  test('exits with the code of its command and keeps stdout for the document', () => {
    const { status, stdout, stderr } = run(['policy', 'check', '/nowhere/policy.yaml', '--json']);
    expect({ status, stderr }).toEqual({ status: 2, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ policies: [{ usable: false }] });
  });

  test('is not upset where its reader leaves early, as head does', async () => {
    const child = spawn(process.execPath, [main, 'policy', 'schema'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const code = await new Promise((settle) => child.on('close', settle));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('does not pass where its output cannot be written', () => {
    const full = openSync('/dev/full', 'w');
    try {
      const { status, stderr } = run(['policy', 'schema'], full);
      expect(status).not.toBe(0);
      expect(stderr).toContain('ENOSPC');
    } finally {
      closeSync(full);
    }
  });
});

function run(args: readonly string[], stdout: 'pipe' | number = 'pipe') {
  return spawnSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', stdout, 'pipe'],
  });
}
