import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildKeySigner } from '../../../pipeline/edge/sigstore/index.ts';
import { inTotoPayloadType } from '../../../pipeline/formats/dsse/index.ts';
import type { BenchCase } from '../case.ts';
import { prepareRegistry } from '../registry.ts';
import { bundleCli, findTool, hasCommand, runForOutput } from '../tools.ts';

const count = 50;
const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';

/** Bundles about one file that a registry holds already, sent in one call of ours and in a call each of oras. */
const publish: BenchCase = {
  name: 'publish',
  rounds: 5,
  async prepare(scratch) {
    const oras = findTool('oras');
    const server = findTool('registry');
    if (oras === undefined || server === undefined)
      return { skipped: 'no oras, or no registry of distribution: build them and set PEERS_DIR' };
    if (!hasCommand('publish')) return { skipped: 'there is no `nodeproof publish` yet' };
    const registry = await prepareRegistry(scratch, server);
    const repository = `${registry.host}/nodes`;
    const tool = ['/usr/bin/env', `HOME=${scratch}`, oras];

    await registry.restart();
    const artifact = join(scratch, 'falco.raw');
    writeFileSync(artifact, 'not a real sysext');
    const push = ['push', '--plain-http', '--disable-path-validation', '--format=go-template={{.digest}}'];
    const manifest = runForOutput([...tool, ...push, `${repository}:falco`, artifact]).trim();
    await registry.keep();

    const release = join(scratch, 'release');
    const files = await makeRelease(release, manifest);
    const attach = `for file in ${files.join(' ')}; do "$@" "$file:${bundleType}"; done`;
    const options = ['--plain-http', '--no-tty', `--artifact-type=${bundleType}`];
    const attachOne = [...tool, 'attach', ...options, `${repository}@${manifest}`];
    const theirs = ['bash', '-euc', `cd "$0"; ${attach}`, release, ...attachOne];
    const ours = [...bundleCli(scratch), 'publish', release, '--to', `oci:${repository}`];
    const discover = [...tool, 'discover', '--plain-http', '--format=json', `${repository}@${manifest}`];
    for (const argv of [ours, theirs]) {
      await registry.restart();
      runForOutput(argv);
      const { referrers } = JSON.parse(runForOutput(discover)) as { readonly referrers: readonly unknown[] };
      if (referrers.length !== count) throw new Error(`${argv[0]} attached ${referrers.length}, want ${count}`);
    }
    return {
      ours: { name: `nodeproof publish of ${count} bundles, bundled`, argv: ours },
      yardstick: { name: `${count} × oras attach`, argv: theirs },
      bars: [{ measure: 'wallSeconds', atMost: 0.5, of: 'yardstick' }],
      beforeEach: registry.restart,
      close: registry.close,
    };
  },
};

export default publish;

/** Bundles by a key, all about the file and the manifest that carries it. */
async function makeRelease(directory: string, manifest: string): Promise<readonly string[]> {
  mkdirSync(directory);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer = buildKeySigner(Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })));
  const subject = [
    { name: 'falco.raw', digest: { sha256: createHash('sha256').update('not a real sysext').digest('hex') } },
    {
      name: 'falco.raw as OCI artifact',
      digest: { sha256: manifest.slice('sha256:'.length) },
      annotations: { role: 'oci-manifest' },
    },
  ];
  const names = Array.from({ length: count }, (_, index) => `falco.raw.${index}.sigstore.json`);
  for (const [index, name] of names.entries()) {
    const statement = {
      _type: 'https://in-toto.io/Statement/v1',
      subject,
      predicateType: 'https://slsa.dev/provenance/v1',
      predicate: { index },
    };
    const bundle = await signer.signStatement(Buffer.from(JSON.stringify(statement)), inTotoPayloadType);
    writeFileSync(join(directory, name), bundle);
  }
  return names;
}
