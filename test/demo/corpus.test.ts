import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadCases, openCaseRunner } from '../../pipeline/cli/cases/index.ts';

const cases = loadCases(join(import.meta.dirname, '../../samples/demo/cases'));
const runner = openCaseRunner(new Date());
afterAll(() => runner[Symbol.asyncDispose]());

/** The corpus of attacks that were thought of: adding one is adding a folder to samples/demo/cases. */
describe('of the nodes and artifacts of the demo', () => {
  test.each(cases.map((one) => [`${one.file.expect.verdict} ${one.file.title}`, one] as const))(
    '%s',
    async (_, one) => {
      const outcome = await runner.run(one);
      expect(outcome.differences).toEqual([]);
      for (const finding of outcome.findings) expect(finding.message).not.toMatch(/undefined|\[object|NaN/);
    },
  );

  test('a refusal is tested for every admission, and far more often', () => {
    const admitted = cases.filter((one) => one.file.expect.verdict === 'admit');
    expect(admitted.length).toBeGreaterThan(4);
    expect(cases.length - admitted.length).toBeGreaterThan(50);
  });

  test('a refusal says which finding tells it', () => {
    for (const { name, file } of cases)
      expect([name, file.expect.findings.length > 0]).toEqual([name, file.expect.verdict === 'refuse']);
  });
});
