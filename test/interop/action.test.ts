import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseBundle } from '../../pipeline/formats/sigstore-bundle/index.ts';
import { parseStatement } from '../../pipeline/formats/statement/index.ts';
import { runStep, type StepOutcome } from '../action/run-action.ts';
import { demo, openWorkshop, type Workshop } from '../support/demo-images.ts';
import { jsonAnswer, listen } from '../support/loopback-sigstore/server.ts';
import { missing, peerPath, runPeer } from './support/peers.ts';
import { openPrivateSigstore, type PrivateSigstore } from './support/private-sigstore.ts';
import { freePorts, startProcess, type SupervisedProcess } from './support/supervised-process.ts';

const home = mkdtempSync(join(tmpdir(), 'nodeproof-interop-action-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const skipped = missing('cosign', 'fulcio', 'posix', 'timestamp-server', 'registry', 'oras') !== undefined;

describe.skipIf(skipped)('The Action, with the real Fulcio, Rekor v2, timestamp authority and registry', () => {
  let workshop: Workshop;
  let sigstore: PrivateSigstore;
  let registry: SupervisedProcess;
  let repository: string;
  let outcome: StepOutcome;
  beforeAll(async () => {
    workshop = openWorkshop(demo.image, demo.kubernetes, demo.falco);
    sigstore = await openPrivateSigstore(home);
    const [port = 0] = await freePorts(1);
    registry = await startRegistry(port);
    repository = `127.0.0.1:${port}/nodes`;
    await using runner = await listen(() => jsonAnswer(200, { value: sigstore.token() }));
    workshop.write('signing-config.json', JSON.stringify(sigstore.signingConfig));
    workshop.write('trusted_root.json', JSON.stringify(sigstore.trustedRoot));
    outcome = await runStep({
      inputs: {
        image: demo.image,
        sysext: `kubernetes=${demo.kubernetes}\n${demo.falco}`,
        'node-set-name': 'workers',
        'bundle-dir': 'release',
        'signing-config': 'signing-config.json',
        'trusted-root': 'trusted_root.json',
        'publish-to': 'oci',
        registry: repository,
      },
      workspace: workshop.directory,
      environment: { ACTIONS_ID_TOKEN_REQUEST_URL: runner.origin, ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'x' },
    });
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await sigstore[Symbol.asyncDispose]();
    workshop[Symbol.dispose]();
  });

  /** The registry of distribution, which keeps its content in a directory. */
  async function startRegistry(port: number): Promise<SupervisedProcess> {
    const storage = join(home, 'registry');
    mkdirSync(storage);
    const config = join(home, 'registry.yml');
    const settings = { storage: { filesystem: { rootdirectory: storage } }, http: { addr: `127.0.0.1:${port}` } };
    writeFileSync(config, JSON.stringify({ version: 0.1, ...settings }));
    const environment = { OTEL_TRACES_EXPORTER: 'none' };
    return await startProcess(peerPath('registry'), ['serve', config], `http://127.0.0.1:${port}/v2/`, environment);
  }

  /** What nobody needs with Sigstore's public instance: a root, and that it keeps no log of certificates. */
  const privateInstance = (): readonly string[] => [
    `--trusted-root=${workshop.path('trusted_root.json')}`,
    '--insecure-ignore-sct',
    '--use-signed-timestamps',
  ];

  test('attests and publishes', () => {
    expect([outcome.exit, outcome.errors]).toEqual([0, []]);
  });

  test('gives in its summary the line by which cosign accepts the image', async () => {
    const [, line = ''] = /^cosign (verify-blob-attestation .*)$/m.exec(outcome.summary) ?? [];
    const words = line
      .split(' ')
      .map((word) =>
        word.startsWith('--bundle=')
          ? `--bundle=${workshop.path(`release/${word.slice('--bundle='.length)}`)}`
          : word.startsWith('--certificate-oidc-issuer=')
            ? `--certificate-oidc-issuer=${sigstore.issuer}`
            : word,
      );
    const file = workshop.path(words.pop() ?? '');
    expect(await runPeer('cosign', [...words, ...privateInstance(), file], home)).toMatchObject({ code: 0 });
    const other = workshop.path(demo.falco);
    expect((await runPeer('cosign', [...words, ...privateInstance(), other], home)).code).not.toBe(0);
  });

  test('publishes what cosign and oras find by the manifest of each file', async () => {
    for (const file of [demo.image, demo.kubernetes, demo.falco]) {
      const bundle = parseBundle(readFileSync(workshop.path(`release/${file}.provenance.sigstore.json`)));
      if (bundle.content.kind !== 'envelope') throw new Error('want a statement');
      const { subject } = parseStatement(bundle.content.envelope.payload);
      const manifest = subject.find(({ annotations }) => annotations?.['role'] === 'oci-manifest')?.digest['sha256'];
      const reference = `${repository}@sha256:${manifest}`;
      const identity = 'https://github.com/acme/node-images/.github/workflows/release.yml@refs/tags/v4593.2.5';
      const args = [`--certificate-identity=${identity}`, `--certificate-oidc-issuer=${sigstore.issuer}`];
      const verify = ['verify-attestation', '--type=slsaprovenance1', '--allow-http-registry', ...privateInstance()];
      expect(await runPeer('cosign', [...verify, ...args, reference], home)).toMatchObject({ code: 0 });
      const stranger = [`--certificate-identity=${identity}x`, `--certificate-oidc-issuer=${sigstore.issuer}`];
      expect((await runPeer('cosign', [...verify, ...stranger, reference], home)).code).not.toBe(0);
      const found = await runPeer('oras', ['discover', '--plain-http', '--format=json', reference], home);
      expect(found.output).toContain('https://cyclonedx.org/bom');
    }
  });
});
