import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseSigningConfig, selectServices, type SigningServices } from '../../../pipeline/attest/signing/index.ts';
import { limits } from '../../../pipeline/core/index.ts';
import { buildKeySigner } from '../../../pipeline/edge/sigstore/index.ts';
import { type LoopbackSigstore, openLoopbackSigstore } from '../../support/loopback-sigstore/index.ts';
import { faultOf, impatient, inToto, noThresholds, parse, statement, verifyByKey } from './support.ts';

type PemOptions = { type?: 'pkcs8' | 'sec1' | 'pkcs1'; cipher?: string; passphrase?: string };
function pemOf(key: KeyObject, options: PemOptions = {}): Buffer {
  const { type = 'pkcs8', ...rest } = options;
  return Buffer.from(key.export({ format: 'pem', type, ...rest } as { format: 'pem'; type: 'pkcs8' }).toString());
}

const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
const ed25519 = generateKeyPairSync('ed25519').privateKey;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

const keys = { 'P-256': p256, 'P-384': p384, Ed25519: ed25519, 'RSA of 2048 bits': rsa };

function servicesOf(sigstore: LoopbackSigstore): SigningServices {
  const config = parseSigningConfig(Buffer.from(JSON.stringify(sigstore.signingConfig)));
  return selectServices(config, new Date(), { certificateAuthority: false });
}

describe('a PEM key', () => {
  test.each(Object.entries(keys))('of type %s signs alone what @sigstore/verify accepts', async (_, key) => {
    const signer = buildKeySigner(pemOf(key));
    const bundle = await signer.signStatement(statement, inToto);
    verifyByKey(bundle, signer);
    const json = parse(bundle);
    expect(json.mediaType).toBe('application/vnd.dev.sigstore.bundle.v0.3+json');
    expect(Buffer.from(json.dsseEnvelope.payload, 'base64').equals(statement)).toBe(true);
    expect(json.verificationMaterial.publicKey?.hint).toMatch(/^[\w+/]{43}=$/);
    expect(json.verificationMaterial.tlogEntries).toBeUndefined();
    // cosign accepts no signature whose keyid is not its own name for the key.
    expect(json.dsseEnvelope.signatures.map(({ keyid = '' }) => keyid)).toEqual(['']);
  });

  test.each(Object.entries(keys))('of type %s signs with a Rekor v1 log and a timestamp', async (_, key) => {
    await using sigstore = await openLoopbackSigstore({ rekor: 'v1' });
    const signer = buildKeySigner(pemOf(key), { services: servicesOf(sigstore), calls: impatient });
    const bundle = await signer.signStatement(statement, inToto);
    verifyByKey(bundle, signer, sigstore.trustedRoot, { ...noThresholds, tlogThreshold: 1, timestampThreshold: 2 });
  });

  test.each([
    ['P-256', p256],
    ['RSA of 2048 bits', rsa],
  ])('of type %s signs with a Rekor v2 log and a timestamp', async (_, key) => {
    await using sigstore = await openLoopbackSigstore({ rekor: 'v2' });
    const signer = buildKeySigner(pemOf(key), { services: servicesOf(sigstore), calls: impatient });
    for (let round = 0; round < 4; round++) {
      const bundle = await signer.signStatement(statement, inToto);
      verifyByKey(bundle, signer, sigstore.trustedRoot, { ...noThresholds, tlogThreshold: 1, timestampThreshold: 1 });
      expect(parse(bundle).verificationMaterial.tlogEntries?.[0]?.kindVersion.kind).toBe('hashedrekord');
    }
  });

  test.each([
    ['P-384', p384],
    ['Ed25519', ed25519],
    ['RSA of 2560 bits', generateKeyPairSync('rsa', { modulusLength: 2560 }).privateKey],
  ])('of type %s is refused for a Rekor v2 log before anything is signed', async (_, key) => {
    await using sigstore = await openLoopbackSigstore({ rekor: 'v2' });
    const fault = await faultOf(() => buildKeySigner(pemOf(key), { services: servicesOf(sigstore) }));
    expect(fault.code).toBe('key.rekor-v2');
    expect(fault.message).toContain('P-256');
    expect(sigstore.calls.timestamps).toBe(0);
  });

  test('needs a time with a Rekor v2 log', async () => {
    await using sigstore = await openLoopbackSigstore({ rekor: 'v2', timestamps: false });
    const fault = await faultOf(() => buildKeySigner(pemOf(p256), { services: servicesOf(sigstore) }));
    expect(fault.code).toBe('config.signing-time');
  });

  test.each([
    ['SEC 1', pemOf(p256, { type: 'sec1' })],
    ['PKCS#1', pemOf(rsa, { type: 'pkcs1' })],
    [
      'SEC 1 after its parameters',
      Buffer.concat([
        Buffer.from('-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n'),
        pemOf(p256, { type: 'sec1' }),
      ]),
    ],
  ])('is read as %s too', async (_, pem) => {
    const signer = buildKeySigner(pem);
    verifyByKey(await signer.signStatement(statement, inToto), signer);
  });

  test('opens with its passphrase, and with no other', async () => {
    const pem = pemOf(p256, { cipher: 'aes-256-cbc', passphrase: 'correct horse' });
    const signer = buildKeySigner(pem, { passphrase: 'correct horse' });
    verifyByKey(await signer.signStatement(statement, inToto), signer);
    const wrong = await faultOf(() => buildKeySigner(pem, { passphrase: 'battery staple' }));
    expect([wrong.code, wrong.message.includes('battery')]).toEqual(['key.passphrase', false]);
    expect((await faultOf(() => buildKeySigner(pem))).code).toBe('key.encrypted');
  });

  const publicPem = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString();
  test.each([
    ['an empty file', '', 'key.pem'],
    ['bytes that are no text', Buffer.from([0xff, 0xfe]), 'key.pem'],
    ['a public key', publicPem, 'key.not-private'],
    ['a certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', 'key.not-private'],
    [
      "cosign's own format",
      '-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n',
      'key.cosign',
    ],
    ['a block that holds nothing', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', 'key.pem'],
    ['two keys', Buffer.concat([pemOf(p256), pemOf(p384)]), 'key.pem'],
    ['RSA of 1024 bits', pemOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey), 'key.size'],
    ['a key of P-521', pemOf(generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey), 'key.type'],
    ['a key of secp256k1', pemOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey), 'key.type'],
    ['a key of Ed448', pemOf(generateKeyPairSync('ed448').privateKey), 'key.type'],
    ['a key for key agreement', pemOf(generateKeyPairSync('x25519').privateKey), 'key.type'],
    ['RSA-PSS', pemOf(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey), 'key.type'],
    ['a large file', Buffer.alloc(limits.pemBytes + 1, 0x20), 'limit.pem'],
  ])('is refused when it is %s', async (_, pem, code) => {
    const fault = await faultOf(() => buildKeySigner(Buffer.from(pem)));
    expect(fault.code).toBe(code);
    expect(fault.message).not.toContain('\n');
    expect(fault.message).not.toMatch(/[\w+/]{20}/);
    expect(fault.cause).toBeUndefined();
  });

  test('signs no statement above the limit', async () => {
    const fault = await faultOf(() =>
      buildKeySigner(pemOf(p256)).signStatement(Buffer.alloc(limits.statementBytes + 1), inToto),
    );
    expect(fault.code).toBe('limit.statement');
  });
});
