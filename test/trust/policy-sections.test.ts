import { describe, expect, test } from 'vitest';
import { checkSignerReferences, type Trust, trustSchema, signerRuleSchema } from '../../pipeline/trust/index.ts';
import { faultOf, github, githubRule } from '../verify/vectors.ts';

const issuer = 'https://token.actions.githubusercontent.com';
const workflow = 'https://github.com/acme/node-images/.github/workflows/release.yml@refs/tags/v1';
const root = { name: 'public', builtin: 'public-good', issuers: [issuer] };
const pinned = { name: 'private', sha256: 'a'.repeat(64), issuers: ['https://issuer.acme.example'] };
const key = { name: 'release', spkiSha256: 'b'.repeat(64), validUntil: '2027-01-01T00:00:00Z' };

function problemsOf(
  schema: { safeParse(value: unknown): { error?: { issues: { message: string }[] } } },
  value: unknown,
) {
  return schema.safeParse(value).error?.issues.map((issue) => issue.message) ?? [];
}

describe('the anchors', () => {
  test('pin roots by digest or by name, and keys with an end', () => {
    expect(trustSchema.parse({ roots: [root, pinned], keys: [key] })).toEqual({
      roots: [
        { ...root, thresholds: { tlog: 1, sct: 1, timestamps: 1 } },
        { ...pinned, thresholds: { tlog: 1, sct: 1, timestamps: 1 } },
      ],
      keys: [{ ...key, validFrom: null }],
    });
  });

  test.each<[string, unknown]>([
    ['nothing', {}],
    ['empty lists', { roots: [], keys: [] }],
    ['a root with digest and name', { roots: [{ ...root, sha256: 'a'.repeat(64) }] }],
    ['a root with neither', { roots: [{ name: 'r', issuers: [issuer] }] }],
    ['a root for no issuer', { roots: [{ ...root, issuers: [] }] }],
    ['a root for any issuer', { roots: [{ ...root, issuers: ['https://*'] }] }],
    ['a root for an issuer without TLS', { roots: [{ ...root, issuers: ['http://issuer.example'] }] }],
    ['a root without a time source', { roots: [{ ...root, thresholds: { tlog: 1, sct: 1, timestamps: 0 } }] }],
    ['a negative threshold', { roots: [{ ...root, thresholds: { tlog: -1, sct: 1, timestamps: 1 } }] }],
    ['a threshold that leaves one out', { roots: [{ ...root, thresholds: { tlog: 1, timestamps: 1 } }] }],
    ['two roots of one name', { roots: [root, { ...pinned, name: 'public' }] }],
    ['a digest in capitals', { roots: [{ ...pinned, sha256: 'A'.repeat(64) }] }],
    ['a key without end', { keys: [{ ...key, validUntil: undefined }] }],
    ['a key that ends before it starts', { keys: [{ ...key, validFrom: '2028-01-01T00:00:00Z' }] }],
    ['one key under two names', { keys: [key, { ...key, name: 'again' }] }],
    ['an unknown field', { keys: [{ ...key, note: 'x' }] }],
  ])('are refused with %s', (_, value) => {
    expect(problemsOf(trustSchema, value)).not.toEqual([]);
  });
});

describe('a signer rule', () => {
  test('for GitHub compares triggers and runner by default, and takes ids as numbers or text', () => {
    expect(githubRule()).toMatchObject({
      kind: 'github',
      github: {
        repository: { id: '700700700' },
        owner: { id: '40404040' },
        triggers: ['push', 'release', 'workflow_dispatch'],
        runnerEnvironment: 'github-hosted',
        server: 'https://github.com',
        issuer,
      },
    });
  });

  const rule = (changes: object) => ({ name: 'r', root: 'public', github: { ...github, ...changes } });
  test.each<[string, unknown]>([
    ['no ids', rule({ repository: { name: 'acme/node-images' }, owner: { name: 'acme' } })],
    ['no repository id', rule({ repository: { name: 'acme/node-images' } })],
    ['no owner id', rule({ owner: { name: 'acme' } })],
    ['ids left out and nameOnlyUnsafe false', rule({ owner: { name: 'acme' }, nameOnlyUnsafe: false })],
    ['an owner that is not the repository’s', rule({ owner: { name: 'mallory', id: 1 } })],
    ['a builder of any repository', rule({ builder: 'https://github.com/acme/*/.github/workflows/release.yml@*' })],
    ['a builder anywhere', rule({ builder: '**' })],
    ['a builder whose repository ends in a star', rule({ builder: 'https://github.com/acme/node*/release.yml@v1' })],
    ['a caller of any owner', rule({ caller: 'https://github.com/*/node-images/.github/workflows/r.yml@v1' })],
    ['no caller', rule({ caller: undefined })],
    ['no ref', rule({ ref: undefined })],
    ['an empty ref', rule({ ref: '' })],
    ['a glob of three stars', rule({ ref: 'refs/***' })],
    ['no trigger', rule({ triggers: [] })],
    ['a trigger of any kind', rule({ triggers: ['*'] })],
    ['another runner', rule({ runnerEnvironment: 'any' })],
    ['an unknown field', rule({ branch: 'main' })],
    ['no root', { name: 'r', github }],
    ['nothing', { name: 'r', root: 'public' }],
    ['a key and a root', { name: 'r', root: 'public', key: 'release' }],
    ['a key and a certificate', { name: 'r', root: 'public', key: 'release', certificate: { issuer, identity: 'x' } }],
    ['the name of a workflow alone', { name: 'r', root: 'public', certificate: { issuer, identity: workflow } }],
    [
      'the name of a workflow of another server alone',
      {
        name: 'r',
        root: 'public',
        certificate: { issuer: 'https://ghe.acme.example/_services/token', identity: workflow },
      },
    ],
    ['a person whom GitHub Actions names', { name: 'r', root: 'public', certificate: { issuer, identity: 'a@b.c' } }],
    ['a path that reaches into the ref', rule({ builder: 'https://github.com/acme/node-images/**@refs/tags/v*' })],
    ['an identity with a star', { name: 'r', root: 'public', certificate: { issuer, identity: 'https://*' } }],
    ['an empty identity', { name: 'r', root: 'public', certificate: { issuer, identity: '' } }],
  ])('is refused with %s', (_, value) => {
    expect(problemsOf(signerRuleSchema, value)).not.toEqual([]);
  });

  const trust: Trust = trustSchema.parse({ roots: [root, pinned], keys: [key] });
  const signer = (value: object) => signerRuleSchema.parse({ name: 'r', ...value });
  test.each<[string, object]>([
    ['a root that is not pinned', { root: 'other', github }],
    ['a key that is not pinned', { key: 'other' }],
    ['an issuer that its root may not vouch for', { root: 'private', github }],
  ])('is refused for naming %s', (_, value) => {
    expect(faultOf(() => checkSignerReferences(trust, [signer(value)]))).toMatchObject({
      code: 'policy.signer',
      where: 'signers, r',
      next: expect.any(String),
    });
  });

  test('may not share its name', () => {
    const rules = [signer({ root: 'public', github }), signer({ key: 'release' })];
    expect(faultOf(() => checkSignerReferences(trust, rules)).code).toBe('policy.signer');
    expect(() => checkSignerReferences(trust, rules.slice(0, 1))).not.toThrow();
  });
});
