import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../pipeline/core/index.ts';
import {
  bindIdentity,
  buildIdentity,
  buildIdentitySubject,
  compareIdentities,
  encodeIdentity,
  flatcarCommandLine,
  identityDigest,
  type NodeSet,
  parseIdentity,
} from '../../pipeline/release/index.ts';

const sha = (digit: string) => digit.repeat(64);
const os = {
  id: 'flatcar',
  versionId: '4593.2.5',
  buildId: '2026-08-11-2350',
  architecture: 'x86-64',
  usrHash: sha('2'),
};
const kubernetes = { name: 'kubernetes', sha256: sha('a'), rootHash: null };
const containerd = { name: 'containerd-flatcar', sha256: sha('b'), rootHash: sha('c') };
const identity = buildIdentity({ os, sysexts: [kubernetes, containerd], confexts: [] });

describe('a node identity', () => {
  it('has the canonical form of RFC 8785, members sorted by name', () => {
    expect(new TextDecoder().decode(encodeIdentity(identity))).toBe(
      `{"confexts":[],"os":{"architecture":"x86-64","buildId":"2026-08-11-2350","id":"flatcar","usrHash":"${sha('2')}","versionId":"4593.2.5"},"sysexts":[{"name":"containerd-flatcar","rootHash":"${sha('c')}","sha256":"${sha('b')}"},{"name":"kubernetes","rootHash":null,"sha256":"${sha('a')}"}],"type":"https://nodeproof.dev/identity/v1"}`,
    );
  });

  it('has one digest whatever order its members come in', () => {
    expect(identityDigest(buildIdentity({ os, sysexts: [containerd, kubernetes], confexts: [] }))).toEqual(
      identityDigest(identity),
    );
  });

  it('refuses two members of one name', () => {
    expect(() =>
      buildIdentity({ os, sysexts: [kubernetes, { ...kubernetes, sha256: sha('d') }], confexts: [] }),
    ).toThrow(/two members are named/);
  });

  it.each([
    ['members out of order', { ...identity, sysexts: [kubernetes, containerd] }],
    ['an unknown field', { ...identity, extra: true }],
    ['a name with a slash', { ...identity, sysexts: [{ ...kubernetes, name: 'a/b' }] }],
    ['a name with a line break', { ...identity, sysexts: [{ ...kubernetes, name: 'a\nb' }] }],
    ['a short digest', { ...identity, sysexts: [{ ...kubernetes, sha256: 'aa' }] }],
    ['an upper-case digest', { ...identity, sysexts: [{ ...kubernetes, sha256: sha('A') }] }],
    ['a missing usr hash, which must be null', { ...identity, os: { ...os, usrHash: undefined } }],
  ])('with %s is refused, not repaired', (_, value) => {
    expect(() => parseIdentity(value)).toThrow(Fault);
  });

  it('of any JSON is an identity or a Fault', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          parseIdentity(value);
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }),
    );
  });
});

describe('two identities', () => {
  it('that are equal differ in nothing', () => {
    expect(compareIdentities(identity, identity)).toEqual([]);
  });

  it('are told apart field by field', () => {
    const other = buildIdentity({
      os: { ...os, usrHash: null },
      sysexts: [
        { ...kubernetes, sha256: sha('e') },
        { name: 'docker-flatcar', sha256: sha('f'), rootHash: null },
      ],
      confexts: [],
    });
    expect(compareIdentities(other, identity).map(({ field, actual, expected }) => [field, actual, expected])).toEqual([
      ['os.usrHash', null, sha('2')],
      ['sysexts.containerd-flatcar', null, `sha256 ${sha('b')}`],
      ['sysexts.docker-flatcar', `sha256 ${sha('f')}`, null],
      ['sysexts.kubernetes.sha256', sha('e'), sha('a')],
    ]);
  });
});

describe('a node set', () => {
  const nodeSet: NodeSet = {
    name: 'demo',
    role: null,
    identity,
    reference: { usrVerity: null, kernel: null, commandLine: flatcarCommandLine },
    validity: { issuedAt: '2026-11-01T00:00:00Z', validUntil: null },
    statements: [],
  };
  const subject = buildIdentitySubject(identity);

  it('is bound to the digest of the identity in its predicate', () => {
    expect(bindIdentity(nodeSet, [subject, { digest: { sha256: sha('a') }, annotations: { role: 'sysext' } }])).toEqual(
      identityDigest(identity),
    );
  });

  it('does not count for a file that merely has the wanted digest', () => {
    expect(() => bindIdentity(nodeSet, [{ digest: subject.digest, annotations: { role: 'sysext' } }])).toThrow(
      /0 subjects of role identity/,
    );
  });

  it('does not count when its subject names another identity than its predicate', () => {
    expect(() => bindIdentity(nodeSet, [{ ...subject, digest: { sha256: sha('9') } }])).toThrow(/its predicate makes/);
  });

  it('does not count with two subjects of role identity', () => {
    expect(() => bindIdentity(nodeSet, [subject, subject])).toThrow(/2 subjects of role identity/);
  });
});
