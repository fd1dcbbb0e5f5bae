import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../pipeline/core/index.ts';
import { loadCases } from '../../pipeline/cli/cases/index.ts';
import { collectEvidence } from '../../pipeline/collection/index.ts';
import { policyFindingCodes } from '../../pipeline/policy/index.ts';
import type { NodeIdentity } from '../../pipeline/release/index.ts';
import { betaNode, openMadeNode } from '../evidence/made-node.ts';
import {
  type Circumstances,
  honestEvidence,
  identityOf,
  imageSha256,
  keys,
  makePolicy,
  nodeSetStatement,
  provenanceStatement,
  signStatement,
  tryArtifact,
  tryNode,
} from './red-team-release.ts';

const stable = await honestEvidence();
const identity = identityOf(stable);
const release = signStatement(keys.release, nodeSetStatement(identity));

const beta = await collectEvidence(openMadeNode(betaNode));
const betaIdentity = identityOf(beta);
const [confext] = betaIdentity.confexts;
if (confext === undefined) throw new TypeError('the beta node has a confext');

/** The codes of a stable node under a policy with something changed. */
function stableCodes(policy: object, node: object = {}, circumstances: Circumstances = {}): readonly string[] {
  return tryNode(stable, makePolicy({ ...policy }, node), [release], circumstances).codes;
}

/** The codes of the beta node, whose signed set has these confexts. */
function betaCodes(confexts: NodeIdentity['confexts'], node: object = {}): readonly string[] {
  const signed = signStatement(keys.release, nodeSetStatement({ ...betaIdentity, confexts }));
  return tryNode(beta, makePolicy({}, node), [signed]).codes;
}

const pack = { name: 'workers', version: 3, issuedAt: '2026-11-01T00:00:00Z', expiresAt: null };

function provenanceCodes(slsa: object, build: object = {}): readonly string[] {
  const { predicate, ...statement } = provenanceStatement([{ name: 'node.bin', digest: { sha256: imageSha256 } }]);
  const { buildDefinition, runDetails } = predicate as { buildDefinition: object; runDetails: object };
  const signed = signStatement(keys.builds, {
    ...statement,
    predicate: { runDetails, buildDefinition: { ...buildDefinition, ...build } },
  });
  const trusted = { builders: [{ id: 'https://ci.example/**', level: 2, signers: ['builds'] }], minimumLevel: 2 };
  return tryArtifact(imageSha256, makePolicy({ slsa: { ...trusted, ...slsa } }), [signed]).codes;
}

/** What makes each finding that no case of the corpus is about. */
const rows: Readonly<Record<string, () => readonly string[]>> = {
  'policy.not-yet-valid': () => stableCodes({ issuedAt: '2027-01-01T00:00:00Z' }),
  'trust-pack.expired': () => stableCodes({}, {}, { pack: { ...pack, expiresAt: '2026-11-22T12:00:00Z' } }),
  'trust-pack.below-minimum': () => stableCodes({ trustPack: { minimumVersion: 4 } }, {}, { pack }),
  'attestation.kind': () =>
    tryArtifact(imageSha256, makePolicy({ allow: { 'node-set': ['release'] } }), [
      signStatement(keys.builds, provenanceStatement([{ digest: { sha256: imageSha256 } }])),
    ]).codes,
  'attestation.required': () => stableCodes({ require: { provenance: true } }),
  'os.version-id': () => stableCodes({}, { os: { id: 'flatcar', versionId: '4757.1.1' } }),
  'store.unanswered': () =>
    tryArtifact('0'.repeat(64), makePolicy(), [], {
      silences: [{ store: 'oci:nodes', fault: new Fault('network.timeout', 'Cannot reach it') }],
    }).codes,
  'confext.digest': () => betaCodes([{ ...confext, sha256: '6'.repeat(64) }]),
  'confext.root-hash': () => betaCodes([{ ...confext, rootHash: '6'.repeat(64) }]),
  'confext.extra': () => betaCodes([]),
  'confext.missing': () => betaCodes([confext, { ...confext, name: '50-site' }]),
  'confext.unlisted': () => betaCodes([confext], { confexts: { allowed: ['50-site'] } }),
  'revoked.member': () => stableCodes({ revocations: [{ sha256: imageSha256, why: 'bad kernel' }] }),
  'slsa.build-type': () => provenanceCodes({}),
  'slsa.parameters': () => provenanceCodes({}, { buildType: 'https://nodeproof.dev/buildtypes/node-set/v1' }),
};

describe('Each finding of the policy', () => {
  test.each(Object.entries(rows))('%s is found', (code, make) => {
    expect(make()).toContain(code);
  });

  test('is the point of a test here or of a case of the corpus', () => {
    const cases = loadCases(join(import.meta.dirname, '../../samples/demo/cases'));
    const known = new Set([...Object.keys(rows), ...cases.flatMap((one) => one.file.expect.findings)]);
    expect(Object.keys(policyFindingCodes).filter((code) => !known.has(code))).toEqual([]);
  });

  test('is a sentence about what was found', () => {
    for (const [code, meaning] of Object.entries(policyFindingCodes))
      expect([code, meaning]).toEqual([code, expect.stringMatching(/^[A-Za-z/].{15,}[^.]$/)]);
  });
});

describe('Nothing is found', () => {
  test('on the nodes that the rows above start from', () => {
    expect(stableCodes({})).toEqual([]);
    expect(betaCodes([confext])).toEqual([]);
    expect(stableCodes({ trustPack: { minimumVersion: 3, maximumAgeDays: 30 } }, {}, { pack })).toEqual([]);
    expect(provenanceCodes({ buildTypes: ['https://ci.example/type/v1'] })).toEqual([]);
  });
});

describe('A build level', () => {
  const known = { buildTypes: ['https://ci.example/type/v1'] };
  const builder = (level: number, signers: string[], id = 'https://ci.example/builder') => ({ id, level, signers });

  test('is the highest that the policy gives the signer for the builder', () => {
    const builders = [builder(1, ['builds']), builder(3, ['release']), builder(2, ['builds'], 'https://ci.example/*')];
    expect(provenanceCodes({ ...known, builders, minimumLevel: 2 })).toEqual([]);
    expect(provenanceCodes({ ...known, builders, minimumLevel: 3 })).toContain('slsa.level');
  });

  test('is none where another signer claims the builder', () => {
    expect(provenanceCodes({ ...known, builders: [builder(3, ['release'])], minimumLevel: 1 })).toContain(
      'slsa.builder',
    );
  });

  test('of zero wants no builder at all', () => {
    expect(provenanceCodes({ ...known, builders: [], minimumLevel: 0 })).toEqual([]);
  });

  test('is given to signers that there are', () => {
    expect(() => makePolicy({ slsa: { builders: [builder(3, ['nobody'])], minimumLevel: 1 } })).toThrow(/nobody/);
  });
});
