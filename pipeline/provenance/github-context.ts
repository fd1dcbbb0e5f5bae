import { Fault } from '../core/index.ts';
import { parseWith } from '../formats/schema/index.ts';
import { type BuildContext, buildContextSchema } from './build-context.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The build context of a GitHub Actions run, from the variables that its runner sets (docs: "Default environment
 * variables"). Undefined outside GitHub Actions. The certificate proves builder and commit on its own; these must agree.
 * Faults: config.github-context where a variable that a runner always sets is missing or malformed.
 */
export function githubBuildContext(environment: Environment): BuildContext | undefined {
  if (environment['GITHUB_ACTIONS'] !== 'true') return undefined;
  const server = environment['GITHUB_SERVER_URL'] ?? 'https://github.com';
  const repository = wanted(environment, 'GITHUB_REPOSITORY');
  const workflow = wanted(environment, 'GITHUB_WORKFLOW_REF');
  const run = `${server}/${repository}/actions/runs/${wanted(environment, 'GITHUB_RUN_ID')}`;
  const ref = environment['GITHUB_REF'];
  const context = {
    builderId: `${server}/${workflow}`,
    source: {
      repository: `${server}/${repository}`,
      commit: wanted(environment, 'GITHUB_SHA'),
      ...(ref === undefined || ref === '' ? {} : { ref }),
    },
    invocationId: `${run}/attempts/${environment['GITHUB_RUN_ATTEMPT'] ?? '1'}`,
    externalParameters: { workflow },
    internalParameters: pick(environment, [
      'GITHUB_EVENT_NAME',
      'GITHUB_REPOSITORY_ID',
      'GITHUB_REPOSITORY_OWNER_ID',
      'RUNNER_ENVIRONMENT',
      'GITHUB_ACTOR_ID',
    ]),
    dependencies: [],
  };
  return parseWith(buildContextSchema, context, 'config.github-context', 'build context of GitHub Actions', next);
}

const next = 'Run it in a job of GitHub Actions, or describe the build with --build-context';

/** Without it the builder could only be called local, which would be less than the run that it was: said, not guessed. */
function wanted(environment: Environment, name: string): string {
  const value = environment[name];
  if (value !== undefined && value !== '') return value;
  throw new Fault('config.github-context', `Cannot read the build context of GitHub Actions: ${name} is not set`, {
    where: name,
    next,
  });
}

function pick(environment: Environment, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = environment[name];
      return value === undefined || value === '' ? [] : [[name, value] as const];
    }),
  );
}
