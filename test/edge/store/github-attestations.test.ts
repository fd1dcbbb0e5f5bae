import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Digest, type Fault } from '../../../pipeline/core/index.ts';
import { BundleSearch, buildPublication, type Publication } from '../../../pipeline/store/index.ts';
import {
  type Answer,
  encodeSnappy,
  type LoopbackGithub,
  openLoopbackGithub,
  token,
} from '../../support/loopback-github/index.ts';
import { makeSmallRelease, type SmallRelease } from '../../support/small-release.ts';
import { accessOf, callsOf, openAttestations } from './github-settings.ts';
import { codesOf, faultOf, settingsFor, silent } from './settings.ts';

let release: SmallRelease;
let publication: Publication;
let github: LoopbackGithub;
beforeAll(async () => {
  release = await makeSmallRelease();
  publication = buildPublication(release.files, [release.artifact]);
});
beforeEach(async () => {
  github = await openLoopbackGithub();
});
afterEach(() => github[Symbol.asyncDispose]());

const bundleOf = (at = 0): object => JSON.parse(Buffer.from(publication.bundles[at]!.bytes).toString()) as object;
const subject = (): string => Digest.format(release.file);
const message = (text: string) => ({ message: text, documentation_url: 'https://docs.example' });

/** Attestations about the file, as many as are wanted. */
function offer(count: number, bundle: (at: number) => object): void {
  for (let at = 0; at < count; at++)
    github.attestations.push({ id: github.nextId++, bundle: bundle(at), subjects: [subject()] });
}

describe('The attestations of a repository', () => {
  test.each(['inline', 'storage', 'both'] as const)('are found by each subject, %s', async (bundles) => {
    github.settings.bundles = bundles;
    await openAttestations(github).put(publication, silent);
    const store = openAttestations(github, { bearer: null });
    for (const [digest, count] of [
      [release.file, 3],
      [release.manifest, 1],
      [release.identity, 1],
      [Digest.of('sha256', 'nothing'), 0],
    ] as const) {
      const found = await store.find(digest);
      expect(found.bundles).toHaveLength(count);
      expect(found.passedOver).toEqual([]);
    }
    const found = await store.find(release.file);
    expect(new Set(found.bundles.map(({ predicateType }) => predicateType))).toEqual(
      new Set(publication.bundles.map(({ predicateType }) => predicateType)),
    );
  });

  test.each([200, 404] as const)(
    'are none where GitHub says so (%i) of a repository or owner that is seen',
    async (noneIs) => {
      github.settings.noneIs = noneIs;
      const none = { bundles: [], passedOver: [], unread: [] };
      expect(await openAttestations(github, { bearer: null }).find(release.file)).toEqual(none);
      expect(await openAttestations(github, { bearer: null, repo: null }).find(release.file)).toEqual(none);
    },
  );

  test.each(['nodes', null])(
    'are not known to be none where GitHub hides the repository or owner (%s)',
    async (repo) => {
      github.settings.isPublic = false;
      const fault = await faultOf(openAttestations(github, { bearer: null, repo }).find(release.file));
      expect(fault).toMatchObject({ code: 'network.denied', next: expect.stringContaining('hides') as string });
    },
  );

  test.each(['organization', 'user'] as const)('of all its repositories are found for an %s', async (owner) => {
    await openAttestations(github).put(publication, silent);
    github.settings.owner = owner;
    github.calls.length = 0;
    expect((await openAttestations(github, { repo: null }).find(release.file)).bundles).toHaveLength(3);
    expect(github.calls.map(({ url }) => url.pathname.split('/')[1])).toEqual(
      owner === 'user' ? ['orgs', 'users'] : ['orgs'],
    );
  });

  test('are read page by page, with the cursor alone taken from the link', async () => {
    offer(70, bundleOf.bind(null, 0));
    github.interfere = (_call, right) => {
      const { headers, ...answer } = right();
      const link = headers?.['link']?.replace(github.origin, 'https://evil.example');
      return { ...answer, headers: link === undefined ? {} : { link } };
    };
    const found = await openAttestations(github).find(release.file);
    expect(found.bundles).toHaveLength(1);
    expect(github.calls).toHaveLength(3);
  });

  test('of which 10,000 are offered are read up to the caps, and that there are more is told', async () => {
    offer(10_000, () => bundleOf(0));
    const found = await openAttestations(github).find(release.file);
    expect(found.bundles).toHaveLength(1);
    expect(codesOf(found.unread)).toEqual(['limit.store-pages']);
    expect(github.calls.length).toBeLessThanOrEqual(64);
  });

  test('of which 10,000 are junk give a fault, not "none"', async () => {
    offer(10_000, (at) => ({ junk: at }));
    expect((await faultOf(openAttestations(github).find(release.file))).code).toBe('limit.store-bundles');
    expect(github.calls.length).toBeLessThanOrEqual(64);
  });

  test('that lead from a page to itself are not followed for ever', async () => {
    offer(1, () => bundleOf(0));
    github.interfere = (call, right) => ({
      ...right(),
      headers: { link: `<${call.url.origin}/x?after=9>; rel="next"` },
    });
    const found = await openAttestations(github).find(release.file);
    expect(found.bundles).toHaveLength(1);
    expect(codesOf(found.unread)).toEqual(['store.pages']);
    expect(github.calls.length).toBe(2);
  });

  test('of which the next page is not there are told not to be all', async () => {
    offer(40, () => bundleOf(0));
    github.interfere = ({ url }) => (url.searchParams.has('after') ? { status: 404 } : undefined);
    const found = await openAttestations(github).find(release.file);
    expect(found.bundles).toHaveLength(1);
    expect(codesOf(found.unread)).toEqual(['store.pages']);
  });

  test('are asked for in smaller pages where a page is too large', async () => {
    offer(12, () => bundleOf(0));
    github.interfere = ({ url }, right) =>
      Number(url.searchParams.get('per_page')) > 5
        ? { status: 200, headers: { 'content-length': String(2 ** 30) }, body: '', breaksAfter: 0 }
        : right();
    const found = await openAttestations(github).find(release.file);
    expect(found.bundles).toHaveLength(1);
    expect(found.passedOver).toEqual([]);
    expect(github.calls.map(({ url }) => url.searchParams.get('per_page'))).toEqual(['30', '5', '5', '5']);
  });

  test.each(['<ORIGIN/x?page=2>; rel="next"', '<ORIGIN/x?after=a>; title="x"; rel="next"', '<>; rel="next"'])(
    'are not taken for all where the next page cannot be told from %s',
    async (link) => {
      offer(1, () => bundleOf(0));
      github.interfere = (_call, right) => ({ ...right(), headers: { link: link.replace('ORIGIN', github.origin) } });
      const found = await openAttestations(github).find(release.file);
      expect(found.bundles).toHaveLength(1);
      expect(codesOf(found.unread)).toEqual(['store.pages']);
    },
  );

  test('that hide behind junk are not told to be none, nor is the list told to be whole', async () => {
    offer(1, () => bundleOf(1));
    offer(2000, (at) => ({ junk: at }));
    offer(1, () => bundleOf(0));
    const [answer] = await new BundleSearch([openAttestations(github)], null, silent).ask([release.file]);
    expect(answer?.bundles).toHaveLength(1);
    expect(answer?.passedOver.map(({ code }) => code)).not.toContain('limit.store-bundles');
    expect(answer?.unanswered.map(({ fault }) => fault.code)).toEqual(['limit.store-bundles']);
  });

  test('are given up where the server never answers', async () => {
    github.interfere = () => ({ status: 200, hangs: true });
    const settings = { ...settingsFor(), timeoutMs: 50, searchTimeoutMs: 300 };
    expect((await faultOf(openAttestations(github, { settings }).find(release.file))).code).toBe('network.timeout');
  });

  test('are given up in time where the server asks for patience again and again', async () => {
    github.interfere = () => ({ status: 503, headers: { 'retry-after': '50' } });
    const patient = { ...settingsFor(), wait: waitForever, searchTimeoutMs: 200 };
    const fault = await faultOf(openAttestations(github, { settings: patient }).find(release.file));
    expect(fault.code).toMatch(/^network\./);
  });

  test('that came before the server fell silent are not lost', async () => {
    offer(40, () => bundleOf(0));
    github.interfere = ({ url }) => (url.searchParams.has('after') ? { status: 200, hangs: true } : undefined);
    const settings = { ...settingsFor(), searchTimeoutMs: 300 };
    const found = await openAttestations(github, { settings }).find(release.file);
    expect(found.bundles).toHaveLength(1);
    expect(codesOf(found.unread)).toEqual(['network.timeout']);
  });

  test('hide nothing where some are junk or about something else', async () => {
    offer(1, () => bundleOf(0));
    offer(1, () => ({ mediaType: 'application/json' }));
    const other = buildPublication((await makeSmallRelease('another')).files, []);
    offer(1, () => JSON.parse(Buffer.from(other.bundles[0]!.bytes).toString()) as object);
    const found = await openAttestations(github).find(release.file);
    expect(found.bundles).toHaveLength(1);
    expect(codesOf(found.passedOver).toSorted()).toEqual(['bundle.media-type', 'store.subject']);
  });

  test.each([
    ['no list', { attestations: 3 }],
    ['something else', ['x']],
    ['no JSON', 'nonsense'],
  ])('that are %s are a fault', async (_what, body) => {
    github.interfere = () => ({ status: 200, body });
    expect((await faultOf(openAttestations(github).find(release.file))).code).toMatch(/^(store\.answer|json\.syntax)$/);
  });

  test('are read on where the server failed once, broke off, or was busy', async () => {
    offer(1, () => bundleOf(0));
    const pauses: number[] = [];
    const faults: Answer[] = [
      { status: 502 },
      { status: 200, body: 'x'.repeat(100), breaksAfter: 10 },
      { status: 503, headers: { 'retry-after': '7' } },
    ];
    github.interfere = () => faults.shift();
    const store = openAttestations(github, { settings: settingsFor(pauses) });
    expect((await store.find(release.file)).bundles).toHaveLength(1);
    expect(pauses).toEqual([100, 200, 7000]);
  });
});

describe('A bundle in storage', () => {
  beforeEach(async () => {
    await openAttestations(github).put(publication, silent);
    github.settings.bundles = 'both';
  });

  test('is fetched without credentials', async () => {
    github.settings.bundles = 'storage';
    expect((await openAttestations(github).find(release.file)).bundles).toHaveLength(3);
    expect(github.calls.at(-1)?.headers.authorization).toBe(`Bearer ${token}`);
    expect(github.storage.calls).toHaveLength(3);
    for (const { headers } of github.storage.calls) {
      expect(headers.authorization).toBeUndefined();
      expect(JSON.stringify(headers)).not.toContain(token);
    }
  });

  test('is not asked for where the inline one is good, and stands in for one that is not', async () => {
    expect((await openAttestations(github).find(release.file)).bundles).toHaveLength(3);
    expect(github.storage.calls).toEqual([]);
    github.interfere = (_call, right) => {
      const { body, ...answer } = right();
      const { attestations } = body as { attestations: object[] };
      return { ...answer, body: { attestations: attestations.map((each) => ({ ...each, bundle: { junk: true } })) } };
    };
    const found = await openAttestations(github).find(release.file);
    expect(found.bundles).toHaveLength(3);
    expect(found.passedOver).toEqual([]);
  });

  test.each([
    ['is not there', { status: 404 }, 'network.status'],
    ['is no longer given', { status: 403 }, 'network.status'],
    ['is no Snappy', { status: 200, body: Buffer.from([5, 0xff, 0xff]) }, 'snappy.input'],
    ['is a bomb', { status: 200, body: Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0]) }, 'limit.snappy'],
    ['is no bundle', { status: 200, body: encodeSnappy(Buffer.from('{}')) }, 'bundle.field'],
  ])('that %s is told', async (_what, answer: Answer, code) => {
    github.settings.bundles = 'storage';
    github.interfereStorage = () => answer;
    const found = await openAttestations(github).find(release.file);
    expect(found.bundles).toEqual([]);
    const told = code.startsWith('network.') ? found.unread : found.passedOver;
    expect(codesOf(told)).toEqual([code, code, code]);
    expect(told[0]?.next ?? '').not.toContain('docker login');
  });

  test.each([
    ['ftp://storage.example/x', 'store.address'],
    ['nonsense', 'store.address'],
    ['http://storage.example/x', 'store.address'],
    ['https://user:password@storage.example/x', 'store.address'],
  ])('is not fetched from %s', async (address, code) => {
    github.interfere = () => ({ status: 200, body: { attestations: [{ bundle_url: address }] } });
    const found = await openAttestations(github).find(release.file);
    expect(codesOf(found.passedOver)).toEqual([code]);
  });

  test('is not fetched from this machine for an API elsewhere', async () => {
    const asked: string[] = [];
    const site = { ...accessOf(github).site, api: new URL('https://api.github.example') };
    const settings = {
      ...settingsFor(),
      fetch: (async (url: URL) => {
        asked.push(url.host);
        return new Response(JSON.stringify({ attestations: [{ bundle_url: 'https://127.0.0.1/x' }] }));
      }) as typeof fetch,
    };
    const { openAttestationStore } = await import('../../../pipeline/edge/store/index.ts');
    const store = openAttestationStore({ owner: 'acme', repo: 'nodes' }, { site, token }, settings);
    expect(codesOf((await store.find(release.file)).passedOver)).toEqual(['store.address']);
    expect(asked).toEqual(['api.github.example']);
  });
});

describe('Publishing attestations', () => {
  test('posts each bundle, and says under which id and where to look', async () => {
    const { written, present } = await openAttestations(github).put(publication, silent);
    expect(present).toEqual([]);
    expect(written.map(({ what }) => what)).toEqual(publication.bundles.map(({ fileName }) => fileName));
    expect(written[0]).toMatchObject({ id: '1', url: `${github.origin}/acme/nodes/attestations/1` });
    expect(github.attestations.map(({ bundle }) => bundle)).toEqual([0, 1, 2].map((at) => bundleOf(at)));
    expect(
      openAttestations(github)
        .plan(publication)
        .map(({ what }) => what),
    ).toEqual(written.map(({ what }) => what));
  });

  test.each(['inline', 'storage', 'both'] as const)('twice posts nothing twice (%s)', async (bundles) => {
    github.settings.bundles = bundles;
    await openAttestations(github).put(publication, silent);
    const { written, present } = await openAttestations(github).put(publication, silent);
    expect(written).toEqual([]);
    expect(present).toHaveLength(3);
    if (bundles !== 'inline') expect(present.map(({ id }) => id)).toEqual(['1', '2', '3']);
    expect(callsOf(github, 'POST')).toHaveLength(3);
  });

  test('whose answer was lost is looked up before it is sent again', async () => {
    for (const lost of [{ status: 502 }, { status: 201, body: '{"id": 1}', breaksAfter: 3 }] satisfies Answer[]) {
      await using server = await openLoopbackGithub();
      let count = 0;
      server.interfere = (call, right) => {
        if (call.method !== 'POST' || ++count !== 2) return undefined;
        right();
        return lost;
      };
      const { written } = await openAttestations(server).put(publication, silent);
      expect(written).toHaveLength(3);
      expect(server.attestations).toHaveLength(3);
    }
  });

  test('that was interrupted at any call is finished by the next run, with nothing doubled', async () => {
    const reference = await openLoopbackGithub();
    await openAttestations(reference).put(publication, silent);
    const calls = reference.calls.length;
    await reference[Symbol.asyncDispose]();
    for (const isDone of [false, true]) {
      for (let at = 1; at <= calls; at++) {
        await using server = await openLoopbackGithub();
        let count = 0;
        server.interfere = (_call, right) => {
          if (++count < at) return undefined;
          if (count === at && isDone) right();
          return { status: 500 };
        };
        await faultOf(openAttestations(server).put(publication, silent));
        server.interfere = null;
        await openAttestations(server).put(publication, silent);
        expect(server.attestations.map(({ bundle }) => bundle)).toEqual([0, 1, 2].map((each) => bundleOf(each)));
      }
    }
  });

  test('posts nothing where more is listed than can be read: it might be there', async () => {
    offer(10_000, () => ({}));
    const fault = await faultOf(openAttestations(github).put(publication, silent));
    expect(fault).toMatchObject({ code: 'limit.store-pages', where: publication.bundles[0]!.fileName });
    expect(callsOf(github, 'POST')).toEqual([]);
  });

  test('does not take a bundle for missing while its storage gives no answer', async () => {
    await openAttestations(github).put(publication, silent);
    github.settings.bundles = 'storage';
    github.interfereStorage = () => ({ status: 503 });
    expect((await faultOf(openAttestations(github).put(publication, silent))).code).toBe('network.status');
    expect(github.attestations).toHaveLength(3);
  });

  test('does not take a bundle for missing that storage withholds, but one that it has lost', async () => {
    await openAttestations(github).put(publication, silent);
    github.settings.bundles = 'storage';
    github.interfereStorage = () => ({ status: 403 });
    expect((await faultOf(openAttestations(github).put(publication, silent))).code).toBe('network.denied');
    github.interfereStorage = () => ({ status: 302, headers: { location: 'http://storage.example' } });
    expect((await faultOf(openAttestations(github).put(publication, silent))).code).toBe('store.redirect');
    expect(github.attestations).toHaveLength(3);
    github.interfereStorage = () => ({ status: 404 });
    expect((await openAttestations(github).put(publication, silent)).written).toHaveLength(3);
  });

  test.each([{ id: 2 ** 60 }, { id: null }, { id: '7' }, {}])(
    'takes an answer without a number of use: %j',
    async (body) => {
      github.interfere = ({ method }, right) => (method === 'POST' && right() ? { status: 201, body } : undefined);
      const { written } = await openAttestations(github).put(publication, silent);
      expect(written).toHaveLength(3);
      for (const each of written) expect(each).not.toHaveProperty('id');
    },
  );

  test('repeats no token that an answer repeats', async () => {
    github.interfere = ({ method, headers }) =>
      method === 'POST' ? { status: 403, body: message(`No access with ${headers.authorization}`) } : undefined;
    const fault = await faultOf(openAttestations(github).put(publication, silent));
    expect(fault.code).toBe('network.denied');
    for (let each: unknown = fault; each instanceof Error; each = each.cause)
      expect(`${each.message} ${(each as Fault).where} ${(each as Fault).next}`).not.toContain(token);
  });

  test.each([
    [403, 'Resource not accessible by integration', 'network.denied', 'permissions: attestations: write'],
    [403, 'Resource protected by organization SAML enforcement', 'network.denied', 'single sign-on'],
    [403, 'Repository was archived so is read-only.', 'network.denied', 'archived'],
    [401, 'Bad credentials', 'network.denied', 'token that is valid'],
    [404, 'Not Found', 'network.denied', 'that the token may write to'],
    [422, 'Invalid bundle', 'network.refused', 'keyless'],
  ])('that gets %i %s says what to do', async (status, text, code, next) => {
    github.interfere = ({ method }) => (method === 'POST' ? { status, body: message(text) } : undefined);
    const fault = await faultOf(openAttestations(github).put(publication, silent));
    expect(fault).toMatchObject({ code, next: expect.stringContaining(next) as string });
    expect(fault.message).toContain(text);
    expect(fault.where).toContain(publication.bundles[0]!.fileName);
    expect(callsOf(github, 'POST')).toHaveLength(1);
  });

  test.each(['\u001b[31m', 'long '.repeat(100), ''])('repeats no message such as %j', async (text) => {
    github.interfere = ({ method }) => (method === 'POST' ? { status: 422, body: message(text) } : undefined);
    const fault = await faultOf(openAttestations(github).put(publication, silent));
    expect(fault.message).toMatch(/HTTP status 422$/);
  });

  test('refuses what GitHub does not take by name, before anything is sent', async () => {
    const [bundle] = publication.bundles;
    const many = Array.from({ length: 1025 }, () => bundle!.subjects[0]!);
    for (const change of [{ bytes: new Uint8Array(16 * 1024 * 1024 + 1) }, { subjects: many }, { subjects: [] }]) {
      const odd = { ...publication, bundles: [bundle!, { ...bundle!, ...change, fileName: 'odd.sigstore.json' }] };
      const fault = await faultOf(openAttestations(github).put(odd, silent));
      expect(fault).toMatchObject({ code: 'usage.bundles', where: 'odd.sigstore.json' });
    }
    expect((await faultOf(openAttestations(github, { bearer: null }).put(publication, silent))).code).toBe(
      'usage.github-token',
    );
    expect((await faultOf(openAttestations(github, { repo: null }).put(publication, silent))).code).toBe(
      'usage.read-only',
    );
    expect(github.calls).toEqual([]);
  });
});

describe('A rate limit', () => {
  const at = '2026-11-22T12:00:30Z';
  const reset = (time: string): string => String(new Date(time).getTime() / 1000);

  test.each([
    ['primary', 403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset(at) }, 30_000],
    ['primary', 429, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset(at) }, 30_000],
    ['secondary', 403, { 'retry-after': '20', 'x-ratelimit-remaining': '40' }, 20_000],
    ['secondary', 429, { 'retry-after': '20' }, 20_000],
    ['secondary', 403, {}, 60_000],
  ])('(%s, %i) is waited for', async (kind, status, headers, pause) => {
    offer(1, () => bundleOf(0));
    const limited: Answer[] = [
      { status, headers, body: message(kind === 'secondary' ? 'You have exceeded a secondary rate limit.' : 'x') },
    ];
    github.interfere = () => limited.shift();
    const pauses: number[] = [];
    const store = openAttestations(github, { settings: settingsFor(pauses) });
    expect((await store.find(release.file)).bundles).toHaveLength(1);
    expect(pauses).toEqual([pause]);
  });

  test('whose end is past by our clock is not asked into at once', async () => {
    const past = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset('2026-11-22T11:00:00Z') };
    github.interfere = () => ({ status: 403, headers: past, body: message('x') });
    const pauses: number[] = [];
    const store = openAttestations(github, { settings: settingsFor(pauses) });
    expect((await faultOf(store.find(release.file))).code).toBe('network.status');
    expect(pauses).toEqual([100, 200, 400]);
  });

  test('that lasts longer is told, with the time to try again', async () => {
    github.interfere = () => ({
      status: 403,
      headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset('2026-11-22T12:45:00Z') },
      body: message('API rate limit exceeded for 192.0.2.1.'),
    });
    const pauses: number[] = [];
    const store = openAttestations(github, { bearer: null, settings: settingsFor(pauses) });
    const fault = await faultOf(store.find(release.file));
    expect(fault).toMatchObject({ code: 'network.status', next: 'Try again after 2026-11-22T12:45:00Z' });
    expect(fault.message).toContain('API rate limit exceeded');
    expect(pauses).toEqual([]);
  });
});

/** A pause that nothing but the end of the search ends. */
function waitForever(_milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('the search ended'))));
}
