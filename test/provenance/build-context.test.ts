import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../pipeline/core/index.ts';
import { parseProvenance } from '../../pipeline/formats/slsa/index.ts';
import {
  buildProvenance,
  checkExternalParameters,
  githubBuildContext,
  localBuildContext,
  parseBuildContext,
} from '../../pipeline/provenance/index.ts';

const commit = '1234567890abcdef1234567890abcdef12345678';
const context = {
  builderId: 'https://ci.example.org/builders/node-images',
  source: { repository: 'https://git.example.org/acme/node-images', commit, ref: 'refs/tags/v1' },
  invocationId: 'run 42',
  startedOn: '2026-11-01T12:00:00Z',
  externalParameters: { board: 'amd64-usr', patches: ['a', 'b'], official: true },
  sdkImage: { uri: 'pkg:oci/flatcar-sdk-all', digest: { sha256: 'a'.repeat(64) } },
  dependencies: [{ uri: 'https://example.org/x', digest: { sha512: 'b'.repeat(128) } }],
};
const parse = (value: unknown) => parseBuildContext(Buffer.from(JSON.stringify(value)));

describe('a build context file', () => {
  it('goes into the provenance as it is, said to be unverified', () => {
    const provenance = buildProvenance({
      context: parse(context),
      parameters: { nodeSet: 'workers', role: null, image: 'a.bin', shipped: null, sysexts: [], without: [] },
      dependencies: [],
      byproducts: [],
      nodeproofVersion: '1.0.0',
    });
    expect(parseProvenance(provenance as never)).toMatchObject({
      buildDefinition: {
        buildType: 'https://nodeproof.dev/buildtypes/node-set/v1',
        externalParameters: { nodeSet: 'workers', context: context.externalParameters },
        resolvedDependencies: [
          {
            uri: 'git+https://git.example.org/acme/node-images@refs/tags/v1',
            digest: { gitCommit: commit },
            annotations: { nodeproof_verified: false },
          },
          { name: 'sdk-image', annotations: { nodeproof_verified: false } },
          { uri: 'https://example.org/x', annotations: { nodeproof_verified: false } },
        ],
      },
      runDetails: {
        builder: { id: context.builderId, version: { nodeproof: '1.0.0' } },
        metadata: { invocationId: 'run 42', startedOn: '2026-11-01T12:00:00Z' },
      },
    });
    expect(checkExternalParameters(provenance.buildDefinition.externalParameters)).toBeUndefined();
  });

  it.each([
    ['an unknown field', { ...context, builder: 'x' }],
    ['no builder', { ...context, builderId: undefined }],
    ['a builder that is not https', { ...context, builderId: 'http://ci.example.org' }],
    ['a commit that is a branch', { ...context, source: { ...context.source, commit: 'main' } }],
    ['a short digest', { ...context, sdkImage: { uri: 'x', digest: { sha256: 'ab' } } }],
    ['a dependency without a digest', { ...context, dependencies: [{ uri: 'x' }] }],
    ['parameters within parameters', { ...context, externalParameters: { a: { b: 1 } } }],
    ['a list', []],
  ])('with %s is refused as configuration', (_, value) => {
    expect(() => parse(value)).toThrow(expect.objectContaining({ code: 'config.build-context' }) as Error);
  });

  it('of any bytes is a context or a Fault of configuration', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          try {
            parseBuildContext(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(Fault);
            expect(error).toMatchObject({ code: 'config.build-context' });
          }
        },
      ),
    );
  });
});

describe('external parameters', () => {
  const known = { nodeSet: 'x', role: null, image: null, shipped: null, sysexts: [], without: [], context: {} };

  it('are those of this build type, with files or from before there were any', () => {
    expect(checkExternalParameters(known)).toBeUndefined();
    expect(checkExternalParameters({ ...known, files: ['a', 'b'] })).toBeUndefined();
  });

  it.each([
    ['an unknown parameter', { ...known, fil: [] }],
    ['files that are no names', { ...known, files: [1] }],
    ['more files than there may be', { ...known, files: Array.from({ length: 16_385 }, () => 'a') }],
    ['no word on the image', { ...known, image: undefined }],
  ])('with %s are refused', (_, value) => {
    expect(checkExternalParameters(value)).toBeTypeOf('string');
  });
});

describe('the build context of a GitHub workflow', () => {
  const environment = {
    GITHUB_ACTIONS: 'true',
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_REPOSITORY: 'acme/node-images',
    GITHUB_SHA: commit,
    GITHUB_REF: 'refs/tags/v4593.2.5',
    GITHUB_RUN_ID: '7',
    GITHUB_RUN_ATTEMPT: '2',
    GITHUB_WORKFLOW_REF: 'acme/node-images/.github/workflows/release.yml@refs/tags/v4593.2.5',
    GITHUB_REPOSITORY_ID: '123456789',
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'secret',
  };

  it('names the workflow, the commit and the run', () => {
    expect(githubBuildContext(environment)).toEqual({
      builderId: 'https://github.com/acme/node-images/.github/workflows/release.yml@refs/tags/v4593.2.5',
      source: { repository: 'https://github.com/acme/node-images', commit, ref: 'refs/tags/v4593.2.5' },
      invocationId: 'https://github.com/acme/node-images/actions/runs/7/attempts/2',
      externalParameters: {
        workflow: {
          ref: 'refs/tags/v4593.2.5',
          repository: 'https://github.com/acme/node-images',
          path: '.github/workflows/release.yml',
        },
      },
      internalParameters: { github: { repository_id: '123456789' } },
      dependencies: [],
    });
  });

  it('is not there outside of GitHub, where the builder is called local', () => {
    expect(githubBuildContext({ ...environment, GITHUB_ACTIONS: undefined })).toBeUndefined();
    expect(localBuildContext.builderId).toBe('https://nodeproof.dev/builder/local');
  });

  it.each(['GITHUB_REPOSITORY', 'GITHUB_SHA', 'GITHUB_RUN_ID', 'GITHUB_WORKFLOW_REF'])(
    'is refused without %s, not taken for local',
    (name) => {
      expect(() => githubBuildContext({ ...environment, [name]: '' })).toThrow(
        expect.objectContaining({ code: 'config.github-context', where: name }) as Error,
      );
    },
  );

  it('is refused with a commit that is none', () => {
    expect(() => githubBuildContext({ ...environment, GITHUB_SHA: 'main' })).toThrow(
      expect.objectContaining({ code: 'config.github-context' }) as Error,
    );
  });
});
