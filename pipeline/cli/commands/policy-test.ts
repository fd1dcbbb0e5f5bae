import { resolve } from 'node:path';
import { exit } from '../../core/index.ts';
import { renderTable } from '../../report/index.ts';
import { type CaseOutcome, loadCases, openCaseRunner } from '../cases/index.ts';
import type { Run } from '../command.ts';
import { inFile, renderJson } from '../inputs.ts';
import { openProgress } from '../progress.ts';
import type { policyTestCommand } from '../table.ts';

/** All cases run; exit 1 where one comes out differently. */
export const runPolicyTest: Run<typeof policyTestCommand> = async ({ operands, options, world }) => {
  const cases = operands.flatMap((path) => inFile(path, () => loadCases(resolve(world.directory, path))));
  const outcomes: CaseOutcome[] = [];
  {
    using progress = openProgress(world, `${cases.length} cases`);
    await using runner = openCaseRunner(world.now());
    for (const one of cases) {
      progress.tell(one.name);
      outcomes.push(await runner.run(one));
    }
  }
  world.stdout.write(options.json ? renderJson({ cases: outcomes }) : renderOutcomes(outcomes));
  return outcomes.every((outcome) => outcome.differences.length === 0) ? exit.admit : exit.denied;
};

function renderOutcomes(outcomes: readonly CaseOutcome[]): string {
  const rows = outcomes.map(({ name, verdict, exit, expected, findings, differences }) => [
    differences.length === 0 ? 'ok' : 'DIFFERS',
    name,
    `${verdict} ${exit}`,
    differences.length === 0 ? (expected.findings[0] ?? '') : [...differences, tellFirst(findings)].join('; '),
  ]);
  const failed = outcomes.filter((outcome) => outcome.differences.length > 0).length;
  return `${renderTable(['', 'CASE', 'VERDICT', 'WHY'], rows, '')}\n\n${outcomes.length} cases, ${failed === 0 ? 'all as expected' : `${failed} not as expected`}\n`;
}

function tellFirst(findings: CaseOutcome['findings']): string {
  return findings[0] === undefined ? '' : `first: ${findings[0].message}`;
}
