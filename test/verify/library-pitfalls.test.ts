import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Digest } from '../../pipeline/core/index.ts';
import { encodePreAuthentication } from '../../pipeline/formats/dsse/index.ts';
import { parseTrustedRootCandidate, trustSchema, openAnchors, parsePublicKey } from '../../pipeline/trust/index.ts';
import { verifyBundle, verifyStatement } from '../../pipeline/verify/index.ts';
import { anchorsOf, type Bent, type BundleJson, faultOf, loadVector, parseJsonOf, read } from './vectors.ts';

/** Where @sigstore/verify is lax or throws what it should not: each is closed by us, and stays closed. */

const builder = 'https://github.com/acme/node-images/.github/workflows/release.yml@refs/tags/v4593.2.5';
const issuer = 'https://token.actions.githubusercontent.com';
const identity = { issuer, subjectAlternativeName: builder };
const subject = Digest.fromHex('sha256', 'ab'.repeat(32));
const other = Digest.fromHex('sha256', '00'.repeat(32));
const keyless = loadVector('keyless-rekor-v1');
const stamped = loadVector('keyless-rekor-v2-timestamp');
const keyed = loadVector('key-p256');

function changed(bundle: Buffer, change: (json: BundleJson) => void): Buffer {
  const json = parseJsonOf(bundle);
  change(json);
  return Buffer.from(JSON.stringify(json));
}

function codeOf(bundle: Buffer, anchors = keyless.anchors): string {
  return faultOf(() => verifyStatement(bundle, anchors)).code;
}

describe('1: an artifact is bound to a statement by its digest', () => {
  test('that a subject names', () => {
    const { bundle, anchors } = keyless;
    expect(verifyBundle(bundle, anchors, { identity, artifactDigest: subject }).artifactDigest).toEqual(subject);
    const fault = faultOf(() => verifyBundle(bundle, anchors, { identity, artifactDigest: other }));
    expect(fault.code).toBe('statement.subject');
  });

  test('which is computed where the artifact itself is given', () => {
    const { bundle, anchors } = keyless;
    const artifact = [Buffer.from('not '), Buffer.from('the image')];
    const fault = faultOf(() => verifyBundle(bundle, anchors, { identity, artifact }));
    expect(fault.code).toBe('statement.subject');
  });
});

describe('2: a signer is compared whole', () => {
  test.each([
    'https://github.com/acme/node-images',
    builder.slice(0, -1),
    `${builder}0`,
    '.*',
    `^${builder}$`,
    builder.toUpperCase(),
  ])('with %s', (subjectAlternativeName) => {
    const { bundle, anchors } = keyless;
    const expectation = { identity: { issuer, subjectAlternativeName }, artifactDigest: subject };
    expect(faultOf(() => verifyBundle(bundle, anchors, expectation)).code).toBe('signature.identity');
  });

  test('and where it is a key, with its end date', () => {
    const { bundle, anchors } = keyed;
    const verifyAt = (...at: readonly [] | readonly [string]) => {
      const now = at.length === 0 ? {} : { now: new Date(at[0]) };
      return verifyBundle(bundle, anchors, { key: 'p256', artifactDigest: subject, ...now });
    };
    expect(verifyAt('2026-06-01T00:00:00Z').artifactDigest).toEqual(subject);
    expect(faultOf(() => verifyAt('2027-01-01T00:00:01Z')).code).toBe('signature.key-time');
    expect(faultOf(() => verifyAt('2025-01-01T00:00:01Z')).code).toBe('signature.key-time');
    expect(faultOf(() => verifyAt('soon')).code).toBe('signature.key-time');
    expect(faultOf(() => verifyAt()).code).toBe('usage.expectation');
    const timed = loadVector('key-rekor-v2-timestamp');
    expect(verifyBundle(timed.bundle, timed.anchors, { key: 'p256', artifactDigest: subject }).signer.kind).toBe('key');
  });

  test('and its issuer too', () => {
    const { bundle, anchors } = keyless;
    const wanted = { issuer: `${issuer}.evil.example`, subjectAlternativeName: builder };
    const fault = faultOf(() => verifyBundle(bundle, anchors, { identity: wanted, artifactDigest: subject }));
    expect(fault.code).toBe('signature.identity');
  });

  test.each([
    {},
    { identity: { issuer: '', subjectAlternativeName: '' } },
    { identity: { issuer, subjectAlternativeName: '' } },
    { identity: {} },
    { key: '' },
    { identity, key: 'p256' },
  ])('and expecting nobody in particular is refused: %j', (expectation) => {
    const wanted = { ...expectation, artifactDigest: subject } as never;
    expect(faultOf(() => verifyBundle(keyless.bundle, keyless.anchors, wanted)).code).toBe('usage.expectation');
  });

  test('and expecting nothing in particular is refused', () => {
    const wanted = { identity } as never;
    expect(faultOf(() => verifyBundle(keyless.bundle, keyless.anchors, wanted)).code).toBe('usage.expectation');
  });
});

test('3: the certificate’s extensions are decoded, not compared as DER', () => {
  const { signer } = verifyStatement(keyless.bundle, keyless.anchors);
  expect(signer).toMatchObject({
    issuer,
    github: {
      buildSignerUri: builder,
      sourceRepositoryUri: 'https://github.com/acme/node-images',
      sourceRepositoryId: '700700700',
      sourceRepositoryOwnerId: '40404040',
      sourceRepositoryRef: 'refs/tags/v4593.2.5',
      buildTrigger: 'push',
      runnerEnvironment: 'github-hosted',
      deploymentEnvironment: null,
    },
  });
});

describe('4: whatever the library throws is a refusal', () => {
  test('a certificate without any time is refused, whatever the thresholds', () => {
    const bare = changed(keyless.bundle, (json) => delete json.verificationMaterial.tlogEntries);
    expect(codeOf(bare)).toBe('bundle.timestamp');
    const lax = { tlog: 0, sct: 0, timestamps: 0 };
    expect(() => anchorsOf([{ name: 'rekor-v1', issuers: [issuer], thresholds: lax }])).toThrow();
  });

  test.each([
    ['certificate', (json: BundleJson) => (json.verificationMaterial.certificate!.rawBytes = 'AAAA')],
    ['log entry', (json: BundleJson) => (json.verificationMaterial.tlogEntries![0]!.canonicalizedBody = 'AAAA')],
    ['signature', (json: BundleJson) => (json.dsseEnvelope.signatures[0]!.sig = 'AAAA')],
    [
      'timestamp',
      (json: BundleJson) =>
        (json.verificationMaterial.timestampVerificationData = { rfc3161Timestamps: [{ signedTimestamp: 'MAA=' }] }),
    ],
  ])('a %s that is none is refused', (_, change) => {
    expect(codeOf(changed(keyless.bundle, change))).toMatch(/^(?:certificate|bundle|signature|json|bytes)\./);
  });
});

describe('5: a bundle is read strictly', () => {
  const cases: readonly (readonly [string, string, (json: Bent) => void])[] = [
    ['an unknown field', 'bundle.field', (json) => (json.note = 1)],
    ['an unknown field of the envelope', 'bundle.field', (json) => (json.dsseEnvelope.note = 1)],
    ['an unknown field of an entry', 'bundle.field', (json) => (json.verificationMaterial.tlogEntries[0].note = 1)],
    [
      'a second signature',
      'bundle.field',
      (json) => (json.dsseEnvelope.signatures = [{ sig: 'AAAA' }, { sig: 'AAAA' }]),
    ],
    ['no signature', 'bundle.field', (json) => (json.dsseEnvelope.signatures = [])],
    [
      'an unknown media type',
      'bundle.media-type',
      (json) => (json.mediaType = 'application/vnd.dev.sigstore.bundle.v9.9+json'),
    ],
    [
      'the media type v0.1',
      'bundle.media-type',
      (json) => (json.mediaType = 'application/vnd.dev.sigstore.bundle+json;version=0.1'),
    ],
    ['no media type', 'bundle.field', (json) => delete json.mediaType],
    ['two kinds of signer', 'bundle.field', (json) => (json.verificationMaterial.publicKey = { hint: 'x' })],
    [
      'base64url',
      'base64.form',
      (json) => (json.dsseEnvelope.signatures[0].sig = Buffer.from('??>>??>>').toString('base64url')),
    ],
    ['white space in base64', 'base64.form', (json) => (json.dsseEnvelope.payload = ` ${json.dsseEnvelope.payload}`)],
    [
      'a chain in v0.3',
      'bundle.field',
      (json) => {
        json.verificationMaterial.x509CertificateChain = { certificates: [json.verificationMaterial.certificate] };
        delete json.verificationMaterial.certificate;
      },
    ],
  ];
  test.each(cases)('%s is refused with %s', (_, code, change) => {
    expect(codeOf(changed(keyless.bundle, change))).toBe(code);
  });

  test('key ids and hints choose nothing', () => {
    const renamed = changed(keyed.bundle, (json) => {
      json.dsseEnvelope.signatures[0]!.keyid = 'another';
      json.verificationMaterial.publicKey = { hint: 'another' };
    });
    expect(verifyStatement(renamed, keyed.anchors).signer).toMatchObject({ kind: 'key', name: 'p256' });
  });

  test('a bundle v0.2 with a chain is accepted', () => {
    const older = changed(keyless.bundle, (json: Bent) => {
      json.mediaType = 'application/vnd.dev.sigstore.bundle+json;version=0.2';
      json.verificationMaterial.x509CertificateChain = { certificates: [json.verificationMaterial.certificate] };
      delete json.verificationMaterial.certificate;
    });
    expect(verifyStatement(older, keyless.anchors).signer.kind).toBe('certificate');
  });
});

test('6: a trusted root without a start date is refused', () => {
  for (const part of ['tlogs', 'certificateAuthorities', 'ctlogs']) {
    const json: Bent = JSON.parse(read('roots/rekor-v1.json').toString());
    const [entry] = json[part];
    delete (entry.publicKey ?? entry).validFor.start;
    const candidate = parseTrustedRootCandidate(Buffer.from(JSON.stringify(json)));
    const trust = trustSchema.parse({ roots: [{ name: 'r', sha256: candidate.sha256, issuers: [issuer] }] });
    const fault = faultOf(() => openAnchors(trust, { trustedRoots: [candidate], publicKeys: [] }));
    expect(fault.code).toBe('trusted-root.field');
    expect(fault.message).toContain('start');
  }
});

test('7: a P-384 key that signed a SHA-384 digest is refused, and told why', () => {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const pinned = parsePublicKey(keys.publicKey.export({ format: 'pem', type: 'spki' }) as string);
  const trust = trustSchema.parse({
    keys: [{ name: 'p384', spkiSha256: pinned.spkiSha256, validUntil: '2100-01-01T00:00:00Z' }],
  });
  const { anchors } = openAnchors(trust, { trustedRoots: [], publicKeys: [pinned] });
  const signWith = (digest: string) =>
    changed(loadVector('key-p384').bundle, ({ dsseEnvelope }) => {
      const signed = encodePreAuthentication(dsseEnvelope.payloadType, Buffer.from(dsseEnvelope.payload, 'base64'));
      dsseEnvelope.signatures[0]!.sig = sign(digest, signed, keys.privateKey).toString('base64');
    });
  expect(verifyStatement(signWith('sha256'), anchors).signer.kind).toBe('key');
  const fault = faultOf(() => verifyStatement(signWith('sha384'), anchors));
  expect(fault).toMatchObject({ code: 'signature.no-key', next: expect.stringContaining('SHA-256') });
});

describe('8: a message signature', () => {
  const artifact = Buffer.from('an artifact, signed as it is');
  const made = ['P-256', 'P-384', 'Ed25519', 'RSA'] as const;
  const pairs = {
    'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    Ed25519: generateKeyPairSync('ed25519'),
    RSA: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  };
  const publicKeys = made.map((name) =>
    parsePublicKey(pairs[name].publicKey.export({ format: 'pem', type: 'spki' }) as string),
  );
  const trust = trustSchema.parse({
    keys: made.map((name, at) => ({
      name,
      spkiSha256: publicKeys[at]!.spkiSha256,
      validUntil: '2100-01-01T00:00:00Z',
    })),
  });
  const { anchors } = openAnchors(trust, { trustedRoots: [], publicKeys });
  const messageBundle = (name: keyof typeof pairs, bytes: Buffer = artifact) =>
    Buffer.from(
      JSON.stringify({
        mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
        verificationMaterial: { publicKey: { hint: 'any' } },
        messageSignature: {
          messageDigest: {
            algorithm: 'SHA2_256',
            digest: Buffer.from(Digest.of('sha256', bytes).hex, 'hex').toString('base64'),
          },
          signature: sign(name === 'Ed25519' ? null : 'sha256', bytes, pairs[name].privateKey).toString('base64'),
        },
      }),
    );

  test.each(made)('by %s is verified over an artifact in chunks', (key) => {
    const chunks = [artifact.subarray(0, 5), artifact.subarray(5)];
    const verified = verifyBundle(messageBundle(key), anchors, {
      key,
      artifact: chunks.values(),
      now: new Date('2026-06-01T00:00:00Z'),
    });
    expect(verified).toMatchObject({ statement: null, artifactDigest: Digest.of('sha256', artifact) });
  });

  test('wants the bytes: a digest can not stand for them', () => {
    const expectation = { key: 'P-256', artifactDigest: Digest.of('sha256', artifact) };
    const fault = faultOf(() => verifyBundle(messageBundle('P-256'), anchors, expectation));
    expect(fault.code).toBe('bundle.artifact');
  });

  test('is refused over any other artifact', () => {
    const expectation = { key: 'P-256', artifact: Buffer.from('another') };
    const fault = faultOf(() => verifyBundle(messageBundle('P-256'), anchors, expectation));
    expect(fault.code).toBe('signature.artifact');
  });

  test('is refused by another key than expected', () => {
    const fault = faultOf(() => verifyBundle(messageBundle('P-256'), anchors, { key: 'RSA', artifact }));
    expect(fault.code).toBe('signature.identity');
  });

  test.each(made)('by %s is refused when its signature is over something else', (key) => {
    const claimed = parseJsonOf(messageBundle(key)) as Bent;
    claimed.messageSignature.signature = (
      parseJsonOf(messageBundle(key, Buffer.from('else'))) as Bent
    ).messageSignature.signature;
    const bundle = Buffer.from(JSON.stringify(claimed));
    expect(faultOf(() => verifyBundle(bundle, anchors, { key, artifact })).code).toBe('signature.no-key');
  });

  test('is no statement', () => {
    expect(faultOf(() => verifyStatement(messageBundle('RSA'), anchors)).code).toBe('bundle.content');
  });
});

test('9: a log entry that is present is verified, also where none is asked for', () => {
  const relaxed = anchorsOf([{ name: 'rekor-v2', issuers: [issuer], thresholds: { tlog: 0, sct: 0, timestamps: 1 } }]);
  expect(verifyStatement(stamped.bundle, relaxed).signer.kind).toBe('certificate');
  const broken = changed(stamped.bundle, (json) => {
    const [entry] = json.verificationMaterial.tlogEntries!;
    const { checkpoint } = entry!.inclusionProof;
    checkpoint.envelope = checkpoint.envelope.replace(
      / (\S)(\S+)\n$/,
      (_, first, rest) => ` ${first === 'A' ? 'B' : 'A'}${rest}\n`,
    );
  });
  expect(codeOf(broken, relaxed)).toBe('bundle.log-entry');
});

describe('10: a timestamp', () => {
  test('may have a fraction of any length', () => {
    const { bundle, anchors } = loadVector('key-timestamp-with-fraction');
    expect(verifyStatement(bundle, anchors).signer.signedAt[0]?.at).toMatch(/\.500Z$/);
  });
});

test('11: a bundle signed with a key needs no root and no network', () => {
  expect(keyed.anchors.roots).toEqual([]);
  expect(verifyStatement(keyed.bundle, keyed.anchors).signer).toMatchObject({
    kind: 'key',
    signedAt: [],
    timeRoot: null,
  });
});
