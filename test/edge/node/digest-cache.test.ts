import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Evidence } from '../../../pipeline/evidence/index.ts';
import { image, kubernetesPath, stableNode } from '../../evidence/made-node.ts';
import { writeMadeNode } from '../../evidence/made-node-directory.ts';
import { runCommandLine } from '../../support/command-line.ts';
import { makeTemporaryFolder } from '../files/temporary-folder.ts';

const folder = makeTemporaryFolder();
const root = join(folder, 'root');
const file = join(root, kubernetesPath);
let caches = 0;

beforeAll(async () => {
  writeMadeNode(root, stableNode);
  // What was changed just now is not kept: it could change again within one tick of the clock.
  await setTimeout(2100);
});

async function collect(cache: string) {
  const outcome = await runCommandLine(['node', 'collect', '--root', root, '--digest-cache', cache, '--json'], {
    directory: folder,
  });
  const found = (outcome.json as Evidence).sysexts.found.find(({ name }) => name === 'kubernetes');
  return { ...outcome, sha256: found?.sha256 };
}

const newCache = () => `cache-${++caches}.json`;
const fromCache = `${kubernetesPath}, from the digest cache`;

describe('The digest cache', () => {
  test('tells the same digest the second time, and that it did', async () => {
    const cache = newCache();
    const first = await collect(cache);
    const second = await collect(cache);
    expect(first.sha256?.source).toBe(kubernetesPath);
    expect(second.sha256).toEqual({ ...first.sha256, source: fromCache });
    expect([first.stderr, second.stderr]).toEqual(['', '']);
    expect(statSync(join(folder, cache)).mode & 0o777).toBe(0o600);
  });

  test.each([
    ['no JSON', '{'],
    ['another layout', '{"type":"https://nodeproof.dev/digest-cache/v1"}'],
    ['too many bytes', ' '.repeat(1024 * 1024 + 1)],
  ])('with %s is told of, not used, and written anew', async (_, text) => {
    const cache = newCache();
    writeFileSync(join(folder, cache), text, { mode: 0o600 });
    const first = await collect(cache);
    expect([first.exit, first.sha256?.source]).toEqual([0, kubernetesPath]);
    expect(first.stderr).toMatch(/^Note: the digest cache is not used: /);
    expect((await collect(cache)).sha256?.source).toBe(fromCache);
  });

  test('that others can write to is not used', async () => {
    const cache = newCache();
    await collect(cache);
    chmodSync(join(folder, cache), 0o666);
    const { sha256, stderr } = await collect(cache);
    expect(sha256?.source).toBe(kubernetesPath);
    expect(stderr).toContain('nobody else can write to');
  });

  test('of another boot is not used', async () => {
    const cache = newCache();
    await collect(cache);
    const text = readFileSync(join(folder, cache), 'utf8');
    writeFileSync(join(folder, cache), text.replace(/"bootId":"[^"]*"/, '"bootId":"another"'), { mode: 0o600 });
    expect((await collect(cache)).sha256?.source).toBe(kubernetesPath);
  });

  test.each(['device', 'inode', 'sizeBytes', 'modifiedAt', 'changedAt'])(
    'with another %s of a file is no word about it',
    async (name) => {
      const cache = newCache();
      await collect(cache);
      const document = JSON.parse(readFileSync(join(folder, cache), 'utf8')) as { entries: Record<string, string>[] };
      for (const entry of document.entries) entry[name] = `${BigInt(entry[name] ?? '') + 1n}`;
      writeFileSync(join(folder, cache), JSON.stringify(document), { mode: 0o600 });
      expect((await collect(cache)).sha256?.source).toBe(kubernetesPath);
    },
  );

  test('reads a file again that was swapped in place, with the old time of modification', async () => {
    const cache = newCache();
    const before = await collect(cache);
    const { atime, mtime } = statSync(file);
    const other = image('kubernetes.raw');
    other[other.length - 1] = (other.at(-1) ?? 0) ^ 1;
    writeFileSync(file, other);
    utimesSync(file, atime, mtime);
    const after = await collect(cache);
    expect(after.sha256?.source).toBe(kubernetesPath);
    expect(after.sha256?.value).not.toBe(before.sha256?.value);
    // And one that was renamed into its place.
    writeFileSync(`${file}.new`, image('kubernetes.raw'));
    utimesSync(`${file}.new`, atime, mtime);
    renameSync(`${file}.new`, file);
    expect((await collect(cache)).sha256).toEqual(before.sha256);
  });

  test('that cannot be written is a fault', async () => {
    const { exit, json } = await runCommandLine(
      ['node', 'collect', '--root', root, '--digest-cache', 'nowhere/cache.json', '--json'],
      { directory: folder },
    );
    expect([exit, json]).toMatchObject([4, { error: { code: 'file.write' } }]);
  });

  test('never decides a join', async () => {
    mkdirSync(dirname(join(folder, 'x')), { recursive: true });
    writeFileSync(
      join(folder, 'policy.json'),
      readFileSync(join(import.meta.dirname, '../../../samples/demo/policy.yaml')),
    );
    const { exit, json } = await runCommandLine(
      ['node', 'verify', '--policy', 'policy.json', '--join', '--digest-cache', 'cache.json', '--json'],
      { directory: folder },
    );
    expect([exit, json]).toMatchObject([2, { error: { code: 'usage.digest-cache' } }]);
  });
});
