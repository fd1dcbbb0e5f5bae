import { readFileSync } from 'node:fs';
import type { BenchCase } from '../case.ts';
import { bundleProgram, findProblem, findTool, findTrueSizeFile, makeTrueSize } from '../tools.ts';

const hashOffset = '1065345024';

const verity: BenchCase = {
  name: 'verity',
  rounds: 7,
  prepare(scratch) {
    const partition = findTrueSizeFile('flatcar_production_update.bin');
    const rootFile = findTrueSizeFile('flatcar_production_image_verity.txt');
    const veritysetup = findTool('veritysetup');
    if (partition === undefined || rootFile === undefined) return { skipped: makeTrueSize };
    if (veritysetup === undefined) return { skipped: 'veritysetup is not installed (Debian: cryptsetup-bin)' };
    const root = readFileSync(rootFile, 'utf8').trim();
    const argv = bundleProgram(scratch, 'test/bench/programs/verity-root.ts', partition, hashOffset);
    const problem = findProblem(argv, `${root} "matches"`);
    if (problem !== undefined) return { failed: `our root hash of ${partition}: ${problem}` };
    return {
      ours: { name: 'verity root hash of 1 GiB', argv },
      yardstick: {
        name: 'veritysetup verify',
        argv: [veritysetup, 'verify', `--hash-offset=${hashOffset}`, partition, partition, root],
      },
      bars: [{ measure: 'wallSeconds', atMost: 1.2, of: 'yardstick' }],
    };
  },
};

export default verity;
