import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Digest, limits } from '../../../pipeline/core/index.ts';
import {
  type DirectoryCache,
  openDirectoryCache,
  openDirectoryStore,
  openWebDirectoryStore,
} from '../../../pipeline/edge/store/index.ts';
import {
  blobPath,
  buildPublication,
  type FoundBundle,
  indexPath,
  parseSubjectIndex,
} from '../../../pipeline/store/index.ts';
import { makeSmallRelease, type SmallRelease } from '../../support/small-release.ts';
import { makeTemporaryFolder } from '../files/temporary-folder.ts';
import { codesOf, faultOf, settingsFor, silent } from './settings.ts';

const folder = makeTemporaryFolder();
const root = join(folder, 'cache');
const served = join(folder, 'served');
let release: SmallRelease;
let found: readonly FoundBundle[];
beforeAll(async () => {
  release = await makeSmallRelease();
  const store = openDirectoryStore(served, 'served');
  await store.put(buildPublication(release.files, [release.artifact]), silent);
  found = (await store.find(release.file)).bundles;
});
beforeEach(() => rmSync(root, { recursive: true, force: true }));

async function withCache<T>(step: (cache: DirectoryCache) => Promise<T>): Promise<T> {
  await using cache = openDirectoryCache(root, 'cache');
  return await step(cache);
}

const remember = (bundles: readonly FoundBundle[]) =>
  withCache(async (cache) => {
    await cache.remember(bundles, [release.file]);
    return cache.troubles;
  });
const recall = (digest: Digest, known: readonly string[] = []) =>
  withCache((cache) => cache.recall(digest, new Set(known)));
const indexOf = (digest: Digest) => parseSubjectIndex(readFileSync(join(root, indexPath(digest))), digest);

describe('A cache in a directory', () => {
  test('lists bundles under every digest that they are about, as the store did, and leaves nothing beside', async () => {
    expect(await remember(found)).toEqual([]);
    for (const digest of [release.file, release.manifest, release.identity])
      expect(readFileSync(join(root, indexPath(digest)), 'utf8')).toBe(
        `${JSON.stringify({ ...parseSubjectIndex(readFileSync(join(served, indexPath(digest))), digest), files: [] }, null, 2)}\n`,
      );
    expect(readdirSync(root).sort()).toEqual(['blobs', 'sha256']);
  });

  test('is not made where nothing was found', async () => {
    await remember([]);
    expect(existsSync(root)).toBe(false);
    expect(await recall(release.file)).toEqual({ bundles: [], passedOver: [], unread: [] });
  });

  test('recalls what is not known yet', async () => {
    await remember(found);
    expect((await recall(release.file)).bundles).toHaveLength(3);
    const [first] = found;
    expect((await recall(release.file, [first!.sha256])).bundles.map(({ sha256 }) => sha256)).not.toContain(
      first!.sha256,
    );
  });

  test('reads bytes only where they have their digest, and tells of the others', async () => {
    await remember(found);
    const digest = Digest.fromHex('sha256', found[0]!.sha256);
    const read = () =>
      withCache(async (cache) => ({
        bytes: await cache.blobs.read(digest, limits.bundleBytes),
        codes: codesOf(cache.troubles),
      }));
    expect((await read()).bytes).toEqual(found[0]!.bytes);
    writeFileSync(join(root, blobPath(digest)), 'rotten');
    expect(await read()).toEqual({ bytes: null, codes: ['store.digest'] });
    expect(await remember(found)).toEqual([]);
    expect(await read()).toEqual({ bytes: found[0]!.bytes, codes: [] });
  });

  test('makes an index anew that does not read', async () => {
    await remember(found);
    const right = indexOf(release.identity);
    writeFileSync(join(root, indexPath(release.identity)), '{');
    expect((await faultOf(recall(release.identity))).code).toBe('json.syntax');
    expect(codesOf(await remember(found))).toEqual(['json.syntax']);
    expect(indexOf(release.identity)).toEqual(right);
  });

  test('lets later bundles push out none of the first ones', async () => {
    await remember(found);
    const flood = Array.from({ length: limits.storeBundles }, (_, at) => {
      const bytes = Buffer.from(`junk ${at}`);
      return { ...found[0]!, bytes, sha256: Digest.of('sha256', bytes).hex, subjects: [release.file] };
    });
    const troubles = await remember(flood);
    expect(codesOf(troubles)).toEqual(['limit.store-bundles']);
    const listed = indexOf(release.file).bundles.map(({ digest }) => digest);
    expect(listed).toHaveLength(limits.storeBundles);
    expect(readdirSync(join(root, 'blobs/sha256'))).toHaveLength(limits.storeBundles);
    for (const { sha256 } of found) expect(listed).toContain(`sha256:${sha256}`);
  });

  test('does not take more bytes for a digest than a store may give', async () => {
    const bytes = new Uint8Array(limits.bundleBytes);
    const large = Array.from({ length: 2 }, (_, at) => {
      const own = { ...found[at]!, subjects: [release.file] };
      return Object.defineProperty(own, 'bytes', { value: bytes.subarray(at) });
    });
    writeIndexOf(limits.storeFoundBytes - limits.bundleBytes);
    expect(codesOf(await remember(large))).toEqual(['limit.store-bundles']);
  });

  test('lists what was found under what was asked for, under so many digests besides, and no more', async () => {
    const subjects = Array.from({ length: limits.cachedSubjects + 1 }, (_, at) => Digest.of('sha256', `file ${at}`));
    const flood = [0, 1].map((at) => ({ ...found[at]!, subjects: [...subjects.slice(at), release.file] }));
    await remember(flood);
    const listed = readdirSync(join(root, 'sha256'));
    expect(listed).toHaveLength(limits.cachedSubjects + 1);
    expect(listed).toContain(release.file.hex);
  });

  test.each([
    ['a fifo', (path: string) => void execFileSync('mkfifo', [path])],
    ['a file of a terabyte', (path: string) => (writeFileSync(path, ''), truncateSync(path, 2 ** 40))],
    ['a link to a device that never ends', (path: string) => symlinkSync('/dev/zero', path)],
    ['a link that leads nowhere', (path: string) => symlinkSync('nowhere', path)],
    ['a part of a file', (path: string) => writeFileSync(path, found[0]!.bytes.subarray(0, 100))],
  ])(
    'in which somebody left %s in place of a bundle or a list is made good, and holds nobody up',
    async (_what, leave) => {
      await remember(found);
      const paths = [blobPath(Digest.fromHex('sha256', found[0]!.sha256)), indexPath(release.file)];
      const right = paths.map((path) => readFileSync(join(root, path)));
      for (const path of paths) {
        rmSync(join(root, path));
        leave(join(root, path));
      }
      await remember(found);
      expect(paths.map((path) => readFileSync(join(root, path)))).toEqual(right);
    },
  );

  test('in which somebody left directories in place of files is told, and holds nobody up', async () => {
    for (const { sha256 } of found)
      mkdirSync(join(root, blobPath(Digest.fromHex('sha256', sha256)), 'x'), { recursive: true });
    expect(codesOf(await remember(found))).toEqual(['file.write']);
  });

  test('takes what two runs add at once, and what a killed run left beside is no trouble', async () => {
    mkdirSync(join(root, '.partial-killed'), { recursive: true });
    writeFileSync(join(root, '.partial-killed/index.json'), '{');
    const outcomes = await Promise.all([remember(found), remember(found), remember(found.slice(1))]);
    expect(outcomes).toEqual([[], [], []]);
    expect(await remember(found)).toEqual([]);
    expect((await recall(release.file)).bundles).toHaveLength(3);
  });

  test('that cannot be written tells so once, and goes on', async () => {
    writeFileSync(root, 'a file');
    const troubles = await withCache(async (cache) => {
      await cache.blobs.write(release.file, release.artifactBytes);
      await cache.remember(found, [release.file]);
      return cache.troubles;
    });
    expect(codesOf(troubles)).toEqual(['file.write']);
  });
});

/** An index that says of one bundle that it has so many bytes. */
function writeIndexOf(sizeBytes: number): void {
  const index = parseSubjectIndex(readFileSync(join(served, indexPath(release.file))), release.file);
  const [entry] = index.bundles;
  const path = join(root, indexPath(release.file));
  mkdirSync(join(path, '..'), { recursive: true });
  const listed = { ...entry, digest: `sha256:${'0'.repeat(64)}`, sizeBytes };
  writeFileSync(path, JSON.stringify({ ...index, bundles: [listed], files: [] }));
}

describe('A directory behind a web server, with a cache', () => {
  let server: Server;
  let asked: string[];
  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end(readFileSync(join(served, request.url ?? '')));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => void server.close());

  test('is asked for its list again, and for no bundle twice', async () => {
    const origin = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const find = () =>
      withCache(async ({ blobs }) => await openWebDirectoryStore(origin, settingsFor(), blobs).find(release.file));
    asked = [];
    const first = await find();
    expect(asked).toHaveLength(4);
    asked = [];
    expect((await find()).bundles.map(({ sha256 }) => sha256)).toEqual(first.bundles.map(({ sha256 }) => sha256));
    expect(asked).toEqual([`/${indexPath(release.file)}`]);
  });
});
