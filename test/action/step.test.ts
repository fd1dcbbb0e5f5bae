import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { stringify } from 'yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Digest } from '../../pipeline/core/index.ts';
import { parseTrustedRootCandidate } from '../../pipeline/trust/index.ts';
import { makeKey } from '../attest/demo-release.ts';
import { demo, openWorkshop, readDemoImage, type Workshop } from '../support/demo-images.ts';
import { type LoopbackRegistry, openLoopbackRegistry } from '../support/loopback-registry.ts';
import { githubIssuer, type LoopbackSigstore, openLoopbackSigstore } from '../support/loopback-sigstore/index.ts';
import { runStep, type StepOutcome } from './run-action.ts';

const payload = 'flatcar_production_update.bin';
const workflow = 'https://github.com/acme/node-images/.github/workflows/release.yml@refs/tags/v4593.2.5';

let workshop: Workshop;
let sigstore: LoopbackSigstore;
let registry: LoopbackRegistry;
beforeAll(async () => {
  workshop = openWorkshop(demo.kubernetes, demo.falco);
  const usr = readDemoImage(demo.image).subarray(40_960 * 512, 40_960 * 512 + 26 * 1024 * 1024);
  workshop.write(payload, usr);
  workshop.write(`${payload}.zst`, zstdCompressSync(usr));
  workshop.write('key.pem', makeKey());
  workshop.write('tool.txt', 'a tool');
  workshop.write('a=b.txt', 'a file with a name of its own');
  sigstore = await openLoopbackSigstore({ rekor: 'v2' });
  registry = await openLoopbackRegistry();
  workshop.write('signing-config.json', JSON.stringify(sigstore.signingConfig));
  workshop.write('trusted_root.json', JSON.stringify(sigstore.trustedRoot));
  workshop.write('policy.yaml', stringify(policyFor(sigstore.trustedRoot)));
  const other = workflow.replace('release.yml', 'other.yml');
  workshop.write('other-policy.yaml', stringify(policyFor(sigstore.trustedRoot, other)));
});
afterAll(async () => {
  await sigstore[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  workshop[Symbol.dispose]();
});

/** Wants what the workflow of the loopback's tokens signs, and nothing else. */
function policyFor(trustedRoot: object, builder = workflow): object {
  const { sha256 } = parseTrustedRootCandidate(Buffer.from(JSON.stringify(trustedRoot)));
  return {
    apiVersion: 'nodeproof.dev/policy/v1',
    name: 'release',
    version: 1,
    issuedAt: '2026-01-01T00:00:00Z',
    expiresAt: '2099-01-01T00:00:00Z',
    trust: {
      roots: [
        {
          name: 'private',
          sha256,
          issuers: [githubIssuer],
          thresholds: { tlog: 1, sct: 1, timestamps: 1 },
        },
      ],
    },
    signers: [
      {
        name: 'release',
        root: 'private',
        github: {
          repository: { name: 'acme/node-images', id: 700700700 },
          owner: { name: 'acme', id: 40404040 },
          builder,
          caller: workflow,
          ref: 'refs/tags/v*',
        },
      },
    ],
    allow: { 'node-set': ['release'], provenance: ['release'], sbom: ['release'] },
    require: { provenance: true },
    slsa: { minimumLevel: 2, builders: [{ id: workflow, level: 3, signers: ['release'] }] },
    node: { os: { id: 'flatcar' } },
  };
}

type Given = Readonly<Record<string, string>>;

const run = (inputs: Given, environment: Given = {}): Promise<StepOutcome> =>
  runStep({ inputs, workspace: workshop.directory, environment });

/** A job that may ask for identity tokens. */
const withToken = (): Given => ({
  ACTIONS_ID_TOKEN_REQUEST_URL: sigstore.ambient.requestUrl,
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: sigstore.ambient.requestToken,
});
const keyless = { 'signing-config': 'signing-config.json', 'trusted-root': 'trusted_*.json' };
const members = {
  image: '*_update.bin',
  shipped: `${payload}.zst`,
  sysext: `kubernetes=kubernetes-*.raw\n${demo.falco}`,
};

describe('Mode attest', () => {
  let outcome: StepOutcome;
  beforeAll(async () => {
    const inputs = { ...members, ...keyless, 'node-set-name': 'workers-4593.2.5', 'bundle-dir': 'release' };
    const publishing = { 'publish-to': ['directory:www', 'oci'].join('\n'), registry: registry.repository };
    outcome = await run(
      { ...inputs, ...publishing, 'subject-path': '*.txt\n!a*' },
      {
        ...withToken(),
        GITHUB_ARTIFACTS: workshop.path('artifacts'),
      },
    );
  });

  test('signs with the identity of the workflow and gives its outputs', () => {
    expect(outcome.errors).toEqual([]);
    expect(outcome.exit).toBe(0);
    const { outputs } = outcome;
    expect(outputs['bundle-dir']).toBe('release');
    expect(outputs['node-set']).toBe('release/workers-4593.2.5.node-set.sigstore.json');
    expect(outputs['trust-pack']).toBe('release/workers-4593.2.5.trust-pack.json');
    expect(outputs['identity-digest']).toMatch(/^sha256:[0-9a-f]{64}$/);
    const names = (list = '') => list.split('\n').map((path) => path.replace('release/', ''));
    const files = readdirSync(workshop.path('release'));
    expect(names(outputs['bundle-paths'])).toEqual(files.filter((name) => name.endsWith('.sigstore.json')).sort());
    expect(names(outputs['sbom-paths'])).toEqual(files.filter((name) => name.endsWith('.cdx.json')).sort());
  });

  test('tells the other actions of the job which files it made and attested', () => {
    const created = readFileSync(workshop.path('.runner-temp/created_attestation_paths.txt'), 'utf8');
    expect(created.trimEnd().split('\n')).toContain(
      workshop
        .path('release/tool.txt.provenance.sigstore.json')
        .replace('tool.txt.provenance', 'workers-4593.2.5.files.provenance'),
    );
    const declared = readFileSync(workshop.path('artifacts'), 'utf8').trimEnd().split('\n').sort();
    const named = [payload, `${payload}.zst`, demo.kubernetes, demo.falco, 'tool.txt'];
    expect(declared).toEqual(named.map((name) => `file://${workshop.path(name)}`).sort());
  });

  test('publishes the bundles, and the files as they are shipped', () => {
    expect(outcome.log).toContain('Published to directory:www: ');
    expect(registry.tags.has(`node-set-${outcome.outputs['identity-digest']?.slice('sha256:'.length)}`)).toBe(true);
    const shipped = Digest.of('sha256', readFileSync(workshop.path(`${payload}.zst`)));
    expect(existsSync(workshop.path(`www/blobs/sha256/${shipped.hex}`))).toBe(true);
  });

  test('summarises the set, where it went and how anyone checks it', () => {
    const { summary } = outcome;
    expect(summary).toContain('# Node set `workers-4593.2.5`');
    expect(summary).toContain('| `directory:www` |');
    expect(summary).toContain(`cosign verify-blob-attestation --bundle=${payload}.provenance.sigstore.json`);
    expect(summary).toContain(`--certificate-identity=${workflow}`);
    expect(summary).toContain('nodeproof verify');
  });

  test('leaves no key and no token anywhere', async () => {
    const key = readFileSync(workshop.path('key.pem'), 'utf8');
    const inputs = { 'subject-path': 'tool.txt', 'node-set-name': 'secret', key, 'github-token': 'ghs_secret' };
    const { exit, log, summary, outputs } = await run(inputs, withToken());
    expect(exit).toBe(0);
    const [, middle = 'none'] = key.split('\n');
    for (const text of [log, summary, JSON.stringify(outputs)]) {
      expect(text).not.toContain(middle);
      expect(text).not.toContain('ghs_secret');
      expect(text).not.toContain(sigstore.ambient.requestToken);
    }
    const left = readdirSync(workshop.path('.runner-temp'), { recursive: true, encoding: 'utf8' });
    const files = left
      .map((name) => join(workshop.path('.runner-temp'), name))
      .filter((path) => statSync(path).isFile());
    expect(files.filter((path) => readFileSync(path, 'utf8').includes(middle))).toEqual([]);
  });

  test('attests what earlier steps declared where no input names a file', async () => {
    const digest = `sha256:${'ab'.repeat(32)}`;
    const subjects = [{ name: 'ghcr.io/acme/tool', digest, kind: 'oci' }];
    workshop.write('declared.json', JSON.stringify({ version: 1, subjects }));
    const { exit, errors } = await run(
      { 'node-set-name': 'declared', key: 'key.pem', 'bundle-dir': 'declared' },
      { GITHUB_ARTIFACTS_LIST: workshop.path('declared.json') },
    );
    expect([exit, errors]).toEqual([0, []]);
    expect(readdirSync(workshop.path('declared'))).toContain('declared.files.provenance.sigstore.json');
  });

  test('says that the permission is missing before anything else runs', async () => {
    const { exit, errors, log } = await run({ ...members, image: 'not-there.bin' });
    expect(exit).toBe(2);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain('permissions: id-token: write');
    expect(log).not.toContain('::group::');
  });

  const named = { ...members, 'node-set-name': 'refused', key: 'key.pem', 'bundle-dir': 'refused' };
  test.each<[string, Given, string, number]>([
    ['a glob that matches nothing', { ...named, sysext: 'nothing-*.raw' }, 'usage.missing', 2],
    ['a glob that matches several where one is wanted', { ...named, image: '*.bin*' }, 'usage.input', 2],
    ['a name for several sysexts', { ...named, sysext: 'one=*.raw' }, 'usage.input', 2],
    ['an input that there is not', { ...named, upstream_key: 'key.asc' }, 'usage.input', 2],
    ['a flag that is neither true nor false', { ...named, 'fail-on-missing': 'maybe' }, 'usage.input', 2],
    ['a mode that there is not', { ...named, mode: 'sign' }, 'usage.input', 2],
    ['a store that there is not', { ...named, 'publish-to': 'npm' }, 'usage.input', 2],
    ['a registry that is not named', { ...named, 'push-to-registry': 'true' }, 'usage.input', 2],
    ['a registry address that is none', { ...named, 'publish-to': 'oci', registry: 'Acme' }, 'usage.repository', 2],
    ['a store without an address', { ...named, 'publish-to': 'release:acme' }, 'usage.store', 2],
    ['a set without a name', { ...named, 'node-set-name': '' }, 'usage.input', 2],
    ['no file at all', { 'node-set-name': 'refused', key: 'key.pem' }, 'usage.input', 2],
    ['a key that is none', { ...named, key: 'tool.txt' }, 'key.', 2],
    ['a sysext that is none', { ...named, sysext: 'tool.txt' }, '', 3],
  ])('refuses %s with one error, and leaves nothing behind', async (_what, inputs, code, wanted) => {
    const { exit, errors, outputs } = await run(inputs);
    expect(exit).toBe(wanted);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(`nodeproof ${code}`);
    expect(outputs['bundle-dir']).toBeUndefined();
    expect(readdirSync(workshop.directory).filter((name) => name.includes('refused'))).toEqual([]);
  });

  test('warns of a missing file where it may be missing', async () => {
    const inputs = {
      'subject-path': 'tool.txt\nnothing*',
      'node-set-name': 'lax',
      key: 'key.pem',
      'fail-on-missing': 'false',
    };
    const { exit, warnings } = await run(inputs);
    expect(exit).toBe(0);
    expect(warnings.join('\n')).toContain('nothing*');
  });

  test('keeps what was made when publishing fails, and says what was complete', async () => {
    registry.interfere = () => ({ status: 403 });
    const inputs = { 'subject-path': 'tool.txt', 'node-set-name': 'half', key: 'key.pem', 'bundle-dir': 'half' };
    const { exit, errors, outputs, summary } = await run({
      ...inputs,
      'publish-to': ['directory:half-www', 'oci'].join('\n'),
      registry: registry.repository,
    });
    registry.interfere = null;
    expect(exit).toBe(4);
    expect(errors[0]).toContain('Complete: directory:half-www');
    expect(outputs['bundle-dir']).toBe('half');
    expect(summary).toContain('cosign verify-blob-attestation');
    const again = {
      mode: 'publish',
      'bundle-dir': 'half',
      'publish-to': 'directory:half-www, oci',
      registry: registry.repository,
    };
    const { exit: exitAgain, log } = await run(again);
    expect(exitAgain).toBe(0);
    expect(log).toMatch(/Published to directory:half-www: 0 written/);
  });
});

describe('Mode publish', () => {
  test('says in a dry run what would be sent, and sends nothing', async () => {
    const calls = registry.calls.length;
    const inputs = { mode: 'publish', 'bundle-dir': 'release', 'publish-to': 'oci', registry: registry.repository };
    const { exit, log } = await run({ ...inputs, 'dry-run': 'true', ...members });
    expect(exit).toBe(0);
    expect(log).toContain('would be sent');
    expect(registry.calls.length).toBe(calls);
  });

  test.each<[string, Given, string]>([
    ['no directory', { 'publish-to': 'directory:x' }, 'usage.input'],
    ['no store', { 'bundle-dir': 'release' }, 'usage.input'],
    ['a directory without bundles', { 'bundle-dir': '.', 'publish-to': 'directory:x' }, 'usage.bundles'],
    ['a release where there is no tag', { 'bundle-dir': 'release', 'publish-to': 'release' }, 'usage.input'],
  ])('refuses %s', async (_what, inputs, code) => {
    const { exit, errors } = await run({ mode: 'publish', ...inputs }, { GITHUB_REF_TYPE: 'branch' });
    expect(exit).toBe(2);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(`nodeproof ${code}`);
  });
});

describe('Mode verify', () => {
  const verify = { mode: 'verify', policy: 'policy.yaml', 'trusted-root': 'trusted_root.json' };

  test('admits what the policy wants, and says on what the verdict stands', async () => {
    const { exit, errors, outputs, summary } = await run({ ...verify, ...members, 'bundle-dir': 'release' });
    expect([exit, errors]).toEqual([0, []]);
    expect(outputs['verdict']).toBe('admit');
    expect(summary).toContain(`| admit | \`${demo.falco}\` |`);
  });

  test('finds attestations by digest where they were published', async () => {
    const { exit, outputs, errors } = await run({ ...verify, sysext: demo.falco, from: 'directory:www' });
    expect([exit, errors, outputs['verdict']]).toEqual([0, [], 'admit']);
    const digest = Digest.format(Digest.of('sha256', readFileSync(workshop.path(demo.falco))));
    const byDigest = await run({ ...verify, digest, from: 'oci', registry: registry.repository });
    expect([byDigest.exit, byDigest.outputs['verdict']]).toEqual([0, 'admit']);
  });

  test('fails the job for one file that was changed, whatever the others are', async () => {
    const changed = readFileSync(workshop.path(demo.falco));
    changed[changed.byteLength - 1]! ^= 1;
    mkdirSync(workshop.path('changed'), { recursive: true });
    writeFileSync(join(workshop.path('changed'), demo.falco), changed);
    const sysext = `changed/${demo.falco}\n${demo.kubernetes}`;
    const { exit, errors, outputs, summary } = await run({ ...verify, sysext, 'bundle-dir': 'release' });
    expect(exit).toBe(1);
    expect(outputs['verdict']).toBe('refuse');
    expect(errors.join('\n')).toContain('attestation.none');
    expect(summary).toContain(`| **refuse** | \`changed/${demo.falco}\` |`);
    expect(summary).toContain(`| admit | \`${demo.kubernetes}\` |`);
  });

  test.each<[string, Given, number]>([
    ['no policy', { ...verify, policy: '', image: payload }, 2],
    ['no file', verify, 2],
    ['a policy that is none', { ...verify, policy: 'tool.txt', image: payload }, 2],
    [
      'another workflow than the wanted one',
      { ...verify, policy: 'other-policy.yaml', image: payload, 'bundle-dir': 'release' },
      3,
    ],
  ])('has the output refuse for %s', async (_what, inputs, wanted) => {
    const { exit, outputs } = await run(inputs);
    expect([exit, outputs['verdict']]).toEqual([wanted, 'refuse']);
  });
});
