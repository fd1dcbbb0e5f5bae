import type { BenchCase } from '../case.ts';
import { bundleProgram, findTool, findTrueSizeFile, makeTrueSize } from '../tools.ts';

const sha256: BenchCase = {
  name: 'sha256',
  rounds: 7,
  prepare(scratch) {
    const file = findTrueSizeFile('flatcar_production_update.bin');
    const openssl = findTool('openssl');
    if (file === undefined) return { skipped: makeTrueSize };
    if (openssl === undefined) return { skipped: 'openssl is not installed' };
    return {
      ours: { name: 'sha256 of 1 GiB', argv: bundleProgram(scratch, 'test/bench/programs/sha256.ts', file) },
      yardstick: { name: 'openssl dgst -sha256', argv: [openssl, 'dgst', '-sha256', file] },
      bars: [{ measure: 'wallSeconds', atMost: 1.15, of: 'yardstick' }],
    };
  },
};

export default sha256;
