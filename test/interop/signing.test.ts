import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseSigningConfig, selectServices, type SigningServices } from '../../pipeline/attest/signing/index.ts';
import { buildKeylessSigner, buildKeySigner, givenIdentityToken } from '../../pipeline/edge/sigstore/index.ts';
import { verifyStatement } from '../../pipeline/verify/index.ts';
import { anchorsOfKey, anchorsOfRoot } from '../edge/sigstore/anchors.ts';
import { faultOf, inToto, noThresholds, parse, verifyByKey, verifyByRoot } from '../edge/sigstore/support.ts';
import { openLoopbackSigstore } from '../support/loopback-sigstore/index.ts';
import { missing, type Outcome, runPeer } from './support/peers.ts';
import { openPrivateSigstore, type PrivateSigstore } from './support/private-sigstore.ts';

const directory = mkdtempSync(join(tmpdir(), 'nodeproof-interop-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const artifact = join(directory, 'kubernetes.raw');
const artifactBytes = Buffer.from('not a real sysext');
const predicateType = 'https://nodeproof.dev/attestation/node-set/v1';
const statement = Buffer.from(
  JSON.stringify({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'kubernetes.raw', digest: { sha256: createHash('sha256').update(artifactBytes).digest('hex') } }],
    predicateType,
    predicate: { name: 'stable' },
  }),
);
const identity = 'https://github.com/acme/node-images/.github/workflows/release.yml@refs/tags/v4593.2.5';

const accepted = { code: 0, output: expect.stringContaining('Verified OK') as string };
const written = { code: 0, output: expect.stringContaining('Wrote bundle') as string };

let files = 0;
function write(content: string | Uint8Array): string {
  const path = join(directory, `${files++}`);
  writeFileSync(path, content);
  return path;
}

beforeAll(() => writeFileSync(artifact, artifactBytes));

function cosignVerify(bundle: Uint8Array, args: readonly string[], file = artifact): Promise<Outcome> {
  return runPeer(
    'cosign',
    ['verify-blob-attestation', `--bundle=${write(bundle)}`, `--type=${predicateType}`, ...args, file],
    directory,
  );
}

function servicesOf(signingConfig: object, certificateAuthority: boolean): SigningServices {
  return selectServices(parseSigningConfig(Buffer.from(JSON.stringify(signingConfig))), new Date(), {
    certificateAuthority,
  });
}

function pemOf(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'pem', type: 'pkcs8' }).toString());
}

const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const publicP256 = write(createPublicKey(p256).export({ type: 'spki', format: 'pem' }));

describe.skipIf(missing('cosign') !== undefined)('cosign 3', () => {
  test('accepts a bundle by a P-256 key without a log, and no other artifact for it', async () => {
    const bundle = await buildKeySigner(pemOf(p256)).signStatement(statement, inToto);
    const args = [`--key=${publicP256}`, '--insecure-ignore-tlog'];
    expect(await cosignVerify(bundle, args)).toEqual(accepted);
    expect((await cosignVerify(bundle, args, write('another file'))).code).not.toBe(0);
  });

  test.each(['v1', 'v2'] as const)('accepts a keyless bundle of the loopback Sigstore with Rekor %s', async (rekor) => {
    await using sigstore = await openLoopbackSigstore({ rekor });
    const token = givenIdentityToken(sigstore.token(), () => new Date());
    const signer = buildKeylessSigner(servicesOf(sigstore.signingConfig, true), token);
    await signer.signStatement(statement, inToto);
    const bundle = await signer.signStatement(statement, inToto);
    const outcome = await cosignVerify(bundle, [
      `--trusted-root=${write(JSON.stringify(sigstore.trustedRoot))}`,
      `--certificate-identity=${identity}`,
      '--certificate-oidc-issuer=https://token.actions.githubusercontent.com',
      '--use-signed-timestamps',
    ]);
    expect(outcome).toEqual(accepted);
  });
});

describe.skipIf(missing('cosign') !== undefined)('we', () => {
  const cosignSign = (args: readonly string[], home: string): Promise<Outcome> =>
    runPeer('cosign', ['attest-blob', `--statement=${write(statement)}`, '--yes', ...args, artifact], home, {
      COSIGN_PASSWORD: 'correct horse',
    });

  test('accept what cosign signs with a key of its own', async () => {
    expect(
      (
        await runPeer('cosign', ['generate-key-pair', `--output-key-prefix=${join(directory, 'own')}`], directory, {
          COSIGN_PASSWORD: 'correct horse',
        })
      ).code,
    ).toBe(0);
    const bundle = join(directory, 'by-cosign.json');
    const args = [
      `--key=${join(directory, 'own.key')}`,
      `--bundle=${bundle}`,
      '--use-signing-config=false',
      '--tlog-upload=false',
    ];
    expect(await cosignSign(args, directory)).toEqual(written);
    const verified = verifyStatement(
      readFileSync(bundle),
      anchorsOfKey(readFileSync(join(directory, 'own.pub'), 'utf8')),
    );
    expect(verified.predicateType).toBe(predicateType);
  });

  test("refuse to sign with cosign's own key format by name", async () => {
    const pem = readFileSync(join(directory, 'own.key'));
    expect((await faultOf(() => buildKeySigner(pem))).code).toBe('key.cosign');
  });
});

describe.skipIf(missing('cosign', 'fulcio', 'posix', 'timestamp-server') !== undefined)(
  'the real Sigstore on loopback',
  () => {
    let sigstore: PrivateSigstore;
    let trustedRoot: string;
    beforeAll(async () => {
      sigstore = await openPrivateSigstore(directory);
      trustedRoot = write(JSON.stringify(sigstore.trustedRoot));
    });
    afterAll(() => sigstore[Symbol.asyncDispose]());

    const keyless = (claims = {}): ReturnType<typeof buildKeylessSigner> =>
      buildKeylessSigner(
        servicesOf(sigstore.signingConfig, true),
        givenIdentityToken(sigstore.token(claims), () => new Date()),
      );

    test('signs keyless with Rekor v2 and a timestamp what @sigstore/verify and cosign accept', async () => {
      for (let round = 0; round < 3; round++) {
        const bundle = await keyless().signStatement(statement, inToto);
        // There is no certificate log here.
        const signer = verifyByRoot(bundle, sigstore.trustedRoot, { ctlogThreshold: 0 });
        expect(signer.identity?.subjectAlternativeName).toBe(identity);
        expect(parse(bundle).verificationMaterial.tlogEntries?.[0]?.kindVersion).toEqual({
          kind: 'hashedrekord',
          version: '0.0.2',
        });
        const args = [
          `--trusted-root=${trustedRoot}`,
          `--certificate-oidc-issuer=${sigstore.issuer}`,
          '--insecure-ignore-sct',
          '--use-signed-timestamps',
        ];
        expect(await cosignVerify(bundle, [...args, `--certificate-identity=${identity}`])).toEqual(accepted);
        expect((await cosignVerify(bundle, [...args, `--certificate-identity=${identity}x`])).code).not.toBe(0);
      }
    });

    test('certifies the same extensions as the loopback Sigstore of the default tests', async () => {
      await using loopback = await openLoopbackSigstore();
      const claims = { environment: 'production', repository_id: '12345' };
      const token = givenIdentityToken(loopback.token(claims), () => new Date());
      const imitated = await buildKeylessSigner(servicesOf(loopback.signingConfig, true), token).signStatement(
        statement,
        inToto,
      );
      const real = await keyless(claims).signStatement(statement, inToto);
      const fulcioValues = (
        oids: readonly { readonly oid?: { readonly id: readonly number[] } | undefined; readonly value: Buffer }[] = [],
      ): object =>
        Object.fromEntries(
          oids
            .map(({ oid, value }) => [oid?.id.join('.') ?? '', value.toString('latin1')] as const)
            // The issuer differs: here it is a port of loopback.
            .filter(([id]) => id.startsWith('1.3.6.1.4.1.57264.1.') && !/\.(?:1|8)$/.test(id)),
        );
      const wanted = fulcioValues(verifyByRoot(real, sigstore.trustedRoot, { ctlogThreshold: 0 }).identity?.oids);
      expect(Object.keys(wanted).length).toBeGreaterThan(20);
      expect(fulcioValues(verifyByRoot(imitated, loopback.trustedRoot).identity?.oids)).toEqual(wanted);
    });

    test.each([
      ['P-256', p256],
      ...[2048, 3072, 4096].map(
        (bits) => [`RSA of ${bits} bits`, generateKeyPairSync('rsa', { modulusLength: bits }).privateKey] as const,
      ),
    ] as const)('signs with a key of %s, Rekor v2 and a timestamp', async (name, key) => {
      const signer = buildKeySigner(pemOf(key), { services: servicesOf(sigstore.signingConfig, false) });
      const bundle = await signer.signStatement(statement, inToto);
      verifyByKey(bundle, signer, sigstore.trustedRoot, { ...noThresholds, tlogThreshold: 1, timestampThreshold: 1 });
      const publicKey = write(createPublicKey(key).export({ type: 'spki', format: 'pem' }));
      const outcome = await cosignVerify(bundle, [
        `--key=${publicKey}`,
        `--trusted-root=${trustedRoot}`,
        '--use-signed-timestamps',
      ]);
      expect(outcome, name).toEqual(accepted);
    });

    test('lets us verify what cosign signs keyless', async () => {
      const bundle = join(directory, 'keyless-by-cosign.json');
      const config = [
        `--signing-config=${write(JSON.stringify(sigstore.signingConfig))}`,
        `--trusted-root=${trustedRoot}`,
      ];
      const args = [
        'attest-blob',
        `--statement=${write(statement)}`,
        '--yes',
        `--bundle=${bundle}`,
        `--identity-token=${write(sigstore.token())}`,
      ];
      expect(await runPeer('cosign', [...args, ...config, artifact], directory)).toEqual(written);
      const thresholds = { tlog: 1, sct: 0, timestamps: 1 };
      const anchors = anchorsOfRoot(sigstore.trustedRoot, thresholds, [sigstore.issuer]);
      expect(verifyStatement(readFileSync(bundle), anchors).signer).toMatchObject({ subjectAlternativeName: identity });
    });

    test('refuses a token of somebody else by name', async () => {
      await using stranger = await openLoopbackSigstore();
      const token = givenIdentityToken(stranger.token(), () => new Date());
      const signer = buildKeylessSigner(servicesOf(sigstore.signingConfig, true), token);
      await expect(signer.signStatement(statement, inToto)).rejects.toMatchObject({ code: 'signing.refused' });
    });
  },
);
