import type { BenchCase } from '../case.ts';
import { writeNode } from '../made-node.ts';
import {
  bundleProgram,
  findProblem,
  findTrueSizeFile,
  makeTrueSize,
  nodeProgram,
  standaloneProgram,
} from '../tools.ts';

/** The verdict on a node, against reading and hashing its extensions. */
const nodeVerify: BenchCase = {
  name: 'node-verify',
  rounds: 7,
  async prepare(scratch) {
    const sysext = findTrueSizeFile('kubernetes.raw');
    if (sysext === undefined) return { skipped: makeTrueSize };
    const program = await standaloneProgram(scratch);
    if ('skipped' in program) return program;
    const { sysexts, options, places } = await writeNode(scratch, sysext, 'merged');
    const argv = [...program, 'node', 'verify', ...options];
    const problem = findProblem(argv, 'ADMIT');
    if (problem !== undefined) return { failed: `nodeproof node verify: ${problem}` };
    return {
      ours: { name: 'nodeproof node verify', argv },
      yardstick: {
        name: 'sha256 of its extensions',
        argv: bundleProgram(scratch, 'test/bench/programs/sha256.ts', ...sysexts),
      },
      bars: [
        { measure: 'wallSeconds', atMost: 1.2, of: 'yardstick' },
        { measure: 'rssBytes', atMost: 150 * 1024 * 1024, of: 'itself' },
      ],
      details: {
        name: 'stages',
        argv: nodeProgram('test/bench/programs/node-verify-stages.ts', ...places),
      },
    };
  },
};

export default nodeVerify;
