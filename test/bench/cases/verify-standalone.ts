import type { BenchCase } from '../case.ts';
import { standaloneProgram } from '../tools.ts';
import { prepareVerify } from './verify.ts';

/** The cold start of what nodes run: the same verification as the case beside it. */
const verifyStandalone: BenchCase = {
  name: 'verify-standalone',
  rounds: 15,
  async prepare(scratch) {
    const program = await standaloneProgram(scratch);
    if ('skipped' in program) return program;
    return prepareVerify(scratch, 'standalone', program, [
      { measure: 'wallSeconds', atMost: 1, of: 'yardstick' },
      { measure: 'rssBytes', atMost: 150 * 1024 * 1024, of: 'itself' },
    ]);
  },
};

export default verifyStandalone;
