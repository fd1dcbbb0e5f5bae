import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseSigningConfig, selectServices, type SigningServices } from '../../../pipeline/attest/signing/index.ts';
import { buildKeylessSigner, buildKeySigner, givenIdentityToken } from '../../../pipeline/edge/sigstore/index.ts';
import { verifyStatement } from '../../../pipeline/verify/index.ts';
import { type LoopbackSigstore, openLoopbackSigstore } from '../../support/loopback-sigstore/index.ts';
import { anchorsOfKey, anchorsOfRoot } from './anchors.ts';
import { faultOf, impatient, inToto, statement } from './support.ts';

function servicesOf(sigstore: LoopbackSigstore, certificateAuthority: boolean): SigningServices {
  const config = parseSigningConfig(Buffer.from(JSON.stringify(sigstore.signingConfig)));
  return selectServices(config, new Date(), { certificateAuthority });
}

function sign(sigstore: LoopbackSigstore, claims = {}): Promise<Uint8Array> {
  const token = givenIdentityToken(sigstore.token(claims), () => new Date());
  return buildKeylessSigner(servicesOf(sigstore, true), token, impatient).signStatement(statement, inToto);
}

function pemOf(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'pem', type: 'pkcs8' }).toString());
}

describe('what we sign, we verify', () => {
  test.each([
    ['v1', 2],
    ['v2', 1],
  ] as const)('keyless through Rekor %s, with all that the certificate says of the run', async (rekor, times) => {
    await using sigstore = await openLoopbackSigstore({ rekor });
    const bundle = await sign(sigstore, { environment: 'production' });
    const { signer } = verifyStatement(bundle, anchorsOfRoot(sigstore.trustedRoot));
    expect(signer).toMatchObject({
      kind: 'certificate',
      issuer: 'https://token.actions.githubusercontent.com',
      github: expect.objectContaining({ sourceRepositoryId: '700700700' }) as unknown,
    });
    expect(signer.signedAt).toHaveLength(times);
  });

  test('and nothing by a private authority that imitates the issuer', async () => {
    await using honest = await openLoopbackSigstore();
    await using imitation = await openLoopbackSigstore();
    const bundle = await sign(imitation);
    const fault = await faultOf(() => verifyStatement(bundle, anchorsOfRoot(honest.trustedRoot)));
    expect(fault.code).toBe('bundle.timestamp');
  });

  const keys = {
    'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
    'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
    Ed25519: generateKeyPairSync('ed25519').privateKey,
    RSA: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  };
  test.each(Object.entries(keys))('by a key of type %s, alone and with a log and a timestamp', async (_, key) => {
    const alone = buildKeySigner(pemOf(key));
    if (alone.by.kind !== 'key') throw new Error('not a key');
    const { publicKeyPem } = alone.by;
    expect(
      verifyStatement(await alone.signStatement(statement, inToto), anchorsOfKey(publicKeyPem)).signer.signedAt,
    ).toEqual([]);
    await using sigstore = await openLoopbackSigstore({ rekor: 'v1' });
    const witnessed = buildKeySigner(pemOf(key), { services: servicesOf(sigstore, false), calls: impatient });
    const bundle = await witnessed.signStatement(statement, inToto);
    expect(verifyStatement(bundle, anchorsOfKey(publicKeyPem, sigstore.trustedRoot)).signer.signedAt).toHaveLength(2);
  });

  test.each([
    ['P-256', keys['P-256']],
    ['RSA', keys.RSA],
  ])('by a key of type %s with Rekor v2', async (_, key) => {
    await using sigstore = await openLoopbackSigstore({ rekor: 'v2' });
    const signer = buildKeySigner(pemOf(key), { services: servicesOf(sigstore, false), calls: impatient });
    if (signer.by.kind !== 'key') throw new Error('not a key');
    const bundle = await signer.signStatement(statement, inToto);
    expect(
      verifyStatement(bundle, anchorsOfKey(signer.by.publicKeyPem, sigstore.trustedRoot)).signer.signedAt,
    ).toHaveLength(1);
  });
});
