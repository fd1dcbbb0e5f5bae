import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Digest } from '../../pipeline/core/index.ts';
import { makeTemporaryFolder } from '../edge/files/temporary-folder.ts';
import { type CommandOutcome, runCommandLine } from '../support/command-line.ts';
import { type LoopbackGithub, openLoopbackGithub, token } from '../support/loopback-github/index.ts';
import { makeSmallRelease, type SmallRelease } from '../support/small-release.ts';

const folder = makeTemporaryFolder();
let release: SmallRelease;
let github: LoopbackGithub;
beforeAll(async () => {
  release = await makeSmallRelease();
  mkdirSync(join(folder, 'release'));
  for (const [name, bytes] of release.files) writeFileSync(join(folder, 'release', name), bytes);
  writeFileSync(join(folder, 'release', 'workers.summary.md'), '# workers\n');
  writeFileSync(join(folder, 'falco.raw'), release.artifactBytes);
  writeFileSync(join(folder, 'token'), `${token}\n`);
  writeFileSync(join(folder, 'bad-token'), 'two words\n');
});
beforeEach(async () => {
  github = await openLoopbackGithub();
});
afterEach(() => github[Symbol.asyncDispose]());

/** In a world as a job of GitHub's has it. */
const run = (...args: readonly string[]): Promise<CommandOutcome> =>
  runIn({ GITHUB_API_URL: github.origin, GITHUB_TOKEN: token }, ...args);
const runIn = (environment: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<CommandOutcome> =>
  runCommandLine(args, { directory: folder, environment });
const stores = ['github-attestations:acme/nodes', 'release:acme/nodes@v1'];
const publish = ['publish', 'release', '--artifacts', 'falco.raw', '--to'];

describe('On GitHub', () => {
  test('publish puts attestations and a release, with their ids and addresses, and fetch finds both', async () => {
    const { exit, json, stderr } = await run(...publish, ...stores, '--json');
    expect(stderr).toBe('');
    expect(exit).toBe(0);
    const { published } = json as { published: { written: { what: string; id: string; url: string }[] }[] };
    expect(published[0]?.written[0]).toMatchObject({ id: '1', url: `${github.origin}/acme/nodes/attestations/1` });
    expect(published[1]?.written.find(({ what }) => what === 'workers.summary.md')).toMatchObject({
      url: `${github.origin}/acme/nodes/releases/download/v1/workers.summary.md`,
    });
    expect(github.attestations).toHaveLength(3);
    expect(github.releases).toMatchObject([{ tag: 'v1', isDraft: false }]);

    for (const store of ['github-attestations:acme', ...stores]) {
      const found = await run('fetch', Digest.format(release.file), '--from', store);
      expect(found.exit).toBe(0);
      expect(found.stdout.trimEnd().split('\n')).toHaveLength(3);
    }
    const both = await run('fetch', Digest.format(release.file), '--from', ...stores, '--json');
    expect((both.json as { fetched: { bundles: object[] }[] }).fetched[0]?.bundles).toHaveLength(3);
    const again = await run(...publish, ...stores);
    expect(again.stdout).toMatch(/0 written, 3 there already\n.* 0 written, 8 there already\n$/);
  });

  test('a dry run asks nothing and needs no token', async () => {
    const { exit, stdout } = await runIn({ GITHUB_API_URL: github.origin }, ...publish, ...stores, '--dry-run');
    expect(exit).toBe(0);
    expect(stdout).toContain('repos/acme/nodes/attestations');
    expect(stdout).toContain('releases/v1');
    expect(github.calls).toEqual([]);
  });

  test('--keep-draft leaves the release to a later job', async () => {
    expect((await run(...publish, stores[1]!, '--keep-draft')).exit).toBe(0);
    expect(github.releases).toMatchObject([{ isDraft: true }]);
    expect((await run(...publish, stores[1]!)).stdout).toContain('0 written, 8 there already');
    expect(github.releases).toMatchObject([{ isDraft: false }]);
  });

  test.each([
    [['--github-token-file', 'token'], { GITHUB_TOKEN: 'wrong' }],
    [[], { GITHUB_TOKEN: token, GH_TOKEN: 'wrong' }],
    [[], { GITHUB_TOKEN: '', GH_TOKEN: token }],
  ])('the token is taken from %j, then from %j', async (options, environment: Record<string, string>) => {
    const all = [...publish, stores[0]!, '--github-api-url', github.origin, ...options];
    expect((await runIn({ ...environment, GITHUB_API_URL: 'https://unused.example' }, ...all)).exit).toBe(0);
    for (const { headers } of github.calls) expect(headers.authorization).toBe(`Bearer ${token}`);
  });

  test('no token is ever told', async () => {
    github.interfere = ({ headers }) => ({ status: 403, body: { message: 'No.', echo: headers.authorization } });
    for (const json of [[], ['--json']]) {
      const { exit, stdout, stderr, code } = await run(...publish, stores[0]!, ...json);
      expect(exit).toBe(4);
      expect(code).toBe('network.denied');
      expect(stdout + stderr).toContain('permissions: attestations: write');
      expect(stdout + stderr).not.toContain(token);
    }
  });

  test.each([
    [['github-attestations:acme/nodes'], {}, 'usage.github-token'],
    [['release:acme/nodes@v1'], {}, 'usage.github-token'],
    [['github-attestations:acme'], { GITHUB_TOKEN: token }, 'usage.read-only'],
    [['github-attestations:acme'], { GITHUB_TOKEN: token }, 'usage.read-only'],
    [['github-attestations:a/b/c'], {}, 'usage.store'],
    [['release:acme/nodes'], {}, 'usage.store'],
    [['release:acme/nodes@v1', '--github-token-file', 'bad-token'], {}, 'config.github-token'],
    [['release:acme/nodes@v1', '--github-token-file', 'nothing'], {}, 'file.missing'],
    [['release:acme/nodes@v1', '--github-api-url', 'http://github.example'], {}, 'usage.address'],
  ])('publish refuses %j in %j with %s', async (args, environment: Record<string, string>, code) => {
    const outcome = await runIn({ GITHUB_API_URL: github.origin, ...environment }, ...publish, ...args, '--json');
    expect(outcome.code).toBe(code);
    expect(github.calls).toEqual([]);
  });

  test('fetch opens no socket with --offline', async () => {
    for (const store of [...stores, 'github-attestations:acme']) {
      const { exit, code } = await run('fetch', Digest.format(release.file), '--offline', '--from', store);
      expect([exit, code]).toEqual([2, 'usage.offline']);
    }
    expect(github.calls).toEqual([]);
  });

  test('fetch says when to try again where a rate limit lasts', async () => {
    const reset = String(Math.ceil(Date.now() / 1000) + 3600);
    const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset };
    github.interfere = () => ({ status: 403, headers, body: { message: 'API rate limit exceeded.' } });
    const { exit, stderr } = await run('fetch', Digest.format(release.file), '--from', stores[0]!);
    expect(exit).toBe(4);
    expect(stderr).toMatch(/no answer from github-attestations:acme\/nodes: .*Try again after \d{4}-/);
  });
});
