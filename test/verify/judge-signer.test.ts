import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Digest } from '../../pipeline/core/index.ts';
import { type SignerRule, signerRuleSchema, trustFindingCodes } from '../../pipeline/trust/index.ts';
import {
  verifyFaultCodes,
  verifyFindingCodes,
  judgePredicateType,
  judgeSigner,
  judgeSubject,
  verifyStatement,
} from '../../pipeline/verify/index.ts';
import { github, githubRule, loadVector } from './vectors.ts';

const now = '2026-06-01T00:00:00Z';

function signerOf(name: string) {
  const { bundle, anchors } = loadVector(name);
  return verifyStatement(bundle, anchors).signer;
}

function codes(rule: SignerRule, name: string, context: object = {}): readonly string[] {
  return judgeSigner(rule, signerOf(name), { now, ...context }).map((finding) => finding.code);
}

describe('a GitHub rule', () => {
  test.each<[string, object]>([
    ['signer.repository', { repository: { name: 'acme/other', id: '700700700' } }],
    ['signer.repository-id', { repository: { ...github.repository, id: '1' } }],
    ['signer.owner-id', { owner: { ...github.owner, id: 1 } }],
    ['signer.builder', { builder: github.builder.replace('release', 'test') }],
    ['signer.builder', { builder: 'https://github.com/acme/node-images/.github/workflows/release.yml@refs/heads/*' }],
    ['signer.caller', { caller: github.caller.replace('release', 'test') }],
    ['signer.ref', { ref: 'refs/tags/w*' }],
    ['signer.ref', { ref: 'refs/tags/v4593.2' }],
    ['signer.trigger', { triggers: ['release'] }],
    ['signer.runner-environment', { runnerEnvironment: 'self-hosted' }],
    ['signer.environment', { environment: 'release' }],
    ['signer.issuer', { issuer: 'https://token.actions.ghe.example' }],
  ])('refuses with %s alone where only %j differs', (code, changes) => {
    expect(codes(githubRule(changes), 'keyless-rekor-v1')).toEqual([code]);
  });

  test('compares the environment where it names one', () => {
    expect(codes(githubRule({ environment: 'release' }), 'keyless-environment')).toEqual([]);
    expect(codes(githubRule({ environment: 'staging' }), 'keyless-environment')).toEqual(['signer.environment']);
    expect(codes(githubRule(), 'keyless-environment')).toEqual([]);
  });

  test('names the root that must vouch', () => {
    expect(codes(githubRule({}, 'rekor-v2'), 'keyless-rekor-v1')).toEqual(['signer.root']);
  });

  test('on another server matches nothing of github.com', () => {
    const changes = { server: 'https://ghe.acme.example' };
    expect(codes(githubRule(changes), 'keyless-rekor-v1')).toEqual(['signer.repository', 'signer.owner']);
  });

  test('with names only compares names only', () => {
    const changes = { repository: { name: 'acme/node-images' }, owner: { name: 'acme' }, nameOnlyUnsafe: true };
    expect(codes(githubRule(changes), 'name-taken-over_fail')).toEqual([]);
  });

  test('wants the commit of the provenance to be the certificate’s', () => {
    const commit = '3f1c0a9be2d84c57a6b1f0e9d8c7b6a594837261';
    expect(codes(githubRule(), 'keyless-rekor-v1', { provenanceCommits: [commit] })).toEqual([]);
    expect(codes(githubRule(), 'keyless-rekor-v1', { provenanceCommits: ['0'.repeat(40)] })).toEqual(['signer.commit']);
    expect(codes(githubRule(), 'keyless-rekor-v1', { provenanceCommits: [] })).toEqual(['signer.commit']);
  });

  test('refuses a key', () => {
    expect(codes(githubRule(), 'key-p256')).toEqual(['signer.kind']);
  });

  test('says what it found, what it wants, and what to do', () => {
    const [finding] = judgeSigner(githubRule({ ref: 'refs/tags/w*' }), signerOf('keyless-rekor-v1'), { now });
    expect(finding).toEqual({
      code: 'signer.ref',
      reason: 'untrusted',
      message: 'Cannot accept the attestation: built from another branch or tag',
      field: 'ref',
      actual: 'refs/tags/v4593.2.5',
      expected: 'refs/tags/w*',
      grade: null,
      next: expect.any(String),
    });
  });
});

describe('a certificate rule', () => {
  const identity = 'https://github.com/acme/node-images/.github/workflows/release.yml@refs/tags/v4593.2.5';
  const issuer = 'https://token.actions.githubusercontent.com';
  const rule = (certificate: object) =>
    signerRuleSchema.parse({ name: 'r', root: 'rekor-v1', certificate: { ...certificate, nameOnlyUnsafe: true } });

  test('accepts this issuer and identity', () => {
    expect(codes(rule({ issuer, identity }), 'keyless-rekor-v1')).toEqual([]);
  });

  test('refuses any other', () => {
    expect(codes(rule({ issuer: `${issuer}.evil`, identity }), 'keyless-rekor-v1')).toEqual(['signer.issuer']);
    expect(codes(rule({ issuer, identity: identity.slice(0, -1) }), 'keyless-rekor-v1')).toEqual(['signer.identity']);
    expect(codes(rule({ issuer, identity }), 'key-p256')).toEqual(['signer.kind']);
  });
});

describe('a key rule', () => {
  const rule = (key: string) => signerRuleSchema.parse({ name: 'r', key });

  test('accepts the key that it names, while it is valid', () => {
    expect(codes(rule('p256'), 'key-p256')).toEqual([]);
    expect(codes(rule('other'), 'key-p256')).toEqual(['signer.key']);
    expect(codes(rule('p256'), 'keyless-rekor-v1')).toEqual(['signer.kind']);
  });

  test('without a timestamp ends with the key', () => {
    expect(codes(rule('p256'), 'key-p256', { now: '2027-01-01T00:00:00Z' })).toEqual([]);
    expect(codes(rule('p256'), 'key-p256', { now: '2027-01-01T00:00:01Z' })).toEqual(['signer.key-expired']);
    expect(codes(rule('p256'), 'key-p256', { now: '2025-12-31T00:00:00Z' })).toEqual(['signer.key-not-yet-valid']);
    expect(codes(rule('p256'), 'key-p256', { now: 'never' })).toEqual(['signer.key-expired']);
  });

  test('with a timestamp outlives the key', () => {
    expect(codes(rule('p256'), 'key-rekor-v2-timestamp', { now: '2030-01-01T00:00:00Z' })).toEqual([]);
  });

  test('with a timestamp after the key’s end is refused', () => {
    const { bundle, anchors } = loadVector('key-rekor-v2-timestamp');
    const keys = anchors.keys.map((key) => ({ ...key, validUntil: '2026-01-15T11:59:59Z' }));
    const { signer } = verifyStatement(bundle, { roots: anchors.roots, keys });
    expect(judgeSigner(rule('p256'), signer, { now: '2026-01-01T00:00:00Z' })).toMatchObject([
      { code: 'signer.key-expired', actual: '2026-01-15T12:00:00.000Z', expected: 'until 2026-01-15T11:59:59Z' },
    ]);
  });
});

describe('a statement', () => {
  const { bundle, anchors } = loadVector('keyless-rekor-v1');
  const { statement } = verifyStatement(bundle, anchors);

  test('says what its predicate type says, and nothing alike', () => {
    const type = 'https://nodeproof.dev/attestation/node-set/v1';
    expect(judgePredicateType(statement, type)).toEqual([]);
    for (const other of [`${type}0`, type.slice(0, -1), 'https://slsa.dev/provenance/v1', '']) {
      expect(judgePredicateType(statement, other)).toMatchObject([{ code: 'statement.predicate-type' }]);
    }
  });

  test('is about its subjects’ digests, by each algorithm', () => {
    expect(judgeSubject(statement, Digest.fromHex('sha256', 'ab'.repeat(32)))).toEqual([]);
    expect(judgeSubject(statement, Digest.fromHex('sha256', '12'.repeat(32)))).toEqual([]);
    expect(judgeSubject(statement, Digest.fromHex('sha512', 'cd'.repeat(64)))).toEqual([]);
    expect(judgeSubject(statement, Digest.fromHex('sha512', 'ab'.repeat(64)))).toMatchObject([
      { code: 'statement.subject', expected: `sha512:${'ab'.repeat(64)}` },
    ]);
  });
});

test('every code has a meaning of one sentence', () => {
  for (const [code, meaning] of Object.entries({ ...verifyFindingCodes, ...verifyFaultCodes, ...trustFindingCodes })) {
    expect(code).toMatch(/^[a-z0-9-]+\.[a-z0-9-]+$/);
    expect(meaning).toMatch(/^\S[^\n.]*(?:X\.509[^\n.]*)?$/);
  }
});

test('every code that the sources throw is in a table', () => {
  const known = Object.keys({ ...verifyFindingCodes, ...verifyFaultCodes, ...trustFindingCodes });
  const folders = [
    'verify',
    'trust',
    'formats/json',
    'formats/dsse',
    'formats/statement',
    'formats/slsa',
    'formats/reference',
    'formats/sigstore-bundle',
  ];
  const thrown = folders.flatMap((folder) => {
    const path = join(import.meta.dirname, '../../pipeline', folder);
    return readdirSync(path).flatMap((file) =>
      [
        ...readFileSync(join(path, file), 'utf8').matchAll(
          /(?:Fault|refusal|parseWith)\([^;]*?'([a-z0-9-]+\.[a-z0-9-]+)'/g,
        ),
      ].map((match) => match[1]),
    );
  });
  expect(thrown.length).toBeGreaterThan(30);
  expect(thrown.filter((code) => !known.includes(code!))).toEqual([]);
});
