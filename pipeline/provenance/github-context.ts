import type { BuildContext } from './build-context.ts';

/**
 * The build context of a GitHub Actions run, from the variables that its runner sets (docs: "Default environment
 * variables"). Undefined outside GitHub Actions. The certificate proves builder and commit on its own; these must agree.
 */
export function githubBuildContext(
  environment: Readonly<Record<string, string | undefined>>,
): BuildContext | undefined {
  if (environment['GITHUB_ACTIONS'] !== 'true') return undefined;
  const server = environment['GITHUB_SERVER_URL'] ?? 'https://github.com';
  const { GITHUB_REPOSITORY: repository, GITHUB_SHA: commit, GITHUB_REF: ref, GITHUB_RUN_ID: run } = environment;
  const workflow = environment['GITHUB_WORKFLOW_REF'];
  if (repository === undefined || commit === undefined || workflow === undefined || run === undefined) return undefined;
  const kept = (names: readonly string[]) =>
    Object.fromEntries(names.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])));
  return {
    builderId: `${server}/${workflow}`,
    source: { repository: `${server}/${repository}`, commit, ...(ref === undefined ? {} : { ref }) },
    invocationId: `${server}/${repository}/actions/runs/${run}/attempts/${environment['GITHUB_RUN_ATTEMPT'] ?? '1'}`,
    externalParameters: { workflow },
    internalParameters: kept([
      'GITHUB_EVENT_NAME',
      'GITHUB_REPOSITORY_ID',
      'GITHUB_REPOSITORY_OWNER_ID',
      'RUNNER_ENVIRONMENT',
      'GITHUB_ACTOR_ID',
    ]),
    dependencies: [],
  };
}
