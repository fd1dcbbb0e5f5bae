import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../pipeline/core/index.ts';
import { githubBuildContext, parseBuildContext, parseGithubClaims } from '../../pipeline/provenance/index.ts';
import { serverOfIssuer } from '../../pipeline/provenance/github-claims.ts';

const commit = '1234567890abcdef1234567890abcdef12345678';
const caller = 'acme/node-images/.github/workflows/release.yml@refs/tags/v1';
const reusable = 'acme/builders/.github/workflows/node@set.yml@refs/heads/main';
const environment = {
  GITHUB_ACTIONS: 'true',
  GITHUB_SERVER_URL: 'https://github.com',
  GITHUB_REPOSITORY: 'acme/node-images',
  GITHUB_SHA: commit,
  GITHUB_REF: 'refs/heads/other',
  GITHUB_RUN_ID: '7',
  GITHUB_RUN_ATTEMPT: '1',
  GITHUB_WORKFLOW_REF: caller,
  GITHUB_EVENT_NAME: 'schedule',
  GITHUB_ACTOR_ID: '9',
};
const token = {
  iss: 'https://token.actions.githubusercontent.com',
  repository: 'acme/node-images',
  repository_id: '123',
  repository_owner_id: '456',
  repository_visibility: 'private',
  job_workflow_ref: reusable,
  workflow_ref: caller,
  ref: 'refs/tags/v1',
  sha: commit,
  event_name: 'push',
  actor_id: '10',
  run_id: '7',
  run_attempt: '2',
  runner_environment: 'github-hosted',
  sub: 'repo:acme/node-images:ref:refs/tags/v1',
};
const contextOf = (claims: object, changes: object = {}) =>
  githubBuildContext({ ...environment, ...changes }, parseGithubClaims({ ...token, ...claims }));
const refused = (where: string) => expect.objectContaining({ code: 'config.github-context', where }) as Error;

describe('the build context of a run whose token is at hand', () => {
  it("names the reusable workflow as builder, its caller beside it, and prefers the token's word", () => {
    expect(contextOf({})).toEqual({
      builderId: `https://github.com/${reusable}`,
      source: { repository: 'https://github.com/acme/node-images', commit, ref: 'refs/tags/v1' },
      invocationId: 'https://github.com/acme/node-images/actions/runs/7/attempts/2',
      externalParameters: {
        workflow: {
          ref: 'refs/tags/v1',
          repository: 'https://github.com/acme/node-images',
          path: '.github/workflows/release.yml',
        },
      },
      internalParameters: {
        github: {
          event_name: 'push',
          repository_id: '123',
          repository_owner_id: '456',
          runner_environment: 'github-hosted',
          actor_id: '10',
          caller_workflow_ref: caller,
        },
      },
      dependencies: [],
    });
  });

  it('names no caller where the workflow is its own builder', () => {
    const github = contextOf({ job_workflow_ref: caller })?.internalParameters['github'];
    expect(github).not.toHaveProperty('caller_workflow_ref');
  });

  it('needs no variable that the token stands for', () => {
    const missing = { GITHUB_REPOSITORY: '', GITHUB_SHA: undefined, GITHUB_RUN_ID: '', GITHUB_WORKFLOW_REF: '' };
    expect(contextOf({}, missing)).toEqual(contextOf({}));
  });

  it.each([
    ['GITHUB_REPOSITORY', { repository: 'mallory/node-images' }],
    ['GITHUB_SHA', { sha: 'f'.repeat(40) }],
    ['GITHUB_RUN_ID', { run_id: '8' }],
    ['GITHUB_SERVER_URL', { iss: 'https://ghes.example.org/_services/token' }],
  ])('is refused where %s says otherwise', (where, claims) => {
    expect(() => contextOf(claims)).toThrow(refused(where));
  });

  it.each([
    ['a commit that is none', { sha: 'main' }],
    ['a run that is no number', { run_id: 'x' }],
    ['no repository', { repository: undefined }],
  ])('is refused with %s', (_, claims) => {
    expect(() => contextOf(claims)).toThrow(expect.objectContaining({ code: 'config.github-context' }) as Error);
  });

  it.each(['release.yml', 'acme/x@main', 'acme/node-images/release.yml', '@'])(
    'is refused with the workflow %j',
    (text) => {
      expect(() => contextOf({ workflow_ref: text })).toThrow(refused('GITHUB_WORKFLOW_REF'));
    },
  );
});

describe('claims', () => {
  it('of tokens of somebody else are none', () => {
    expect(parseGithubClaims({ iss: 'https://gitlab.com', sub: 'x' })).toBeUndefined();
    expect(parseGithubClaims(null)).toBeUndefined();
  });

  it('of any content are claims, none, or a Fault', () => {
    fc.assert(
      fc.property(fc.record({ job_workflow_ref: fc.jsonValue(), sha: fc.jsonValue() }), (value) => {
        try {
          parseGithubClaims({ ...token, ...value });
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }),
    );
  });

  it.each([
    ['https://token.actions.githubusercontent.com', 'https://github.com'],
    ['https://token.actions.githubusercontent.com/acme', 'https://github.com'],
    ['https://token.actions.acme.ghe.com', 'https://acme.ghe.com'],
    ['https://ghes.example.org/_services/token', 'https://ghes.example.org'],
    ['https://token.actions.acme.ghe.com.evil.example', undefined],
    ['http://token.actions.githubusercontent.com', undefined],
    ['no URL', undefined],
  ])('by the issuer %s are of the server %s', (issuer, server) => {
    expect(serverOfIssuer(issuer)).toBe(server);
  });
});

describe('a build context file in GitHub Actions', () => {
  const run = githubBuildContext(environment, parseGithubClaims(token));
  const add = (file: object) => parseBuildContext(Buffer.from(JSON.stringify(file)), run);

  it('adds to the run, and need not say who builds', () => {
    const added = {
      externalParameters: { board: 'amd64-usr' },
      sdkImage: { uri: 'pkg:oci/sdk', digest: { sha256: 'a'.repeat(64) } },
      dependencies: [{ uri: 'https://example.org/x', digest: { sha256: 'b'.repeat(64) } }],
      startedOn: '2026-11-01T12:00:00Z',
    };
    expect(add(added)).toEqual({
      ...run,
      ...added,
      externalParameters: { ...run?.externalParameters, board: 'amd64-usr' },
    });
  });

  it('may repeat what the run says', () => {
    const { builderId, source, invocationId, externalParameters } = run ?? {};
    expect(add({ builderId, source, invocationId, externalParameters })).toEqual(run);
  });

  it.each([
    ['builderId', { builderId: 'https://ci.example.org/b' }],
    ['source.repository', { source: { repository: 'https://github.com/acme/other', commit } }],
    ['source.commit', { source: { repository: 'https://github.com/acme/node-images', commit: 'f'.repeat(40) } }],
    ['source.ref', { source: { ...run?.source, ref: 'refs/heads/main' } }],
    ['invocationId', { invocationId: 'run 42' }],
    ['externalParameters.workflow', { externalParameters: { workflow: { path: 'x' } } }],
    ['internalParameters.github', { internalParameters: { github: { event_name: 'push' } } }],
  ])('may not say another %s', (where, file) => {
    expect(() => add(file)).toThrow(refused(where));
  });

  it('with an unknown field is refused as elsewhere', () => {
    expect(() => add({ builder: 'x' })).toThrow(expect.objectContaining({ code: 'config.build-context' }) as Error);
  });
});
