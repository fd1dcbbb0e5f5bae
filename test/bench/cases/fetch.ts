import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { Digest } from '../../../pipeline/core/index.ts';
import { ociManifestDigest } from '../../../pipeline/release/index.ts';
import { demo, readDemoImage } from '../../support/demo-images.ts';
import type { BenchCase } from '../case.ts';
import { prepareRegistry } from '../registry.ts';
import { bundleCli, findProblem, findTool, hasCommand, runForOutput } from '../tools.ts';

/** Provenance of a sysext that a registry holds, found by digest and checked by a process that starts anew, nothing kept. */
const fetch: BenchCase = {
  name: 'fetch',
  rounds: 15,
  async prepare(scratch) {
    const cosign = findTool('cosign');
    const server = findTool('registry');
    if (cosign === undefined || server === undefined)
      return { skipped: 'no cosign, or no registry of distribution: build them and set PEERS_DIR' };
    if (!hasCommand('publish')) return { skipped: 'there is no `nodeproof publish` yet' };
    const cli = bundleCli(scratch);
    const files = makeRelease(scratch, cli);
    const registry = await prepareRegistry(scratch, server);
    await registry.restart();
    const repository = `${registry.host}/nodes`;
    runForOutput([...cli, 'publish', files.release, '--to', `oci:${repository}`, '--artifacts', files.artifact]);
    const ours = [
      ...cli,
      'verify',
      files.digest,
      `--policy=${files.policy}`,
      `--public-key=${files.publicKey}`,
      `--from=oci:${repository}`,
    ];
    const theirs = [
      '/usr/bin/env',
      `HOME=${scratch}`,
      cosign,
      'verify-attestation',
      `--key=${files.publicKey}`,
      '--type=https://slsa.dev/provenance/v1',
      '--insecure-ignore-tlog',
      '--allow-http-registry',
      `${repository}@${files.manifest}`,
    ];
    const theirProblem = findProblem(theirs);
    const problem = theirProblem === undefined ? findProblem(ours) : undefined;
    if (theirProblem !== undefined || problem !== undefined) await registry.close();
    if (theirProblem !== undefined) return { skipped: `cosign refuses the attestation: ${theirProblem}` };
    if (problem !== undefined) return { failed: `nodeproof verify --from: ${problem}` };
    return {
      ours: { name: 'nodeproof verify --from oci:, bundled', argv: ours },
      yardstick: { name: 'cosign verify-attestation', argv: theirs },
      // Told without a bar: cosign is given the manifest and checks one statement, we find and judge all that name the file.
      bars: [],
      close: registry.close,
    };
  },
};

export default fetch;

type Files = Readonly<Record<'release' | 'artifact' | 'publicKey' | 'policy' | 'digest' | 'manifest', string>>;

/** The demo's sysext attested with a key, and the policy that wants its provenance. */
function makeRelease(scratch: string, cli: readonly string[]): Files {
  const [release, key, publicKey, policy] = ['release', 'key.pem', 'key.pub', 'policy.yaml'].map((name) =>
    join(scratch, name),
  ) as [string, string, string, string];
  const artifact = join(scratch, demo.falco);
  const bytes = readDemoImage(demo.falco);
  writeFileSync(artifact, bytes);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const spki = createPublicKey(privateKey);
  writeFileSync(publicKey, spki.export({ type: 'spki', format: 'pem' }));
  const spkiSha256 = createHash('sha256')
    .update(spki.export({ type: 'spki', format: 'der' }))
    .digest('hex');
  writeFileSync(policy, stringify(policyFor(spkiSha256)));
  runForOutput([...cli, 'attest', '--sysext', artifact, '--name', 'bench', '--key', key, '--out', release]);
  const digest = Digest.of('sha256', bytes);
  const manifest = ociManifestDigest({
    kind: 'sysext',
    fileName: demo.falco,
    sha256: digest.hex,
    sizeBytes: bytes.byteLength,
  });
  return {
    release,
    artifact,
    publicKey,
    policy,
    digest: Digest.format(digest),
    manifest: Digest.format(manifest),
  };
}

function policyFor(spkiSha256: string): object {
  return {
    apiVersion: 'nodeproof.dev/policy/v1',
    name: 'bench',
    version: 1,
    issuedAt: '2026-01-01T00:00:00Z',
    expiresAt: '2099-01-01T00:00:00Z',
    trust: { keys: [{ name: 'release', spkiSha256, validUntil: '2099-01-01T00:00:00Z' }] },
    signers: [{ name: 'release', key: 'release' }],
    allow: { 'node-set': ['release'], provenance: ['release'], sbom: ['release'] },
    require: { provenance: true },
    node: { os: { id: 'flatcar' }, sysexts: {} },
  };
}
