import { exit, Fault, limits } from '../../core/index.ts';
import { lintPolicy, parsePolicy } from '../../policy/index.ts';
import type { Run } from '../command.ts';
import { readInput, renderJson } from '../inputs.ts';
import type { policyCheckCommand } from '../table.ts';

/** All policies are read, and each tells its first fault or its warnings; one that cannot be used is exit 2. */
export const runPolicyCheck: Run<typeof policyCheckCommand> = async ({ operands, options, world }) => {
  const results = operands.map((path) => {
    try {
      const { policy } = parsePolicy(readInput(world, path, limits.policyBytes));
      return { path, usable: true, problems: lintPolicy(policy, world.now()) };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return {
        path,
        usable: false,
        problems: [{ code: error.code, where: error.where ?? '', message: error.message, next: error.next ?? '' }],
      };
    }
  });
  if (options.json) world.stdout.write(renderJson({ policies: results }));
  else for (const result of results) world.stdout.write(renderResult(result));
  return results.every((result) => result.usable) ? exit.admit : exit.usage;
};

type Result = {
  readonly path: string;
  readonly usable: boolean;
  readonly problems: readonly {
    readonly code: string;
    readonly where: string;
    readonly message: string;
    readonly next: string;
  }[];
};

function renderResult({ path, usable, problems }: Result): string {
  const head = `${path}: ${usable ? (problems.length === 0 ? 'good' : 'usable, with warnings') : 'cannot be used'}\n`;
  return (
    head +
    problems
      .map(
        ({ code, where, message, next }) =>
          `  ${where === '' ? '' : `${where}: `}${message} [${code}]\n${next === '' ? '' : `    next: ${next}\n`}`,
      )
      .join('')
  );
}
