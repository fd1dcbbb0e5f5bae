import { readFileSync } from 'node:fs';
import type { BenchCase } from '../case.ts';
import { bundleCli, findProblem, findTrueSizeFile, hasCommand, makeTrueSize } from '../tools.ts';

/** Everything of an 8 GiB disk that its metadata, its files and its verity tree tell, without a digest of the whole. */
const inspect: BenchCase = {
  name: 'inspect',
  rounds: 5,
  prepare(scratch) {
    const image = findTrueSizeFile('flatcar_production_image.bin');
    const rootFile = findTrueSizeFile('flatcar_production_image_verity.txt');
    if (image === undefined || rootFile === undefined) return { skipped: makeTrueSize };
    if (!hasCommand('inspect')) return { skipped: 'there is no `nodeproof inspect` yet' };
    const argv = [...bundleCli(scratch), 'inspect', image, '--json'];
    const problem = findProblem(argv, readFileSync(rootFile, 'utf8').trim());
    if (problem !== undefined) return { failed: `nodeproof inspect ${image}: ${problem}` };
    return {
      ours: { name: 'nodeproof inspect of an 8 GiB image', argv },
      bars: [
        { measure: 'wallSeconds', atMost: 3.5, of: 'itself' },
        { measure: 'rssBytes', atMost: 350 * 1024 * 1024, of: 'itself' },
      ],
    };
  },
};

export default inspect;
