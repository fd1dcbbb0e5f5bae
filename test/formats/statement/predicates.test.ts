import { describe, expect, test } from 'vitest';
import { parseReference } from '../../../pipeline/formats/reference/index.ts';
import {
  parseProvenance,
  parseVerificationResult,
  parseVerificationSummary,
  sourceCommits,
  verificationResultType,
  verificationSummaryType,
} from '../../../pipeline/formats/slsa/index.ts';
import { type Bent, faultOf } from '../../verify/vectors.ts';

const sha256 = 'ab'.repeat(32);
const commit = '3f1c0a9be2d84c57a6b1f0e9d8c7b6a594837261';

const provenance: Bent = {
  buildDefinition: {
    buildType: 'https://nodeproof.dev/build/node-set/v1',
    externalParameters: { workflow: { ref: 'refs/tags/v1' } },
    resolvedDependencies: [{ uri: 'git+https://github.com/acme/node-images', digest: { gitCommit: commit } }],
  },
  runDetails: {
    builder: { id: 'https://github.com/acme/node-images/.github/workflows/release.yml@refs/tags/v1' },
    metadata: {
      invocationId: 'https://github.com/acme/node-images/actions/runs/1',
      startedOn: '2026-01-15T12:00:00+01:00',
    },
    byproducts: [{ name: 'packages', content: 'YQ==' }],
  },
};

const summary: Bent = {
  verifier: { id: 'https://nodeproof.dev/verifier', version: { nodeproof: '0.1.0' } },
  timeVerified: '2026-01-15T12:00:00Z',
  resourceUri: 'flatcar-node://stable/4593.2.5/amd64-usr',
  policy: { uri: 'file:policy.yaml', digest: { sha256 } },
  inputAttestations: [{ digest: { sha256 } }],
  verificationResult: 'PASSED',
  verifiedLevels: ['SLSA_BUILD_LEVEL_3', 'NODEIMAGE_SYSEXT_SET_MATCHED'],
  slsaVersion: '1.2',
};

const result: Bent = {
  verifier: { id: 'https://nodeproof.dev/verifier', policies: [] },
  timeCreated: '2026-01-15T12:00:00Z',
  properties: ['NODEPROOF_NODE_SET_MATCHED'],
};

const reference: Bent = {
  attester: { id: 'https://nodeproof.dev/attester' },
  references: [
    {
      downloadLocation: 'https://example.com/sbom.json',
      mediaType: 'application/vnd.cyclonedx+json',
      digest: { sha256 },
    },
  ],
};

function changed(value: Bent, change: (copy: Bent) => void): Bent {
  const copy: Bent = structuredClone(value);
  change(copy);
  return copy;
}

describe('SLSA provenance', () => {
  test('is read, with the commits that it was built from', () => {
    const read = parseProvenance(provenance);
    expect(read).toEqual(provenance);
    expect(sourceCommits(read)).toEqual([commit]);
  });

  test('may have extension fields', () => {
    const extended = changed(provenance, (copy) => (copy.buildDefinition.acme_note = 'x'));
    expect(parseProvenance(extended)).toEqual(extended);
  });

  test.each<[string, (copy: Bent) => void]>([
    ['no build type', (copy) => delete copy.buildDefinition.buildType],
    ['no external parameters', (copy) => delete copy.buildDefinition.externalParameters],
    ['no builder', (copy) => delete copy.runDetails.builder],
    ['a builder id that is no URI', (copy) => (copy.runDetails.builder.id = 'me')],
    [
      'a dependency without uri, digest or content',
      (copy) => (copy.buildDefinition.resolvedDependencies[0] = { name: 'x' }),
    ],
    ['a time that is none', (copy) => (copy.runDetails.metadata.startedOn = 'yesterday')],
  ])('with %s is refused', (_, change) => {
    expect(faultOf(() => parseProvenance(changed(provenance, change))).code).toBe('provenance.field');
  });
});

describe('a verification summary', () => {
  test('is read', () => {
    expect(parseVerificationSummary(summary)).toEqual(summary);
  });

  test.each<[string, (copy: Bent) => void]>([
    ['another result', (copy) => (copy.verificationResult = 'MAYBE')],
    ['no level', (copy) => (copy.verifiedLevels = [])],
    ['two levels of one track', (copy) => (copy.verifiedLevels = ['SLSA_BUILD_LEVEL_2', 'SLSA_BUILD_LEVEL_3'])],
    ['a level of ours that poses as SLSA’s', (copy) => (copy.verifiedLevels = ['SLSA_NODE_MATCHED'])],
    ['a failure with a level', (copy) => (copy.verificationResult = 'FAILED')],
    ['an input without digest', (copy) => (copy.inputAttestations = [{ uri: 'https://example.com' }])],
    ['no resource', (copy) => delete copy.resourceUri],
    ['no policy', (copy) => (copy.policy = {})],
    ['no verifier', (copy) => delete copy.verifier.id],
  ])('with %s is refused', (_, change) => {
    expect(faultOf(() => parseVerificationSummary(changed(summary, change))).code).toBe('verification-summary.field');
  });

  test('of a failure says so in its one level', () => {
    const failed: Bent = { ...summary, verificationResult: 'FAILED', verifiedLevels: ['FAILED'] };
    expect(parseVerificationSummary(failed).verificationResult).toBe('FAILED');
  });
});

test('a verification result is read, and refused without its required fields', () => {
  expect(parseVerificationResult(result)).toEqual(result);
  for (const change of [
    (copy: Bent) => delete copy.verifier.id,
    (copy: Bent) => delete copy.verifier.policies,
    (copy: Bent) => delete copy.timeCreated,
    (copy: Bent) => delete copy.properties,
  ]) {
    expect(faultOf(() => parseVerificationResult(changed(result, change))).code).toBe('verification-result.field');
  }
});

test('a reference is read, and refused where it does not say which document it means', () => {
  expect(parseReference(reference)).toEqual(reference);
  for (const change of [
    (copy: Bent) => delete copy.attester.id,
    (copy: Bent) => (copy.references = []),
    (copy: Bent) => delete copy.references[0].downloadLocation,
    (copy: Bent) => delete copy.references[0].mediaType,
    (copy: Bent) => delete copy.references[0].digest,
  ]) {
    expect(faultOf(() => parseReference(changed(reference, change))).code).toBe('reference.field');
  }
});

test('predicate types are the specifications’', () => {
  expect(verificationSummaryType).toBe('https://slsa.dev/verification_summary/v1');
  expect(verificationResultType).toBe('https://in-toto.io/attestation/svr/v0.2');
});
