import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { missing, type Outcome, runPeer } from './support/peers.ts';

const root = join(import.meta.dirname, '../..');
const workflows = globSync(['.github/workflows/*.{yml,yaml}', 'samples/workflows/*.{yml,yaml}'], { cwd: root }).sort();

const home = mkdtempSync(join(tmpdir(), 'nodeproof-workflows-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** Scripts inside would be judged only where shellcheck happens to be installed: two machines are to say the same. */
function lint(path: string): Promise<Outcome> {
  return runPeer('actionlint', ['-shellcheck=', '-pyflakes=', '-no-color', path], home);
}

describe.skipIf(missing('actionlint') !== undefined)('actionlint', () => {
  test('has our workflow to judge', () => {
    expect(workflows).toContain('.github/workflows/ci.yml');
  });

  test.each(workflows)('finds nothing wrong in %s', async (path) => {
    expect(await lint(join(root, path))).toEqual({ code: 0, output: '' });
  });

  test('finds what is wrong in a copy of one', async () => {
    const broken = join(home, 'broken.yml');
    const text = readFileSync(join(root, '.github/workflows/ci.yml'), 'utf8');
    writeFileSync(broken, text.replace('github.ref', 'github.revision'));
    expect(await lint(broken)).toMatchObject({ code: 1, output: expect.stringContaining('revision') as string });
  });
});
