import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Digest } from '../../pipeline/core/index.ts';
import { openRegistryStore, parseRepository } from '../../pipeline/edge/store/index.ts';
import { buildPublication, type BundleStore } from '../../pipeline/store/index.ts';
import { verifyStatement } from '../../pipeline/verify/index.ts';
import { anchorsOfKey } from '../edge/sigstore/anchors.ts';
import { anonymous, settingsFor, silent } from '../edge/store/settings.ts';
import { makeSmallRelease, provenanceType, sbomType, type SmallRelease } from '../support/small-release.ts';
import { missing, type Outcome, peerPath, runPeer } from './support/peers.ts';
import { freePorts, startProcess, type SupervisedProcess } from './support/supervised-process.ts';

const nodeSetType = 'https://nodeproof.dev/attestation/node-set/v1';
const directory = mkdtempSync(join(tmpdir(), 'nodeproof-oci-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The registry of distribution, which keeps its content in a directory. */
async function startDistribution(port: number): Promise<SupervisedProcess> {
  const storage = join(directory, 'registry');
  mkdirSync(storage, { recursive: true });
  const config = join(directory, 'registry.yml');
  writeFileSync(
    config,
    JSON.stringify({
      version: 0.1,
      storage: { filesystem: { rootdirectory: storage } },
      http: { addr: `127.0.0.1:${port}` },
    }),
  );
  return startProcess(peerPath('registry'), ['serve', config], `http://127.0.0.1:${port}/v2/`, {
    OTEL_TRACES_EXPORTER: 'none',
  });
}

const startReferrers = (port: number): Promise<SupervisedProcess> =>
  startProcess(peerPath('referrers-registry'), [`127.0.0.1:${port}`], `http://127.0.0.1:${port}/v2/`);

describe.each([
  ['distribution', 'registry', startDistribution],
  ['go-containerregistry with the referrers API', 'referrers-registry', startReferrers],
] as const)('The registry of %s', (_name, peer, start) => {
  const skipped = missing(peer) !== undefined;
  let registry: SupervisedProcess | undefined;
  let repository: string;
  let release: SmallRelease;
  let store: BundleStore;
  let key: string;
  beforeAll(async () => {
    if (skipped) return;
    const [port = 0] = await freePorts(1);
    registry = await start(port);
    repository = `127.0.0.1:${port}/nodes`;
    release = await makeSmallRelease();
    store = openRegistryStore(parseRepository(repository, false), anonymous, settingsFor());
    key = join(directory, `${peer}.pub`);
    writeFileSync(key, release.publicKeyPem);
    await store.put(buildPublication(release.files, [release.artifact]), silent);
  });
  afterAll(async () => await registry?.[Symbol.asyncDispose]());

  const reference = (): string => `${repository}@${Digest.format(release.manifest)}`;
  const cosignVerify = (type: string, publicKey = key): Promise<Outcome> =>
    runPeer(
      'cosign',
      [
        'verify-attestation',
        `--key=${publicKey}`,
        `--type=${type}`,
        '--insecure-ignore-tlog',
        '--allow-http-registry',
        reference(),
      ],
      directory,
    );

  test.skipIf(skipped)('gives everything back, and takes nothing twice', async () => {
    for (const digest of [release.file, release.manifest]) {
      const { bundles, passedOver } = await store.find(digest);
      expect(passedOver).toEqual([]);
      expect(bundles.map(({ predicateType }) => String(predicateType)).sort()).toEqual(
        [nodeSetType, sbomType, provenanceType].sort(),
      );
    }
    expect((await store.find(release.identity)).bundles).toHaveLength(1);
    expect((await store.put(buildPublication(release.files, [release.artifact]), silent)).written).toEqual([]);
  });

  test.skipIf(skipped || missing('oras') !== undefined)(
    'shows our bundles and SBOM to oras, and gives it the file',
    async () => {
      const listed = await runPeer('oras', ['discover', '--plain-http', '--format=json', reference()], directory);
      expect(listed.code).toBe(0);
      const { referrers } = JSON.parse(listed.output) as {
        referrers: { artifactType: string; annotations: Record<string, string> }[];
      };
      expect(referrers).toHaveLength(4);
      // The other registry tells the config's media type for the manifest's, and no annotations.
      if (peer === 'registry') {
        const described = referrers.map(
          ({ artifactType, annotations }) =>
            `${artifactType} ${annotations['dev.sigstore.bundle.predicateType'] ?? ''}`,
        );
        const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
        const wanted = [sbomType, nodeSetType, provenanceType].map((type) => `${bundleType} ${type}`);
        expect(described.sort()).toEqual(['application/vnd.cyclonedx+json ', ...wanted].sort());
      }
      const out = join(directory, `${peer}-pulled`);
      const pulled = await runPeer(
        'oras',
        ['pull', '--plain-http', `--output=${out}`, `${repository}:artifact-${release.file.hex}`],
        directory,
      );
      expect(pulled.code).toBe(0);
      expect(readFileSync(join(out, 'falco.raw'))).toEqual(release.artifactBytes);
    },
  );

  describe.skipIf(skipped || missing('cosign') !== undefined)('lets cosign', () => {
    test('verify the provenance by the manifest, and by no other key or type', async () => {
      expect(await cosignVerify(provenanceType)).toMatchObject({ code: 0 });
      const stranger = join(directory, 'stranger.pub');
      writeFileSync(stranger, (await makeSmallRelease()).publicKeyPem);
      expect((await cosignVerify(provenanceType, stranger)).code).not.toBe(0);
      expect((await cosignVerify('https://example.com/other')).code).not.toBe(0);
    });

    test('verify the SBOM of the file by the bundle that is fetched', async () => {
      const { bundles } = await store.find(release.file);
      const sbom = bundles.find(({ predicateType }) => predicateType === sbomType);
      const path = join(directory, `${peer}-sbom.json`);
      writeFileSync(path, sbom?.bytes ?? '');
      writeFileSync(join(directory, 'falco.raw'), release.artifactBytes);
      const args = [
        `--bundle=${path}`,
        `--key=${key}`,
        `--type=${sbomType}`,
        '--insecure-ignore-tlog',
        join(directory, 'falco.raw'),
      ];
      expect(await runPeer('cosign', ['verify-blob-attestation', ...args], directory)).toMatchObject({ code: 0 });
    });

    test('publish what we find and verify', async () => {
      const environment = { COSIGN_PASSWORD: 'correct horse' };
      const own = join(directory, `${peer}-cosign`);
      execFileSync(peerPath('cosign'), ['generate-key-pair', `--output-key-prefix=${own}`], {
        env: { ...process.env, ...environment },
        stdio: 'ignore',
      });
      const predicate = join(directory, 'predicate.json');
      writeFileSync(predicate, '{"by":"cosign"}');
      const type = 'https://example.com/by-cosign';
      const args = [
        `--key=${own}.key`,
        `--predicate=${predicate}`,
        `--type=${type}`,
        '--use-signing-config=false',
        '--tlog-upload=false',
      ];
      const attested = await runPeer(
        'cosign',
        ['attest', ...args, '--yes', '--allow-http-registry', reference()],
        directory,
        environment,
      );
      expect(attested).toMatchObject({ code: 0 });
      const { bundles } = await store.find(release.manifest);
      const found = bundles.find(({ predicateType }) => predicateType === type);
      const verified = verifyStatement(
        found?.bytes ?? Buffer.alloc(0),
        anchorsOfKey(readFileSync(`${own}.pub`, 'utf8')),
      );
      expect(verified.predicateType).toBe(type);
      expect(bundles).toHaveLength(4);
      // What we published before is still there for cosign, and publishing again takes nothing of cosign's away.
      await store.put(buildPublication(release.files, [release.artifact]), silent);
      expect(await cosignVerify(provenanceType)).toMatchObject({ code: 0 });
      expect((await store.find(release.manifest)).bundles).toHaveLength(4);
    });
  });
});
