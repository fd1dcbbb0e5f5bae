import { Fault } from '../core/index.ts';
import { parseWith } from '../formats/schema/index.ts';
import { type BuildContext, buildContextSchema } from './build-context.ts';
import { type GithubClaims, serverOfIssuer } from './github-claims.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The build context of a GitHub Actions run, as actions/attest writes it and more: from the claims of the run's identity
 * token where one is at hand, else from the variables that its runner sets (docs: "Default environment variables").
 * Undefined outside GitHub Actions. The certificate proves builder and commit on its own; these must agree.
 *
 * The builder is the workflow that the job is defined in, which only the token tells: without it, a reusable workflow goes
 * by the name of its caller.
 *
 * Faults: config.github-context where a variable that a runner always sets is missing or malformed, and where token and
 * environment are of different runs.
 */
export function githubBuildContext(environment: Environment, claims?: GithubClaims): BuildContext | undefined {
  if (environment['GITHUB_ACTIONS'] !== 'true') return undefined;
  const server =
    agreed('GITHUB_SERVER_URL', given(environment, 'GITHUB_SERVER_URL'), claims?.iss && serverOfIssuer(claims.iss)) ??
    'https://github.com';
  const repository = wanted('GITHUB_REPOSITORY', environment, claims?.repository);
  const runId = wanted('GITHUB_RUN_ID', environment, claims?.run_id);
  const commit = wanted('GITHUB_SHA', environment, claims?.sha);
  const caller = claims?.workflow_ref ?? wanted('GITHUB_WORKFLOW_REF', environment, undefined);
  const builder = claims?.job_workflow_ref ?? caller;
  const said = (claim: string | undefined, name: string) => claim ?? given(environment, name);
  const ref = said(claims?.ref, 'GITHUB_REF');
  const context = {
    builderId: `${server}/${builder}`,
    source: { repository: `${server}/${repository}`, commit, ...(ref === undefined ? {} : { ref }) },
    invocationId: `${server}/${repository}/actions/runs/${runId}/attempts/${said(claims?.run_attempt, 'GITHUB_RUN_ATTEMPT') ?? '1'}`,
    externalParameters: { workflow: parseWorkflow(server, caller) },
    internalParameters: {
      github: defined({
        event_name: said(claims?.event_name, 'GITHUB_EVENT_NAME'),
        repository_id: said(claims?.repository_id, 'GITHUB_REPOSITORY_ID'),
        repository_owner_id: said(claims?.repository_owner_id, 'GITHUB_REPOSITORY_OWNER_ID'),
        runner_environment: said(claims?.runner_environment, 'RUNNER_ENVIRONMENT'),
        actor_id: said(claims?.actor_id, 'GITHUB_ACTOR_ID'),
        caller_workflow_ref: caller === builder ? undefined : caller,
      }),
    },
    dependencies: [],
  };
  return parseWith(buildContextSchema, context, 'config.github-context', 'build context of GitHub Actions', next);
}

const next = 'Run it in a job of GitHub Actions, or describe the build with --build-context';

function given(environment: Environment, name: string): string | undefined {
  const value = environment[name];
  return value === '' ? undefined : value;
}

/** Without it the builder could only be called local, which would be less than the run that it was: said, not guessed. */
function wanted(name: string, environment: Environment, claim: string | undefined): string {
  const value = agreed(name, given(environment, name), claim);
  if (value !== undefined) return value;
  throw new Fault('config.github-context', `Cannot read the build context of GitHub Actions: ${name} is not set`, {
    where: name,
    next,
  });
}

/** A step can set any variable, and a token can be of another run: of two that differ neither is taken. */
function agreed(name: string, value: string | undefined, claim: string | undefined): string | undefined {
  if (value === undefined || claim === undefined || value === claim) return claim ?? value;
  throw new Fault(
    'config.github-context',
    `Cannot read the build context of GitHub Actions: ${name} is ${JSON.stringify(value.slice(0, 200))}, and the identity token says ${JSON.stringify(claim.slice(0, 200))}`,
    {
      where: name,
      next: 'Give the identity token of this very run, and leave the variables of the runner as they are',
    },
  );
}

/** `OWNER/REPOSITORY/.github/workflows/release.yml@refs/tags/v1`, as https://actions.github.io/buildtypes/workflow/v1 has it. */
function parseWorkflow(server: string, text: string): { ref: string; repository: string; path: string } {
  const [, repository, path, ref] = /^([^/@]+\/[^/@]+)\/([^@]+)@(.+)$/s.exec(text) ?? [];
  if (repository !== undefined && path !== undefined && ref !== undefined)
    return { ref, repository: `${server}/${repository}`, path };
  throw new Fault(
    'config.github-context',
    `Cannot read the build context of GitHub Actions: the workflow is ${JSON.stringify(text.slice(0, 200))}, want OWNER/REPOSITORY/PATH@REF`,
    { where: 'GITHUB_WORKFLOW_REF', next },
  );
}

function defined(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
