import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault, type Json } from '../../pipeline/core/index.ts';
import {
  encodeTrustPack,
  openAnchors,
  parseTrustedRootCandidate,
  parseTrustPack,
  publicGoodRoot,
  publicGoodSource,
  type TrustPackContent,
  trustSchema,
} from '../../pipeline/trust/index.ts';
import { verifyStatement } from '../../pipeline/verify/index.ts';
import { type Bent, faultOf, loadVector, read } from '../verify/vectors.ts';

const parse = (path: string): Json => JSON.parse(read(path).toString()) as Json;
const content: TrustPackContent = {
  name: 'demo',
  version: 3,
  issuedAt: '2026-01-15T12:00:00Z',
  expiresAt: null,
  trustedRoots: [parse('roots/rekor-v1.json')],
  publicKeys: [read('keys/p256.pem').toString()],
  bundles: [parse('keyless-rekor-v1/bundle.sigstore.json'), parse('key-p256/bundle.sigstore.json')],
  revocations: [],
};
const issuer = 'https://token.actions.githubusercontent.com';

function pack(changes: object): Buffer {
  const json: Bent = JSON.parse(encodeTrustPack(content).toString());
  return Buffer.from(JSON.stringify({ ...json, ...changes }));
}

describe('a trust pack', () => {
  test('carries what an offline verification needs, and pins decide what of it counts', () => {
    const carried = parseTrustPack(encodeTrustPack(content));
    expect(carried).toMatchObject({ name: 'demo', version: 3, issuedAt: content.issuedAt, expiresAt: null });
    const pins = trustSchema.parse({
      roots: [{ name: 'loopback', sha256: carried.trustedRoots[0]!.sha256, issuers: [issuer] }],
      keys: [{ name: 'release', spkiSha256: carried.publicKeys[0]!.spkiSha256, validUntil: '2027-01-01T00:00:00Z' }],
    });
    const { anchors, missing } = openAnchors(pins, carried);
    expect(missing).toEqual([]);
    expect(carried.bundles.map((bundle) => verifyStatement(bundle, anchors).signer.kind)).toEqual([
      'certificate',
      'key',
    ]);
  });

  test('of a stranger changes nothing: what is not pinned is not opened', () => {
    const pins = trustSchema.parse({
      roots: [{ name: 'mine', sha256: 'a'.repeat(64), issuers: [issuer] }],
      keys: [{ name: 'release', spkiSha256: 'b'.repeat(64), validUntil: '2027-01-01T00:00:00Z' }],
    });
    const { anchors, missing } = openAnchors(pins, parseTrustPack(encodeTrustPack(content)));
    expect(anchors).toEqual({ roots: [], keys: [] });
    expect(missing).toEqual([expect.stringContaining('mine'), expect.stringContaining('release')]);
  });

  test('has the same bytes for the same content', () => {
    expect(encodeTrustPack(content)).toEqual(encodeTrustPack({ ...content }));
  });

  test.each<[string, string, Buffer]>([
    ['of another media type', 'trust-pack.field', pack({ mediaType: 'application/json' })],
    ['of version 0', 'trust-pack.field', pack({ version: 0 })],
    ['with a part that we do not know', 'trust-pack.field', pack({ policy: {} })],
    ['without its date', 'trust-pack.field', pack({ issuedAt: undefined })],
    [
      'with a private key',
      'trust-pack.key',
      pack({ publicKeys: ['-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'] }),
    ],
    ['with a bundle that is a text', 'trust-pack.field', pack({ bundles: ['x'] })],
    ['with a key that stands twice', 'json.duplicate-key', Buffer.from('{"version":1,"version":2}')],
    ['of no JSON', 'json.syntax', Buffer.from('pack')],
    ['with too many bundles', 'trust-pack.field', pack({ bundles: Array.from({ length: 4097 }, () => ({})) })],
    ['larger than 64 MiB', 'limit.json', Buffer.alloc(64 * 1024 * 1024 + 1, ' ')],
  ])('%s is refused with %s', (_, code, bytes) => {
    expect(faultOf(() => parseTrustPack(bytes)).code).toBe(code);
  });

  test('of any bytes is a pack or a fault', () => {
    const survives = (bytes: Uint8Array) => {
      try {
        parseTrustPack(bytes);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
      }
    };
    const whole = encodeTrustPack(content);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), survives));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const changed = Buffer.from(whole);
        changed[at] = byte;
        survives(changed);
      }),
    );
  });
});

describe('a trusted root', () => {
  const bytes = read('roots/rekor-v1.json');
  const { sha256 } = parseTrustedRootCandidate(bytes);
  const open = (json: Bent) => {
    const candidate = parseTrustedRootCandidate(Buffer.from(JSON.stringify(json)));
    const pins = trustSchema.parse({ roots: [{ name: 'r', sha256: candidate.sha256, issuers: [issuer] }] });
    return openAnchors(pins, { trustedRoots: [candidate], publicKeys: [] });
  };

  test('is pinned by its content: space and the order of members do not count', () => {
    const json = parse('roots/rekor-v1.json') as Record<string, Json>;
    const turned = Object.fromEntries(Object.entries(json).toReversed());
    expect(parseTrustedRootCandidate(Buffer.from(JSON.stringify(turned))).sha256).toBe(sha256);
    const changed = Buffer.from(bytes.toString().replace('loopback', 'lookback'));
    expect(parseTrustedRootCandidate(changed).sha256).not.toBe(sha256);
  });

  test.each<[string, (json: Bent) => void]>([
    ['an unknown field', (json) => (json.note = 'x')],
    ['an unknown field of a log', (json) => (json.tlogs[0].note = 'x')],
    ['another media type', (json) => (json.mediaType = 'application/json')],
    ['a log without key', (json) => delete json.tlogs[0].publicKey],
    ['a log key of another kind', (json) => (json.tlogs[0].publicKey.keyDetails = 'ML_DSA_44')],
    ['a chain without certificates', (json) => (json.certificateAuthorities[0].certChain.certificates = [])],
    [
      'an authority that ends before it starts',
      (json) => (json.certificateAuthorities[0].validFor.end = '2000-01-01T00:00:00Z'),
    ],
  ])('with %s is refused, though it is pinned', (_, change) => {
    const json = parse('roots/rekor-v1.json') as Bent;
    change(json);
    expect(faultOf(() => open(json)).code).toBe('trusted-root.field');
  });

  test('with a certificate that is none is refused when it is used', () => {
    const json = parse('roots/rekor-v1.json') as Bent;
    json.certificateAuthorities[0].certChain.certificates[0].rawBytes = 'AAAA';
    const { anchors } = open(json);
    const { bundle } = loadVector('keyless-rekor-v1');
    expect(faultOf(() => verifyStatement(bundle, anchors)).code).toBe('trusted-root.field');
  });

  test('of the public-good instance opens by its name, from a named package', () => {
    const pins = trustSchema.parse({ roots: [{ name: 'public', builtin: 'public-good', issuers: [issuer] }] });
    const { anchors, missing } = openAnchors(pins, { trustedRoots: [], publicKeys: [] });
    expect(missing).toEqual([]);
    expect(anchors.roots[0]).toMatchObject({ name: 'public', sha256: publicGoodRoot().sha256 });
    expect(anchors.roots[0]?.document.tlogs.map((log) => log.baseUrl)).toContain('https://rekor.sigstore.dev');
    expect(publicGoodSource).toBe('@sigstore/tuf 5.0.1');
  });
});
