import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { compareText, Digest, limits } from '../../../pipeline/core/index.ts';
import { describeSite, openReleaseStore } from '../../../pipeline/edge/store/index.ts';
import { buildPublication, type Publication } from '../../../pipeline/store/index.ts';
import {
  type Answer,
  type LoopbackGithub,
  openLoopbackGithub,
  type StoredAsset,
  type StoredRelease,
  token,
} from '../../support/loopback-github/index.ts';
import { makeSmallRelease, type SmallRelease } from '../../support/small-release.ts';
import { callsOf, openRelease } from './github-settings.ts';
import { codesOf, faultOf, settingsFor, silent } from './settings.ts';

let small: SmallRelease;
let publication: Publication;
let github: LoopbackGithub;
beforeAll(async () => {
  small = await makeSmallRelease();
  const lines = [...small.files].filter(([name]) => name.endsWith('.sigstore.json')).map(([, bytes]) => bytes);
  const files = new Map([...small.files, ['workers.intoto.jsonl', Buffer.concat(lines)] as const]);
  files.set('workers.summary.md', Buffer.from('# workers\n'));
  publication = buildPublication(files, [small.artifact]);
});
beforeEach(async () => {
  github = await openLoopbackGithub();
});
afterEach(() => github[Symbol.asyncDispose]());

const assetName = (fileName: string): string => (fileName === 'SHA256SUMS' ? 'workers.SHA256SUMS' : fileName);

/** Every file by its name: the end state that counts. */
const wanted = (): readonly (readonly [string, string])[] =>
  [
    ...publication.files.map(
      ({ fileName, bytes }) => [assetName(fileName), Buffer.from(bytes).toString('hex')] as const,
    ),
    ['falco.raw', small.artifactBytes.toString('hex')] as const,
  ].toSorted(([a], [b]) => compareText(a, b));

const contentOf = ({ assets }: StoredRelease): readonly (readonly [string, string])[] =>
  assets.map(({ name, bytes }) => [name, bytes.toString('hex')] as const).toSorted(([a], [b]) => compareText(a, b));

function addRelease(change: Partial<StoredRelease> = {}): StoredRelease {
  const release = { id: github.nextId++, tag: 'v1', isDraft: true, isImmutable: false, assets: [], ...change };
  github.releases.push(release);
  return release;
}

function addAsset(release: StoredRelease, name: string, content: string | Uint8Array, state = 'uploaded'): StoredAsset {
  const asset = { id: github.nextId++, name, bytes: Buffer.from(content), state: state as StoredAsset['state'] };
  release.assets.push(asset);
  return asset;
}

describe('Publishing a release', () => {
  test('uploads all files into a draft, and publishes that', async () => {
    github.settings.isImmutable = true;
    const { written, present } = await openRelease(github).put(publication, silent);
    expect(github.releases).toMatchObject([{ tag: 'v1', isDraft: false, isImmutable: true }]);
    expect(contentOf(github.releases[0]!)).toEqual(wanted());
    expect(present).toEqual([]);
    expect(written.map(({ what }) => what).toSorted(compareText)).toEqual(wanted().map(([name]) => name));
    expect(written.find(({ what }) => what === 'falco.raw')).toMatchObject({
      url: `${github.origin}/acme/nodes/releases/download/v1/falco.raw`,
      id: String(github.releases[0]!.assets.find(({ name }) => name === 'falco.raw')!.id),
    });
    expect(github.calls.at(-1)?.method).toBe('PATCH');
    expect(
      openRelease(github)
        .plan(publication)
        .map(({ what }) => what),
    ).toEqual(written.map(({ what }) => what));
  });

  test('twice writes nothing twice', async () => {
    github.settings.isImmutable = true;
    await openRelease(github).put(publication, silent);
    github.calls.length = 0;
    const { written, present } = await openRelease(github).put(publication, silent);
    expect(written).toEqual([]);
    expect(present).toHaveLength(wanted().length);
    expect(github.calls.map(({ method }) => method)).toEqual(github.calls.map(() => 'GET'));
  });

  test('goes on in a draft, and leaves it one where that is wanted', async () => {
    addRelease();
    const { written } = await openRelease(github, { keepDraft: true }).put(publication, silent);
    expect(github.releases).toHaveLength(1);
    expect(github.releases[0]).toMatchObject({ isDraft: true });
    expect(written[0]).not.toHaveProperty('url');
    expect((await openRelease(github).put(publication, silent)).written).toEqual([]);
    expect(github.releases[0]).toMatchObject({ isDraft: false });
    expect(contentOf(github.releases[0]!)).toEqual(wanted());
  });

  test('uploads anew what broke off in a draft, and leaves alone what is of others', async () => {
    const draft = addRelease();
    addAsset(draft, 'SHA256SUMS', 'of others');
    addAsset(draft, 'falco.raw', '', 'starter');
    const { written, present } = await openRelease(github).put(publication, silent);
    expect(written).toHaveLength(wanted().length);
    expect(present).toEqual([]);
    expect(contentOf(draft).filter(([name]) => name !== 'SHA256SUMS')).toEqual(wanted());
    expect(draft.assets.map(({ name }) => name)).toContain('SHA256SUMS');
  });

  test('adds to a published release that can be changed', async () => {
    const published = addRelease({ isDraft: false });
    addAsset(published, 'falco.raw', small.artifactBytes);
    addAsset(published, 'workers.SHA256SUMS', '', 'starter');
    const { present } = await openRelease(github).put(publication, silent);
    expect(present.map(({ what }) => what)).toEqual(['falco.raw']);
    expect(contentOf(published)).toEqual(wanted());
  });

  test('refuses to replace a file of a published release, before anything is uploaded', async () => {
    const published = addRelease({ isDraft: false });
    addAsset(published, 'workers.summary.md', '# lies   \n');
    const fault = await faultOf(openRelease(github).put(publication, silent));
    expect(fault).toMatchObject({ code: 'store.asset', where: 'workers.summary.md' });
    expect(github.calls.filter(({ method }) => method !== 'GET')).toEqual([]);
  });

  test('refuses to add to an immutable release, before anything is uploaded', async () => {
    const published = addRelease({ isDraft: false, isImmutable: true });
    for (const { fileName, bytes } of publication.files.slice(0, 3)) addAsset(published, fileName, bytes);
    const fault = await faultOf(openRelease(github).put(publication, silent));
    expect(fault).toMatchObject({ code: 'store.immutable', next: expect.stringContaining('draft') as string });
    expect(github.calls.filter(({ method }) => method !== 'GET')).toEqual([]);
  });

  test.each([
    ['the same', null],
    ['another', 'store.asset'],
  ])('compares the content of %s file where GitHub gives no digest', async (_what, code) => {
    github.settings.hasDigests = false;
    const published = addRelease({ isDraft: false });
    const bytes = Buffer.from(small.artifactBytes);
    if (code !== null) bytes[0]! ^= 1;
    addAsset(published, 'falco.raw', bytes);
    const put = openRelease(github).put(publication, silent);
    if (code === null) expect((await put).present.map(({ what }) => what)).toEqual(['falco.raw']);
    else expect((await faultOf(put)).code).toBe(code);
    for (const { headers } of github.storage.calls) expect(headers.authorization).toBeUndefined();
  });

  test('uses the oldest of two drafts, and deletes its own where another was made at once', async () => {
    const [first] = [addRelease(), addRelease()];
    await openRelease(github, { keepDraft: true }).put(publication, silent);
    expect(contentOf(first)).toEqual(wanted());
    await using other = await openLoopbackGithub();
    other.nextId = 7;
    other.interfere = ({ method, url }) => {
      if (method === 'POST' && url.pathname.endsWith('/releases'))
        other.releases.push({ id: 3, tag: 'v1', isDraft: true, isImmutable: false, assets: [] });
      return undefined;
    };
    await openRelease(other).put(publication, silent);
    expect(other.releases.map(({ id, isDraft }) => [id, isDraft])).toEqual([[3, false]]);
    expect(contentOf(other.releases[0]!)).toEqual(wanted());
  });

  test('finds a draft behind thousands of releases', async () => {
    const draft = addRelease();
    for (let at = 0; at < 6500; at++) addRelease({ tag: `old-${at}`, isDraft: false });
    await openRelease(github).put(publication, silent);
    expect(contentOf(draft)).toEqual(wanted());
    expect(github.releases).toHaveLength(6501);
  });

  test('takes what another job uploaded meanwhile', async () => {
    let isFirst = true;
    github.interfere = ({ method, url }, right) => {
      if (method !== 'POST' || !url.pathname.startsWith('/uploads') || !isFirst) return undefined;
      isFirst = false;
      right();
      return right();
    };
    const { written, present } = await openRelease(github).put(publication, silent);
    expect([written.length, present.length]).toEqual([wanted().length - 1, 1]);
    expect(contentOf(github.releases[0]!)).toEqual(wanted());
  });

  test('leaves alone what another job put into a published release meanwhile', async () => {
    const published = addRelease({ isDraft: false });
    github.interfere = ({ method }) => {
      if (method !== 'POST') return undefined;
      if (published.assets.length === 0) addAsset(published, 'workers.SHA256SUMS', 'of the other job');
      return { status: 502 };
    };
    expect((await faultOf(openRelease(github).put(publication, silent))).code).toBe('store.asset');
    expect(published.assets.map(({ bytes }) => bytes.toString())).toEqual(['of the other job']);
  });

  test.each([true, false])('by two jobs at once makes one whole release (immutable: %s)', async (isImmutable) => {
    github.settings.isImmutable = isImmutable;
    await Promise.all([1, 2].map(() => openRelease(github).put(publication, silent)));
    expect(github.releases).toMatchObject([{ isDraft: false }]);
    expect(contentOf(github.releases[0]!)).toEqual(wanted());
  });

  test('whose answers are lost, one after the other, doubles nothing', async () => {
    const lost = new Set<string>();
    github.interfere = (call, right) => {
      const step = `${call.method} ${call.url.href}`;
      if (call.method === 'GET' || lost.has(step)) return undefined;
      lost.add(step);
      right();
      return { status: 502 };
    };
    await openRelease(github).put(publication, silent);
    expect(github.releases).toMatchObject([{ isDraft: false }]);
    expect(contentOf(github.releases[0]!)).toEqual(wanted());
  });

  test('that was interrupted at any call is finished by the next run, to the same end', async () => {
    await openRelease(github).put(publication, silent);
    const calls = github.calls.length;
    for (const isDone of [false, true]) {
      for (let at = 1; at <= calls; at++) {
        await using server = await openLoopbackGithub();
        let count = 0;
        server.interfere = (_call, right) => {
          if (++count < at) return undefined;
          if (count === at && isDone) right();
          return { status: 500 };
        };
        const impatient = { ...settingsFor(), retries: 0 };
        await faultOf(openRelease(server, { settings: impatient }).put(publication, silent));
        server.interfere = null;
        await openRelease(server).put(publication, silent);
        expect(server.releases).toMatchObject([{ tag: 'v1', isDraft: false }]);
        expect(contentOf(server.releases[0]!)).toEqual(wanted());
      }
    }
  });

  test.each([
    'https://evil.example/repos/acme/nodes/releases/1/assets{?name,label}',
    'ORIGIN/uploads/repos/acme/nodes/releases/99/assets{?name,label}',
    'ORIGIN@evil.example/releases/1/assets{?name,label}',
    'nonsense',
  ])('uploads nothing to %s', async (address) => {
    addRelease();
    github.interfere = (_call, right) => {
      const { body, ...answer } = right();
      const change = (each: object): object =>
        'upload_url' in each ? { ...each, upload_url: address.replace('ORIGIN', github.origin) } : each;
      const changed = Array.isArray(body) ? body.map(change) : typeof body === 'object' ? change(body) : body;
      return { ...answer, ...(changed === undefined ? {} : { body: changed }) };
    };
    expect((await faultOf(openRelease(github).put(publication, silent))).code).toBe('store.address');
    expect(callsOf(github, 'POST')).toEqual([]);
  });

  test.each(['with space.cdx.json', 'tilde~1.cdx.json', '.hidden.cdx.json', 'größe.cdx.json'])(
    'refuses the name %s, which GitHub changes, before anything is sent',
    async (fileName) => {
      const [file, ...files] = publication.files;
      const odd = { ...publication, files: [{ ...file!, fileName }, ...files] };
      expect(await faultOf(openRelease(github).put(odd, silent))).toMatchObject({
        code: 'usage.artifacts',
        where: fileName,
        next: expect.stringContaining('letters') as string,
      });
      expect(github.calls).toEqual([]);
    },
  );

  test('refuses a name that GitHub changes unexpectedly, and leaves no such asset', async () => {
    github.interfere = ({ method, url }, right) => {
      const { body, ...answer } = right();
      if (method !== 'POST' || !url.pathname.startsWith('/uploads')) return { ...answer, ...(body && { body }) };
      const asset = github.releases[0]!.assets.at(-1)!;
      Object.assign(asset, { name: `default.${asset.name}` });
      return { ...answer, body: { ...(body as object), name: asset.name } };
    };
    expect(await faultOf(openRelease(github).put(publication, silent))).toMatchObject({
      code: 'store.asset',
      where: 'workers.SHA256SUMS',
    });
    expect(github.releases.flatMap(({ assets }) => assets)).toEqual([]);
  });

  test('refuses two files of one name, and files that no release takes, before anything is sent', async () => {
    const [artifact] = publication.artifacts;
    for (const change of [{ fileName: 'workers.SHA256SUMS' }, { sizeBytes: 2 ** 31 }]) {
      const odd = { ...publication, artifacts: [{ ...artifact!, ...change }] };
      expect((await faultOf(openRelease(github).put(odd, silent))).code).toBe('usage.artifacts');
    }
    expect((await faultOf(openRelease(github, { bearer: null }).put(publication, silent))).code).toBe(
      'usage.github-token',
    );
    expect(github.calls).toEqual([]);
  });

  test.each([
    [403, 'network.denied', 'permissions: contents: write'],
    [404, 'network.denied', 'that the token may write to'],
    [422, 'network.refused', 'Look at the release'],
  ])('that gets %i says what to do', async (status, code, next) => {
    github.interfere = ({ method }) => (method === 'POST' ? { status, body: { message: 'No.' } } : undefined);
    const fault = await faultOf(openRelease(github).put(publication, silent));
    expect(fault).toMatchObject({ code, next: expect.stringContaining(next) as string });
  });
});

describe('The assets of a release', () => {
  beforeEach(async () => {
    await openRelease(github).put(publication, silent);
    github.calls.length = 0;
  });

  test.each([
    ['with a token through the API', token],
    ['without one as a browser does', null],
  ])('are read %s, and no credentials go to storage', async (_what, bearer) => {
    const store = openRelease(github, { bearer });
    for (const [digest, count] of [
      [small.file, 3],
      [small.manifest, 1],
      [small.identity, 1],
      [Digest.of('sha256', 'nothing'), 0],
    ] as const) {
      const found = await store.find(digest);
      expect(found.bundles).toHaveLength(count);
      expect(found.passedOver).toEqual([]);
    }
    expect(github.storage.calls.length).toBeGreaterThan(3);
    for (const { headers } of github.storage.calls) expect(headers.authorization).toBeUndefined();
    if (bearer === null) for (const { headers } of github.calls) expect(headers.authorization).toBeUndefined();
  });

  test('of a draft are found with a token alone, and of no release none', async () => {
    github.releases[0]!.isDraft = true;
    expect((await openRelease(github).find(small.file)).bundles).toHaveLength(3);
    expect((await openRelease(github, { bearer: null }).find(small.file)).bundles).toEqual([]);
    expect((await openRelease(github, { tag: 'v2' }).find(small.file)).bundles).toEqual([]);
  });

  test('that lie about their digest are told, and hide no other', async () => {
    const asset = github.releases[0]!.assets.find(({ name }) => name === 'falco.raw.sbom.sigstore.json')!;
    github.interfereStorage = ({ url }, right) =>
      url.pathname.endsWith(`/${asset.id}`) ? { status: 200, body: 'x'.repeat(asset.bytes.byteLength) } : right();
    const found = await openRelease(github).find(small.file);
    expect(found.bundles).toHaveLength(3);
    expect(codesOf(found.passedOver)).toEqual(['store.digest']);
  });

  test('that are junk are told, and those about other things are not', async () => {
    const other = buildPublication((await makeSmallRelease('another')).files, []);
    addAsset(github.releases[0]!, 'other.sigstore.json', other.bundles[0]!.bytes);
    addAsset(github.releases[0]!, 'junk.sigstore.json', '{}');
    addAsset(github.releases[0]!, 'junk.intoto.jsonl', '\n{"a":1}\nnonsense\n');
    addAsset(github.releases[0]!, 'broken.sigstore.json', '', 'starter');
    const found = await openRelease(github).find(small.file);
    expect(found.bundles).toHaveLength(3);
    expect(codesOf(found.passedOver).toSorted()).toEqual(['bundle.field', 'bundle.field', 'json.syntax']);
  });

  test('that are too many lines are told, and the first of them are read', async () => {
    const { bytes } = publication.files.find(({ fileName }) => fileName.endsWith('.intoto.jsonl'))!;
    const lines = Buffer.concat([Buffer.from(bytes), Buffer.alloc(limits.bundleLines, '\n'), Buffer.from('{}')]);
    const [published] = github.releases;
    published!.assets = [];
    addAsset(published!, 'many.intoto.jsonl', lines);
    const found = await openRelease(github).find(small.file);
    expect(found.bundles).toHaveLength(3);
    expect(codesOf(found.unread)).toEqual(['limit.bundle-lines']);
  });

  test('are not known to be none where GitHub hides the repository', async () => {
    github.settings.isPublic = false;
    expect((await faultOf(openRelease(github, { bearer: null }).find(small.file))).code).toBe('network.denied');
  });

  test.each(['https://169.254.169.254/x', 'https://10.0.0.1/x', 'https://127.0.0.1/x'])(
    'are not downloaded from %s for github.com',
    async (location) => {
      const asked: string[] = [];
      const settings = {
        ...settingsFor(),
        fetch: (async (url: URL) => {
          asked.push(url.host);
          const path = url.pathname;
          if (/\/assets\/\d+$/.test(path)) return new Response(null, { status: 302, headers: { location } });
          const common = { id: 1, name: 'a.sigstore.json', state: 'uploaded', size: 3, browser_download_url: location };
          const found = { id: 1, tag_name: 'v1', draft: false, upload_url: '' };
          return Response.json(path.endsWith('/assets') ? [common] : found);
        }) as typeof fetch,
      };
      for (const bearer of [token, null]) {
        const site = describeSite(new URL('https://api.github.com'));
        const store = openReleaseStore({ owner: 'acme', repo: 'nodes', tag: 'v1' }, { site, token: bearer }, settings);
        const codes = codesOf((await store.find(small.file)).passedOver);
        expect(codes).toEqual([bearer === null ? 'store.address' : 'store.redirect']);
      }
      expect(new Set(asked)).toEqual(new Set(['api.github.com']));
    },
  );

  test('are read page by page', async () => {
    for (let at = 0; at < 250; at++) addAsset(github.releases[0]!, `file-${at}`, 'x');
    addAsset(github.releases[0]!, 'last.sigstore.json', '{}');
    const found = await openRelease(github).find(small.file);
    expect(found.bundles).toHaveLength(3);
    expect(found.passedOver).toHaveLength(1);
  });

  test('are not downloaded where a redirect leads to plain http elsewhere', async () => {
    github.interfere = ({ url }, right) =>
      url.pathname.includes('/assets/') ? { status: 302, headers: { location: 'http://storage.example/x' } } : right();
    const fault = (await openRelease(github).find(small.file)).passedOver[0];
    expect(fault?.code).toBe('store.redirect');
  });

  test.each<[string, Answer]>([
    ['no release', { status: 200, body: { id: 'x' } }],
    ['a list', { status: 200, body: [] }],
    ['nothing', { status: 200, body: '' }],
  ])('are not looked for in an answer that is %s', async (_what, answer) => {
    github.interfere = () => answer;
    expect((await faultOf(openRelease(github).find(small.file))).code).toMatch(/^(store\.answer|json\.syntax)$/);
  });
});
