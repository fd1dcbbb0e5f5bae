import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Digest } from '../../pipeline/core/index.ts';
import { parseBundle } from '../../pipeline/formats/sigstore-bundle/index.ts';
import { makeTemporaryFolder } from '../edge/files/temporary-folder.ts';
import { type LoopbackRegistry, openLoopbackRegistry } from '../support/loopback-registry.ts';
import { makeSmallRelease, type SmallRelease } from '../support/small-release.ts';
import { type Outcome, runIn } from './world.ts';

const folder = makeTemporaryFolder();
let release: SmallRelease;
let registry: LoopbackRegistry;
beforeAll(async () => {
  release = await makeSmallRelease();
  registry = await openLoopbackRegistry();
  mkdirSync(join(folder, 'release'));
  for (const [name, bytes] of release.files) writeFileSync(join(folder, 'release', name), bytes);
  writeFileSync(join(folder, 'falco.raw'), release.artifactBytes);
});
afterAll(() => registry[Symbol.asyncDispose]());

const run = (...args: readonly string[]): Promise<Outcome> => runIn(folder, ...args);
const digest = () => Digest.format(release.file);
const nowhere = `sha256:${'0'.repeat(64)}`;

describe('publish', () => {
  test('sends nothing in a dry run, and says what it would', async () => {
    const { exit, stdout } = await run(
      'publish',
      'release',
      '--to',
      'directory:dry',
      `oci:${registry.repository}`,
      '--dry-run',
    );
    expect(exit).toBe(0);
    expect(stdout).toContain('falco.raw.provenance.sigstore.json');
    expect(stdout).toContain(`node-set-${release.identity.hex}`);
    expect(readdirSync(folder)).not.toContain('dry');
    expect(registry.calls).toEqual([]);
  });

  test('publishes to several stores, and only once', async () => {
    const args = [
      'publish',
      'release',
      '--artifacts',
      'falco.raw',
      '--to',
      'directory:store',
      `oci:${registry.repository}`,
    ];
    const { exit, stdout } = await run(...args);
    expect(exit).toBe(0);
    expect(stdout).toMatch(
      /directory:store: [1-9]\d* written, 0 there already\n.*oci:.*: [1-9]\d* written, 0 there already\n$/,
    );
    const again = JSON.parse((await run(...args, '--json')).stdout) as {
      published: { written: object[]; store: string }[];
    };
    expect(again.published.map(({ written }) => written)).toEqual([[], []]);
  });

  test('that fails says which stores are complete, and that another run goes on', async () => {
    registry.interfere = () => ({ status: 403 });
    const { exit, stderr } = await run('publish', 'release', '--to', 'directory:store', `oci:${registry.repository}`);
    registry.interfere = null;
    expect(exit).toBe(4);
    expect(stderr).toContain('Complete: directory:store');
    expect(stderr).toContain('[network.denied]');
  });

  test.each([
    [['release'], 'usage.store'],
    [['release', '--to', 'ftp:x'], 'usage.store'],
    [['release', '--to', 'constructor:x'], 'usage.store'],
    [['release', '--to', 'oci:http://registry.example/nodes'], 'usage.address'],
    [['release', '--to', 'oci:registry.example/nodes', '--registry-user', 'robot'], 'usage.registry'],
    [['release', '--to', 'directory:store', '--artifacts', 'release/SHA256SUMS'], 'usage.artifacts'],
    [['release', '--to', 'directory:store', '--artifacts', 'nothing'], 'file.missing'],
    [['nothing', '--to', 'directory:store'], 'file.missing'],
    [['store', '--to', 'directory:other'], 'usage.bundles'],
  ])('refuses %j with %s before anything is sent', async (args, code) => {
    const { stdout } = await run('publish', ...args, '--json');
    expect(JSON.parse(stdout)).toMatchObject({ error: { code } });
    expect(readdirSync(folder)).not.toContain('other');
  });
});

describe('fetch', () => {
  test('prints bundles one a line for verify, and what it found to whom it may concern', async () => {
    const { exit, stdout, stderr } = await run('fetch', digest(), '--from', 'directory:store', '--offline');
    expect(exit).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    for (const line of lines) parseBundle(Buffer.from(line));
    expect(stderr).toContain('3 bundles');
  });

  test('writes each bundle once into a directory, wherever it is found', async () => {
    const from = ['--from', `oci:${registry.repository}`, 'directory:store'];
    const { exit, stdout } = await run('fetch', digest(), Digest.format(release.identity), ...from, '--out', 'fetched');
    expect(exit).toBe(0);
    expect(stdout).toContain('Wrote 3 bundles');
    const names = readdirSync(join(folder, 'fetched'));
    expect(names).toHaveLength(3);
    for (const name of names) expect(name).toMatch(/^sha256-[0-9a-f]{64}\.sigstore\.json$/);
  });

  test('says for each digest what it found, as JSON', async () => {
    const { exit, stdout } = await run('fetch', digest(), nowhere, '--from', 'directory:store', '--json');
    expect(exit).toBe(1);
    const { fetched } = JSON.parse(stdout) as { fetched: { digest: string; bundles: object[] }[] };
    expect(fetched.map((each) => [each.digest, each.bundles.length])).toEqual([
      [digest(), 3],
      [nowhere, 0],
    ]);
  });

  test('does not take a store that gives no answer for one without bundles', async () => {
    registry.interfere = () => ({ status: 404, headers: {} });
    expect((await run('fetch', nowhere, '--from', `oci:${registry.repository}`)).exit).toBe(1);
    registry.interfere = () => ({ status: 403 });
    const { exit, stderr } = await run('fetch', nowhere, '--from', `oci:${registry.repository}`, 'directory:store');
    expect(exit).toBe(4);
    expect(stderr).toContain('no answer from oci:');
    const found = await run('fetch', digest(), '--from', `oci:${registry.repository}`, 'directory:store');
    registry.interfere = null;
    expect(found.exit).toBe(0);
  });

  test('opens no socket with --offline', async () => {
    registry.calls.length = 0;
    for (const store of [`oci:${registry.repository}`, `directory:${registry.origin}/nodes`]) {
      const { exit, stderr } = await run('fetch', digest(), '--offline', '--from', store);
      expect(exit).toBe(2);
      expect(stderr).toContain('[usage.offline]');
    }
    expect(registry.calls).toEqual([]);
  });

  test.each([
    ['sha256:xyz', 'config.digest-hex'],
    ['falco.raw', 'config.digest-algorithm'],
    [`sha512:${'0'.repeat(128)}`, 'usage.digest'],
  ])('refuses %s by name', async (operand, code) => {
    const { exit, stderr } = await run('fetch', operand, '--from', 'directory:store');
    expect(stderr).toContain(`[${code}]`);
    expect(exit).toBe(2);
  });
});
