import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchCase } from '../case.ts';
import { checkoutPath, findProblem, nodeProgram } from '../tools.ts';

const dist = 'pipeline/action/dist';
const wantedBytes = 3 * 1024 * 1024;

/** From the runner's start of the Action to its first check of an input, which fails: there is no policy. */
const action: BenchCase = {
  name: 'action',
  rounds: 15,
  prepare() {
    const folder = checkoutPath(dist);
    const entry = `${dist}/index.js`;
    if (!existsSync(join(folder, 'index.js'))) return { skipped: `there is no ${entry} yet` };
    const environment = [`PATH=${process.env['PATH'] ?? ''}`, 'GITHUB_ACTIONS=true', 'INPUT_MODE=verify'];
    const start = ['/usr/bin/env', '-i', ...environment, ...nodeProgram(entry)];
    // That it fails is what is wanted, and of nothing but the missing policy.
    const refused = ['bash', '-c', '! "$@"', 'bash', ...start];
    const names = ['bash', '-c', '"$@" 2>&1 | grep -i policy', 'bash', ...start];
    const problem = findProblem(refused) ?? findProblem(names);
    if (problem !== undefined) return { failed: `${entry} does not refuse to run without a policy: ${problem}` };
    return {
      ours: { name: 'the Action without a policy', argv: refused },
      yardstick: { name: 'node that does nothing', argv: ['bash', '-c', '"$@"', 'bash', process.execPath, '-e', '0'] },
      bars: [
        { measure: 'wallSeconds', atMost: 0.25, of: 'itself' },
        { what: `size of ${dist}`, sizeBytes: sizeOf(folder), atMost: wantedBytes },
      ],
    };
  },
};

export default action;

function sizeOf(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}
