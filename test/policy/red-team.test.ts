import { describe, expect, test } from 'vitest';
import { faultOf } from '../verify/vectors.ts';
import {
  honestEvidence,
  identityHex,
  identityOf,
  imageSha256,
  keys,
  makePolicy,
  nodeSetStatement,
  provenanceStatement,
  revocationStatement,
  sha256,
  signStatement,
  stranger,
  tryArtifact,
  tryNode,
  encodeStatement,
} from './red-team-release.ts';
import { advanceState, emptyState, parsePolicy, parseState } from '../../pipeline/policy/index.ts';

const evidence = await honestEvidence();
const identity = identityOf(evidence);
const [containerd, kubernetes] = identity.sysexts;
if (containerd === undefined || kubernetes === undefined) throw new TypeError('the made node has two sysexts');
const release = signStatement(keys.release, nodeSetStatement(identity));

test('The honest node with its node set is admitted', () => {
  expect(tryNode(evidence, makePolicy(), [release])).toMatchObject({ verdict: 'admit', codes: [] });
});

describe('A revocation', () => {
  const revoke = (what: object) => signStatement(keys.security, revocationStatement({ why: 'stolen', ...what }));

  test('that its signer signed long ago still revokes, however young attestations must be', () => {
    const policy = makePolicy({ maximumSignatureAgeDays: 1 });
    expect(tryNode(evidence, policy, [release, revoke({ versionId: '4757.1.0' })]).codes).toContain('revoked.version');
  });

  test('of a signer revokes when it comes signed, too', () => {
    expect(tryNode(evidence, makePolicy(), [release, revoke({ signer: 'release' })]).codes).toContain('revoked.signer');
  });

  test('of the node image refuses the node that runs it', () => {
    expect(tryNode(evidence, makePolicy(), [release, revoke({ sha256: imageSha256 })]).codes).toEqual([
      'revoked.member',
    ]);
  });

  test('of a node set takes its operating system along, where members are matched one by one', () => {
    const other = { ...identity, sysexts: [containerd] };
    const policy = makePolicy(
      {
        revocations: [{ identityDigest: `sha256:${identityHex(other)}`, why: 'hole' }],
        allow: { 'node-set': ['release'], member: { kubernetes: ['builds'] } },
      },
      { match: 'members', sysexts: { allowed: ['kubernetes', 'containerd-flatcar'] } },
    );
    const bundles = [
      signStatement(keys.release, nodeSetStatement(other)),
      signStatement(
        keys.builds,
        provenanceStatement([{ name: 'kubernetes.raw', digest: { sha256: kubernetes.sha256 } }]),
      ),
    ];
    expect(tryNode(evidence, policy, bundles).codes).toContain('revoked.identity');
    expect(tryNode(evidence, makePolicy({ allow: policy.policy.allow }, policy.policy.node), bundles).verdict).toBe(
      'admit',
    );
  });

  test('of a release refuses its image, though provenance speaks for it', () => {
    const bundles = [
      release,
      signStatement(keys.builds, provenanceStatement([{ name: 'node.bin', digest: { sha256: imageSha256 } }])),
    ];
    expect(tryArtifact(imageSha256, makePolicy(), bundles).verdict).toBe('admit');
    expect(tryArtifact(imageSha256, makePolicy(), [...bundles, revoke({ versionId: '4757.1.0' })]).codes).toContain(
      'revoked.version',
    );
  });

  test('by a stranger revokes nothing, and the verdict says that it was there', () => {
    const forged = signStatement(stranger, revocationStatement({ versionId: '4757.1.0', why: 'denial' }));
    const notAllowed = signStatement(keys.builds, revocationStatement({ versionId: '4757.1.0', why: 'denial' }));
    const outcome = tryNode(evidence, makePolicy(), [release, forged, notAllowed]);
    expect(outcome.verdict).toBe('admit');
    expect(outcome.ignored.map((finding) => finding.code)).toEqual(['signature.no-key', 'signer.key']);
  });

  test('by who may revoke that does not read stops everything', () => {
    const malformed = signStatement(keys.security, { ...revocationStatement(), predicate: { revokes: 'all' } });
    expect(faultOf(() => tryNode(evidence, makePolicy(), [release, malformed]))).toMatchObject({
      code: 'revocation.field',
      where: expect.stringContaining('bundle 2'),
    });
  });

  test('that names nothing is a mistake, not a rule', () => {
    expect(faultOf(() => makePolicy({ revocations: [{ why: 'typo' }] })).code).toBe('policy.field');
  });
});

describe('A second node set of the same identity', () => {
  const expired = signStatement(
    keys.release,
    nodeSetStatement(identity, { validity: { issuedAt: '2026-01-01T00:00:00Z', validUntil: '2026-02-01T00:00:00Z' } }),
  );
  const forControlPlane = signStatement(keys.release, nodeSetStatement(identity, { role: 'control-plane' }));

  test.for([
    ['that expired', expired],
    ['for another role', forControlPlane],
  ] as const)('%s hides the good one in neither way of matching', ([, other]) => {
    for (const node of [{}, { match: 'members', sysexts: { allowed: ['kubernetes', 'containerd-flatcar'] } }]) {
      const policy = makePolicy({}, { role: 'worker', ...node });
      expect(tryNode(evidence, policy, [other, release]).codes).toEqual([]);
      expect(tryNode(evidence, policy, [other]).verdict).toBe('refuse');
    }
  });
});

describe('Provenance that a node set pins', () => {
  const slsa = {
    builders: [{ id: 'https://ci.example/builder', level: 3, signers: ['builds'] }],
    minimumLevel: 3,
    buildTypes: ['https://ci.example/type/v1'],
  };
  const members = [imageSha256, ...identity.sysexts.map((member) => member.sha256)].map((hex) => ({
    digest: { sha256: hex },
  }));
  const pinning = (predicateType: string, statement: Parameters<typeof encodeStatement>[0]) =>
    signStatement(
      keys.release,
      nodeSetStatement(identity, {
        statements: [{ predicateType, subject: 'node.bin', sha256: sha256(encodeStatement(statement)) }],
      }),
    );

  test('counts where it is there', () => {
    const statement = provenanceStatement(members);
    const bundles = [pinning(statement.predicateType, statement), signStatement(keys.builds, statement)];
    expect(tryNode(evidence, makePolicy({ slsa }), bundles).codes).toEqual([]);
  });

  test('is not a statement of another kind, which names no builder', () => {
    const sbom = { predicateType: 'https://cyclonedx.org/bom', subject: members, predicate: {} };
    const bundles = [pinning('https://slsa.dev/provenance/v1', sbom), signStatement(keys.builds, sbom)];
    expect(tryNode(evidence, makePolicy({ slsa }), bundles).verdict).toBe('refuse');
  });

  test('is not the provenance of something else', () => {
    const statement = provenanceStatement([{ digest: { sha256: sha256('another release') } }]);
    const bundles = [pinning(statement.predicateType, statement), signStatement(keys.builds, statement)];
    expect(tryNode(evidence, makePolicy({ slsa }), bundles).verdict).toBe('refuse');
  });
});

describe('An SLSA level', () => {
  const slsa = {
    builders: [{ id: 'https://ci.example/builder', level: 3, signers: ['builds'] }],
    minimumLevel: 3,
    buildTypes: ['https://ci.example/type/v1'],
  };
  const about = [{ name: 'node.bin', digest: { sha256: imageSha256 } }];

  test('is wanted of an artifact that a node set names, too', () => {
    const poor = signStatement(keys.builds, provenanceStatement(about, 'https://nodeproof.dev/builder/local'));
    const good = signStatement(keys.builds, provenanceStatement(about));
    expect(tryArtifact(imageSha256, makePolicy({ slsa }), [release]).verdict).toBe('refuse');
    expect(tryArtifact(imageSha256, makePolicy({ slsa }), [release, poor]).codes).toContain('slsa.level');
    expect(tryArtifact(imageSha256, makePolicy({ slsa }), [release, poor, good]).verdict).toBe('admit');
  });

  test('is wanted of a node set that is asked for by its identity', () => {
    expect(tryArtifact(identityHex(identity), makePolicy({ slsa }), [release]).verdict).toBe('refuse');
    expect(tryArtifact(identityHex(identity), makePolicy({ require: { sbom: true } }), [release]).verdict).toBe(
      'refuse',
    );
  });
});

describe('A sysext that is attested on its own', () => {
  const policy = makePolicy(
    { allow: { 'node-set': ['release'], member: { kubernetes: ['builds'] } } },
    { match: 'members', sysexts: { allowed: ['kubernetes', 'containerd-flatcar'] } },
  );
  const set = signStatement(keys.release, nodeSetStatement({ ...identity, sysexts: [containerd] }));
  const attested = (subject: object) =>
    signStatement(keys.builds, provenanceStatement([{ digest: { sha256: kubernetes.sha256 }, ...subject }]));

  test.for([
    [{ name: 'kubernetes.raw' }, 'admit'],
    [{ name: 'kubernetes' }, 'admit'],
    [{ name: 'dist/kubernetes-v1.34.2-x86-64.raw' }, 'admit'],
    [{ name: 'x.raw', annotations: { name: 'kubernetes' } }, 'admit'],
    [{ name: 'kubernetes.raw', annotations: { name: 'debug-tools' } }, 'refuse'],
    [{ name: 'debug-tools.raw' }, 'refuse'],
    [{ name: 'kubernetes-debug.raw' }, 'refuse'],
    [{}, 'refuse'],
  ] as const)('under the name %j: %s', ([subject, verdict]) => {
    expect(tryNode(evidence, policy, [set, attested(subject)]).verdict).toBe(verdict);
  });

  test.for(['constructor', 'toString', '__proto__', 'hasOwnProperty'])(
    'and is called %s is one that nobody may sign',
    async (name) => {
      const sysexts = [...identity.sysexts, { name, sha256: sha256(name), rootHash: null }].sort((a, b) =>
        a.name < b.name ? -1 : 1,
      );
      const named = {
        ...evidence,
        sysexts: {
          ...evidence.sysexts,
          merged: { ...evidence.sysexts.merged, value: [...(evidence.sysexts.merged.value ?? []), name] },
          found: [
            ...evidence.sysexts.found,
            {
              ...evidence.sysexts.found[0]!,
              name,
              path: `/etc/extensions/${name}.raw`,
              sha256: { ...evidence.sysexts.found[0]!.sha256, value: sha256(name) },
            },
          ],
        },
      };
      expect(sysexts.length).toBe(3);
      expect(tryNode(named, policy, [release]).codes).toContain('sysext.unattested');
    },
  );
});

describe('State', () => {
  test.for(['constructor', 'toString', 'valueOf'])('remembers a trust pack called %s', (name) => {
    const state = advanceState(emptyState, { policy: { name, version: 3 }, pack: { name, version: 7 }, times: [] });
    expect(parseState(Buffer.from(JSON.stringify(state)))).toMatchObject({
      packVersions: { [name]: 7 },
      policyVersions: { [name]: 3 },
    });
  });
});

describe('A policy file', () => {
  const refusal = (text: string) => faultOf(() => parsePolicy(Buffer.from(text)));

  test.for(['name: a\nname: b', '1: a\n"1": b', 'null: a\n~: b', 'a: { b: 1, b: 2 }', '? [a]\n: b'])(
    'with a key that can be read two ways is refused with its place: %j',
    (text) => {
      expect(refusal(text)).toMatchObject({
        code: 'policy.yaml',
        where: expect.stringMatching(/^line \d+, column \d+$/),
      });
    },
  );

  test.for(['2026-02-30T00:00:00Z', '2026-06-31T00:00:00Z', '2026-02-01T24:00:00Z'])(
    'that names the time %s, which there is not, is refused',
    (issuedAt) => {
      expect(faultOf(() => makePolicy({ issuedAt })).code).toBe('policy.field');
    },
  );

  test('of as many keys as fit in it is refused in time', { timeout: 20_000 }, () => {
    const keysOfMine = Array.from({ length: 30_000 }, (_, at) => `a${at}: 1`).join('\n');
    expect(refusal(keysOfMine).code).toBe('policy.field');
  });
});
