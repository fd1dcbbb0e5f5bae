import type { BenchCase } from '../case.ts';
import { writeNode } from '../made-node.ts';
import { bundleProgram, findProblem, findTrueSizeFile, makeTrueSize, standaloneProgram } from '../tools.ts';

/** What the guard costs a boot, against reading and hashing the extensions. */
const nodeGuard: BenchCase = {
  name: 'node-guard',
  rounds: 7,
  async prepare(scratch) {
    const sysext = findTrueSizeFile('kubernetes.raw');
    if (sysext === undefined) return { skipped: makeTrueSize };
    const program = await standaloneProgram(scratch);
    if ('skipped' in program) return program;
    const { sysexts, options } = await writeNode(scratch, sysext, 'unmerged');
    const argv = [...program, 'node', 'guard', ...options];
    const problem = findProblem(argv, 'MERGE');
    if (problem !== undefined) return { failed: `nodeproof node guard: ${problem}` };
    return {
      ours: { name: 'nodeproof node guard', argv },
      yardstick: {
        name: 'sha256 of the extensions',
        argv: bundleProgram(scratch, 'test/bench/programs/sha256.ts', ...sysexts),
      },
      bars: [
        { measure: 'wallSeconds', atMost: 0.3, of: 'excess' },
        { measure: 'rssBytes', atMost: 150 * 1024 * 1024, of: 'itself' },
      ],
    };
  },
};

export default nodeGuard;
