import { createPublicKey } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseBundle } from '../../pipeline/formats/sigstore-bundle/index.ts';
import { parseStatement } from '../../pipeline/formats/statement/index.ts';
import { parsePublicKey } from '../../pipeline/trust/index.ts';
import { verifyStatement } from '../../pipeline/verify/index.ts';
import { makeKey } from '../attest/demo-release.ts';
import { anchorsOfRoot } from '../edge/sigstore/anchors.ts';
import { runCommandLine } from '../support/command-line.ts';
import { demo, openWorkshop, type Workshop } from '../support/demo-images.ts';
import { missing, type Outcome, runPeer } from './support/peers.ts';
import { openPrivateSigstore, type PrivateSigstore } from './support/private-sigstore.ts';

const home = mkdtempSync(join(tmpdir(), 'nodeproof-interop-attest-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

let workshop: Workshop;
beforeAll(() => {
  workshop = openWorkshop(demo.image, demo.kubernetes, demo.falco);
});
afterAll(() => workshop[Symbol.dispose]());

const set = ['--name', 'workers', '--image', demo.image, '--sysext', `kubernetes=${demo.kubernetes}`, demo.falco];

function attest(...args: readonly string[]) {
  return runCommandLine(['attest', ...set, ...args, '--json'], { directory: workshop.directory });
}

/** Every bundle that is about a file that we have, with the type that cosign is to look for. */
function bundlesAbout(
  directory: string,
): readonly { readonly path: string; readonly type: string; readonly artifact: string }[] {
  return readdirSync(workshop.path(directory))
    .filter((name) => name.endsWith('.sigstore.json'))
    .flatMap((name) => {
      const path = workshop.path(`${directory}/${name}`);
      const { content } = parseBundle(readFileSync(path));
      if (content.kind !== 'envelope') throw new Error(`Cannot use ${name}: want an envelope`);
      const { predicateType, subject } = parseStatement(content.envelope.payload);
      const files = Object.values(demo).filter((file) => subject.some((one) => one.name === file));
      return files.map((file) => ({ path, type: predicateType, artifact: workshop.path(file) }));
    });
}

function cosignVerify(bundle: string, type: string, artifact: string, args: readonly string[]): Promise<Outcome> {
  return runPeer(
    'cosign',
    ['verify-blob-attestation', `--bundle=${bundle}`, `--type=${type}`, ...args, artifact],
    home,
  );
}

const accepted = { code: 0, output: expect.stringContaining('Verified OK') as string };

describe.skipIf(missing('cosign') !== undefined)('attest with a P-256 key', () => {
  beforeAll(async () => {
    const pem = makeKey('p256');
    workshop.write('key.pem', pem);
    workshop.write('key.pub', createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString());
    expect((await attest('--key', 'key.pem', '--out', 'by-key')).exit).toBe(0);
  });

  test('signs what cosign accepts for each file that a statement names, and for no other', async () => {
    const args = [`--key=${workshop.path('key.pub')}`, '--insecure-ignore-tlog'];
    const bundles = bundlesAbout('by-key');
    // SBOM and provenance of three files, and the node set, which names all three.
    expect(bundles).toHaveLength(9);
    for (const { path, type, artifact } of bundles) {
      expect([path, await cosignVerify(path, type, artifact, args)]).toEqual([path, accepted]);
    }
    const [first] = bundles;
    expect((await cosignVerify(first?.path ?? '', first?.type ?? '', workshop.path('key.pub'), args)).code).not.toBe(0);
  });

  test('signs what we admit by a policy that pins the key', async () => {
    const { spkiSha256 } = parsePublicKey(readFileSync(workshop.path('key.pub'), 'utf8'));
    workshop.write(
      'policy.yaml',
      `apiVersion: nodeproof.dev/policy/v1
name: interop
version: 1
issuedAt: 2026-01-01T00:00:00Z
expiresAt: 2099-01-01T00:00:00Z
trust: { keys: [{ name: release, spkiSha256: '${spkiSha256}', validUntil: 2099-01-01T00:00:00Z }] }
signers: [{ name: release, key: release }]
allow: { node-set: [release], provenance: [release], sbom: [release] }
node: { match: set, os: { id: flatcar }, sysexts: {} }
`,
    );
    const { exit } = await runCommandLine(
      ['verify', ...Object.values(demo), '--policy', 'policy.yaml', '--trust-pack', 'by-key/workers.trust-pack.json'],
      { directory: workshop.directory },
    );
    expect(exit).toBe(0);
  });
});

describe.skipIf(missing('cosign', 'fulcio', 'posix', 'timestamp-server') !== undefined)(
  'attest with the real Fulcio, Rekor v2 and timestamp authority',
  () => {
    let sigstore: PrivateSigstore;
    beforeAll(async () => {
      sigstore = await openPrivateSigstore(home);
      workshop.write('signing-config.json', JSON.stringify(sigstore.signingConfig));
      workshop.write('trusted-root.json', JSON.stringify(sigstore.trustedRoot));
      workshop.write('token', sigstore.token());
      const { exit, stdout } = await attest(
        '--identity-token',
        `@${workshop.path('token')}`,
        '--signing-config',
        'signing-config.json',
        '--trusted-root',
        'trusted-root.json',
        '--out',
        'keyless',
      );
      expect([exit, stdout]).toEqual([0, expect.stringContaining('"verified": true')]);
    });
    afterAll(() => sigstore[Symbol.asyncDispose]());

    test('signs keyless what cosign and we accept for each file that a statement names', async () => {
      const identity = 'https://github.com/acme/node-images/.github/workflows/release.yml@refs/tags/v4593.2.5';
      const args = [
        `--trusted-root=${workshop.path('trusted-root.json')}`,
        `--certificate-identity=${identity}`,
        `--certificate-oidc-issuer=${sigstore.issuer}`,
        // There is no certificate log here.
        '--insecure-ignore-sct',
        '--use-signed-timestamps',
      ];
      const anchors = anchorsOfRoot(sigstore.trustedRoot, { tlog: 1, sct: 0, timestamps: 1 }, [sigstore.issuer]);
      const bundles = bundlesAbout('keyless');
      expect(bundles).toHaveLength(9);
      for (const { path, type, artifact } of bundles) {
        expect([path, await cosignVerify(path, type, artifact, args)]).toEqual([path, accepted]);
        expect(verifyStatement(readFileSync(path), anchors).signer).toMatchObject({ subjectAlternativeName: identity });
      }
    });

    test('signs with a P-256 key, and has that witnessed, what cosign accepts', async () => {
      const pem = makeKey('p256');
      workshop.write('witnessed.pem', pem);
      const publicKey = createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString();
      workshop.write('witnessed.pub', publicKey);
      const services = ['--signing-config', 'signing-config.json', '--trusted-root', 'trusted-root.json'];
      const { exit, stdout } = await attest('--key', 'witnessed.pem', ...services, '--out', 'witnessed');
      expect([exit, stdout]).toEqual([0, expect.stringContaining('"verified": true')]);
      const args = [
        `--key=${workshop.path('witnessed.pub')}`,
        `--trusted-root=${workshop.path('trusted-root.json')}`,
        '--use-signed-timestamps',
      ];
      for (const { path, type, artifact } of bundlesAbout('witnessed'))
        expect([path, await cosignVerify(path, type, artifact, args)]).toEqual([path, accepted]);
    });
  },
);
