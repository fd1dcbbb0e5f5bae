import { describe, expect, test } from 'vitest';
import type { Anchors, OpenedRoot } from '../../pipeline/trust/index.ts';
import { verifyStatement } from '../../pipeline/verify/index.ts';
import { sha256 } from '../support/loopback-sigstore/certificate.ts';
import {
  answerTimestamp,
  createTimestampAuthority,
  type TimestampAuthority,
} from '../support/loopback-sigstore/timestamp-authority.ts';
import { anchorsOf, type BundleJson, faultOf, loadVector, parseJsonOf } from './vectors.ts';

const github = 'https://token.actions.githubusercontent.com';
const strict = { tlog: 1, sct: 1, timestamps: 1 };

function rootOf(name: string, thresholds: object = strict, issuers = [github]): OpenedRoot {
  return anchorsOf([{ name, issuers, thresholds }]).roots[0]!;
}

function only(...roots: readonly OpenedRoot[]): Anchors {
  return { roots, keys: [] };
}

function without(root: OpenedRoot, parts: readonly (keyof OpenedRoot['document'])[]): OpenedRoot {
  return { ...root, document: { ...root.document, ...Object.fromEntries(parts.map((part) => [part, []])) } };
}

function changed(name: string, change: (material: BundleJson['verificationMaterial']) => void): Buffer {
  const json = parseJsonOf(loadVector(name).bundle);
  change(json.verificationMaterial);
  return Buffer.from(JSON.stringify(json));
}

const stamped = loadVector('keyless-rekor-v2-timestamp').bundle;
const promised = loadVector('keyless-rekor-v1').bundle;
const signedAt = new Date(
  verifyStatement(stamped, loadVector('keyless-rekor-v2-timestamp').anchors).signer.signedAt[0]!.at,
);

describe('a root', () => {
  const whole = rootOf('rekor-v2');

  test('vouches with its own parts only: authority, log and timestamps of two roots never add up', () => {
    const halves = [
      [without(whole, ['tlogs']), without(whole, ['certificateAuthorities', 'ctlogs'])],
      [without(whole, ['timestampAuthorities']), without(whole, ['certificateAuthorities', 'tlogs'])],
      [without(whole, ['ctlogs']), without(whole, ['certificateAuthorities', 'tlogs', 'timestampAuthorities'])],
    ];
    for (const pair of halves) {
      expect(faultOf(() => verifyStatement(stamped, only(...pair))).code).toMatch(/^(?:bundle|certificate)\./);
    }
    expect(verifyStatement(stamped, only(whole)).signer).toMatchObject({ roots: ['rekor-v2'] });
  });

  test('that is pinned twice, as in a rotation, vouches under both names', () => {
    const [old, renewed] = [{ ...whole, name: 'old' }, whole];
    expect(verifyStatement(stamped, only(old, renewed)).signer).toMatchObject({ roots: ['old', 'rekor-v2'] });
  });

  test('is judged by its own thresholds, not by a laxer root’s', () => {
    const lax = rootOf('internal', { tlog: 0, sct: 0, timestamps: 1 });
    const unlogged = changed('keyless-rekor-v2-timestamp', (material) => delete material.tlogEntries);
    expect(faultOf(() => verifyStatement(unlogged, only(lax, whole)))).toMatchObject({
      code: 'bundle.log-entry',
      message: expect.stringContaining('root rekor-v2'),
    });
    const itself = rootOf('rekor-v2', { tlog: 0, sct: 1, timestamps: 1 });
    expect(verifyStatement(unlogged, only(lax, itself)).signer.kind).toBe('certificate');
  });

  test('vouches for the issuers that the policy gave it', () => {
    const other = rootOf('rekor-v2', strict, ['https://issuer.acme.example']);
    expect(faultOf(() => verifyStatement(stamped, only(other))).code).toBe('certificate.issuer');
    expect(faultOf(() => verifyStatement(stamped, only(other, rootOf('rekor-v1')))).code).toBe('certificate.issuer');
  });

  test('is needed for a certificate', () => {
    expect(faultOf(() => verifyStatement(stamped, only())).code).toBe('signature.no-root');
  });

  test('wants as many witnesses as its thresholds say', () => {
    for (const [thresholds, code] of [
      [{ tlog: 2, sct: 1, timestamps: 1 }, 'bundle.log-entry'],
      [{ tlog: 1, sct: 2, timestamps: 1 }, 'certificate.chain'],
      [{ tlog: 1, sct: 1, timestamps: 2 }, 'bundle.timestamp'],
    ] as const) {
      expect(faultOf(() => verifyStatement(stamped, only(rootOf('rekor-v2', thresholds)))).code).toBe(code);
    }
  });

  test('counts a witness once, however often it speaks', () => {
    const twice = changed('keyless-rekor-v1', (material) => material.tlogEntries!.push(material.tlogEntries![0]!));
    for (const thresholds of [strict, { ...strict, tlog: 2 }]) {
      const fault = faultOf(() => verifyStatement(twice, only(rootOf('rekor-v1', thresholds))));
      expect(fault.code).toMatch(/^bundle\.(?:log-entry|timestamp)$/);
    }
  });

  test('counts one clock once, whatever times it tells', () => {
    const at = signedAt;
    const clocks = [createTimestampAuthority(at), createTimestampAuthority(at)] as const;
    const signature = Buffer.from(parseJsonOf(stamped).dsseEnvelope.signatures[0]!.sig, 'base64');
    const tell = (clock: TimestampAuthority, seconds: number) => {
      const request = { artifactHash: sha256(signature).toString('base64'), hashAlgorithm: 'sha256' };
      const body = Buffer.from(JSON.stringify(request));
      const token = answerTimestamp(clock, body, new Date(signedAt.getTime() + seconds * 1000)).body;
      return { signedTimestamp: Buffer.from(token).toString('base64') };
    };
    const [described] = whole.document.timestampAuthorities;
    const timestampAuthorities = clocks.map(({ signer, root }) => ({
      ...described!,
      certChain: { certificates: [signer, root].map(({ der }) => ({ rawBytes: der.toString('base64') })) },
    }));
    const told = (...rfc3161Timestamps: readonly { signedTimestamp: string }[]) =>
      changed('keyless-rekor-v2-timestamp', (material) => {
        material.timestampVerificationData = { rfc3161Timestamps: [...rfc3161Timestamps] };
      });
    const wanting = (timestamps: number) => {
      const root = rootOf('rekor-v2', { ...strict, timestamps });
      return only({ ...root, document: { ...root.document, timestampAuthorities } });
    };
    const [first, second] = clocks;
    const twice = told(tell(first, 0), tell(first, 1));
    expect(verifyStatement(twice, wanting(1)).signer.signedAt).toHaveLength(2);
    expect(verifyStatement(told(tell(first, 0), tell(second, 1)), wanting(2)).signer.signedAt).toHaveLength(2);
    expect(faultOf(() => verifyStatement(twice, wanting(2)))).toMatchObject({
      code: 'bundle.timestamp',
      message: expect.stringContaining('1 time sources, want 2'),
    });
  });

  test('whose log was retired before the signature does not vouch with that log', () => {
    const [log] = whole.document.tlogs;
    const validFor = { start: '2020-01-01T00:00:00Z', end: '2021-01-01T00:00:00Z' };
    const retired = { ...log!, publicKey: { ...log!.publicKey, validFor } };
    const root = { ...whole, document: { ...whole.document, tlogs: [retired] } };
    expect(faultOf(() => verifyStatement(stamped, only(root)))).toMatchObject({
      code: 'bundle.log-entry',
      message: expect.stringContaining('outside of the log’s time'),
    });
  });
});

describe('a certificate', () => {
  test('without timestamp is refused', () => {
    const bare = changed('keyless-rekor-v2-timestamp', (material) => delete material.timestampVerificationData);
    expect(faultOf(() => verifyStatement(bare, only(rootOf('rekor-v2')))).code).toBe('bundle.timestamp');
  });

  test('without the log’s promise has no time', () => {
    const bare = changed('keyless-rekor-v1', (material) => delete material.tlogEntries![0]!.inclusionPromise);
    expect(faultOf(() => verifyStatement(bare, only(rootOf('rekor-v1')))).code).toBe('bundle.timestamp');
  });

  test('is judged as of the signature’s time: a later one is refused', () => {
    const later = changed('keyless-rekor-v1', (material) => (material.tlogEntries![0]!.integratedTime = '1999999999'));
    expect(faultOf(() => verifyStatement(later, only(rootOf('rekor-v1')))).code).toBe('certificate.chain');
  });
});

describe('a log entry', () => {
  const anchors = only(rootOf('rekor-v2'));
  const entryOf = (material: BundleJson['verificationMaterial']) => material.tlogEntries![0]!;

  test.each<[string, (material: BundleJson['verificationMaterial']) => void]>([
    ['of Rekor v2 with a time', (material) => (entryOf(material).integratedTime = '1768478400')],
    ['of Rekor v2 with another index', (material) => (entryOf(material).logIndex = '7')],
    ['with another tree size', (material) => (entryOf(material).inclusionProof.treeSize = '9')],
    [
      'with a line beside its checkpoint’s signatures',
      (material) => (entryOf(material).inclusionProof.checkpoint.envelope += 'note\n'),
    ],
    ['of an unknown kind', (material) => (entryOf(material).kindVersion = { kind: 'rfc3161', version: '0.0.1' })],
    [
      'of another bundle',
      (material) => (material.tlogEntries = parseJsonOf(promised).verificationMaterial.tlogEntries!),
    ],
  ])('%s is refused', (_, change) => {
    const bundle = changed('keyless-rekor-v2-timestamp', change);
    expect(faultOf(() => verifyStatement(bundle, anchors)).code).toBe('bundle.log-entry');
  });

  test('must name the certificate of the bundle', () => {
    const bundle = changed('keyless-rekor-v1', (material) => {
      const other = parseJsonOf(loadVector('keyless-environment').bundle).verificationMaterial;
      material.certificate = other.certificate!;
    });
    expect(faultOf(() => verifyStatement(bundle, only(rootOf('rekor-v1'))))).toMatchObject({
      code: 'bundle.log-entry',
      message: expect.stringContaining('another certificate'),
    });
  });
});

describe('a key’s bundle with a log entry', () => {
  const { bundle, anchors } = loadVector('key-rekor-v2-timestamp');

  test('wants the root of that log', () => {
    expect(faultOf(() => verifyStatement(bundle, { roots: [], keys: anchors.keys })).code).toBe('bundle.no-root');
    const roots = [rootOf('rekor-v1')];
    expect(faultOf(() => verifyStatement(bundle, { roots, keys: anchors.keys })).code).toMatch(/^bundle\./);
  });

  test('has the times that this root authenticates', () => {
    expect(verifyStatement(bundle, anchors).signer).toMatchObject({
      kind: 'key',
      timeRoot: 'rekor-v2',
      signedAt: [{ at: '2026-01-15T12:00:00.000Z', source: 'timestamp-authority' }],
    });
  });
});
