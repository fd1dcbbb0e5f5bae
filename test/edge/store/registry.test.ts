import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Digest, limits } from '../../../pipeline/core/index.ts';
import { openRegistryStore, parseRepository } from '../../../pipeline/edge/store/index.ts';
import { buildPublication, type Found, type Publication } from '../../../pipeline/store/index.ts';
import {
  type LoopbackRegistry,
  openLoopbackRegistry,
  type RegistryAnswer,
  type RegistryCall,
  sha256,
} from '../../support/loopback-registry.ts';
import { makeSmallRelease, provenanceType, sbomType, type SmallRelease } from '../../support/small-release.ts';
import { anonymous, codesOf, faultOf, openStore, settingsFor, silent } from './settings.ts';

const nodeSetType = 'https://nodeproof.dev/attestation/node-set/v1';

let release: SmallRelease;
let publication: Publication;
beforeAll(async () => {
  release = await makeSmallRelease();
  publication = buildPublication(release.files, [release.artifact]);
});

function typesOf({ bundles }: Found): readonly string[] {
  return bundles.map(({ predicateType }) => String(predicateType)).sort();
}

function contentOf({ blobs, manifests, tags }: LoopbackRegistry): object {
  const listed = [...tags].map(([tag, digest]) => `${tag} ${digest}`);
  return { blobs: [...blobs.keys()].sort(), manifests: [...manifests.keys()].sort(), tags: listed.sort() };
}

describe.each([
  ['with the referrers API', { referrers: true, pageSize: 1 }],
  ['without the referrers API', { referrers: false }],
])('A registry %s', (_name, options) => {
  let registry: LoopbackRegistry;
  beforeEach(async () => {
    registry = await openLoopbackRegistry(options);
  });
  afterEach(() => registry[Symbol.asyncDispose]());

  test('gives bundles back by the digest of the file, of its manifest and of the identity', async () => {
    const store = openStore(registry);
    await store.put(publication, silent);
    const all = [nodeSetType, sbomType, provenanceType].sort();
    expect(typesOf(await store.find(release.file))).toEqual(all);
    expect(typesOf(await store.find(release.manifest))).toEqual(all);
    expect(typesOf(await store.find(release.identity))).toEqual([nodeSetType]);
    expect(await store.find(Digest.of('sha256', 'another'))).toEqual({ bundles: [], passedOver: [], unread: [] });
  });

  test('gives the very bytes that were published', async () => {
    const store = openStore(registry);
    await store.put(publication, silent);
    const { bundles } = await store.find(release.identity);
    expect(Buffer.from(bundles[0]?.bytes ?? [])).toEqual(release.files.get('workers.node-set.sigstore.json'));
  });

  test('holds nothing twice after a second run, which writes nothing', async () => {
    const first = await openStore(registry).put(publication, silent);
    const content = contentOf(registry);
    registry.calls.length = 0;
    const second = await openStore(registry).put(publication, silent);
    expect(second.written).toEqual([]);
    expect(second.present).toHaveLength(first.written.length);
    expect(registry.calls.filter(({ method }) => method === 'PUT' || method === 'POST')).toEqual([]);
    expect(contentOf(registry)).toEqual(content);
  });

  test('is complete after a second run, wherever the first one was killed', async () => {
    await openStore(registry).put(publication, silent);
    const wanted = contentOf(registry);
    const writes = registry.calls.filter(({ method }) => method === 'PUT').length;
    for (let broken = 1; broken <= writes; broken += 3) {
      await using interrupted = await openLoopbackRegistry(options);
      let seen = 0;
      interrupted.interfere = ({ method }) => (method === 'PUT' && ++seen >= broken ? { status: 403 } : undefined);
      expect((await faultOf(openStore(interrupted).put(publication, silent))).code).toBe('network.denied');
      interrupted.interfere = null;
      await openStore(interrupted).put(publication, silent);
      expect(contentOf(interrupted)).toEqual(wanted);
    }
  });

  test('keeps what other clients listed under a tag', async () => {
    const other = Buffer.from('{"schemaVersion":2,"layers":[]}');
    const type = 'application/vnd.oci.image.manifest.v1+json';
    registry.manifests.set(sha256(other), { bytes: other, type });
    const entry = {
      mediaType: type,
      digest: sha256(other),
      size: other.byteLength,
      artifactType: 'text/plain',
      platform: { os: 'x' },
    };
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [entry], annotations: { by: 'another' } }));
    registry.manifests.set(sha256(index), { bytes: index, type: 'application/vnd.oci.image.index.v1+json' });
    const tag = `sha256-${release.file.hex}`;
    registry.tags.set(tag, sha256(index));
    await openStore(registry).put(publication, silent);
    const kept = JSON.parse(registry.manifests.get(registry.tags.get(tag) ?? '')?.bytes.toString() ?? '') as Record<
      string,
      unknown
    >;
    expect(kept['annotations']).toEqual({ by: 'another' });
    expect(kept['manifests']).toHaveLength(4);
    expect((kept['manifests'] as object[])[0]).toEqual(entry);
  });

  test('attaches to files that were pushed before, when only bundles are published', async () => {
    await openStore(registry).put(buildPublication(release.files, [release.artifact]), silent);
    const again = await openStore(registry).put(buildPublication(release.files, []), silent);
    expect(again.written).toEqual([]);
  });
});

describe('Publishing to a registry', () => {
  let registry: LoopbackRegistry;
  beforeEach(async () => {
    registry = await openLoopbackRegistry();
  });
  afterEach(() => registry[Symbol.asyncDispose]());

  const isWrite = ({ method }: RegistryCall): boolean => method === 'PUT' || method === 'POST';

  test('says so where a registry speaks http on the port that was named for https, and asks it once', async () => {
    const reference = parseRepository(`https://${registry.repository}`, false);
    const fault = await faultOf(openRegistryStore(reference, anonymous, settingsFor()).put(publication, silent));
    expect(fault.code).toBe('network.plain-http');
    expect(fault.next).toContain('--plain-http');
    expect(registry.calls).toEqual([]);
  });

  test('goes on where a busy server asks for patience, as long as it asks for', async () => {
    const pauses: number[] = [];
    const failures: RegistryAnswer[] = [
      { status: 429, headers: { 'retry-after': '7' } },
      { status: 503, headers: { 'retry-after': 'Sun, 22 Nov 2026 12:00:05 GMT' } },
      { status: 500 },
    ];
    registry.interfere = (call) => (isWrite(call) ? failures.shift() : undefined);
    await openStore(registry, anonymous, settingsFor(pauses)).put(publication, silent);
    expect([...pauses].sort((a, b) => b - a)).toEqual([7000, 5000, expect.any(Number)]);
    expect(typesOf(await openStore(registry).find(release.file))).toHaveLength(3);
  });

  test('gives up after some attempts, and at once where the server asks for too much patience', async () => {
    const pauses: number[] = [];
    registry.interfere = () => ({ status: 500 });
    const fault = await faultOf(openStore(registry, anonymous, settingsFor(pauses)).put(publication, silent));
    expect(fault.code).toBe('network.status');
    registry.interfere = () => ({ status: 429, headers: { 'retry-after': '86400' } });
    registry.calls.length = 0;
    expect((await faultOf(openStore(registry).find(release.file))).code).toBe('network.status');
    expect(pauses).not.toContain(86_400_000);
  });

  test('uploads anew what broke off', async () => {
    let broken = 2;
    registry.interfere = ({ method, url }) =>
      method === 'PUT' && url.pathname.includes('/uploads/') && broken-- > 0
        ? { status: 201, body: 'x'.repeat(100), breaksAfter: 1 }
        : undefined;
    await openStore(registry).put(publication, silent);
    expect(typesOf(await openStore(registry).find(release.file))).toHaveLength(3);
  });

  test('adds to a tag that another publisher changes meanwhile', async () => {
    let races = 2;
    registry.interfere = ({ method, url }) =>
      method === 'PUT' && url.pathname.includes(`sha256-${release.file.hex}`) && races-- > 0
        ? { status: 412 }
        : undefined;
    await openStore(registry).put(publication, silent);
    expect(typesOf(await openStore(registry).find(release.file))).toHaveLength(3);
  });

  test('says so where a tag never keeps what is written', async () => {
    registry.interfere = ({ method, url }) =>
      method === 'PUT' && url.pathname.includes('manifests/sha256-') ? { status: 201 } : undefined;
    expect((await faultOf(openStore(registry).put(publication, silent))).code).toBe('store.contention');
  });

  test('sends content to the registry itself only', async () => {
    await using elsewhere = await openLoopbackRegistry();
    registry.interfere = ({ method }) =>
      method === 'POST'
        ? { status: 202, headers: { location: `${elsewhere.origin}/v2/nodes/blobs/uploads/1` } }
        : undefined;
    expect((await faultOf(openStore(registry).put(publication, silent))).code).toBe('store.redirect');
    registry.interfere = ({ method }) =>
      method === 'POST'
        ? { status: 307, headers: { location: `${elsewhere.origin}/v2/nodes/blobs/uploads/` } }
        : undefined;
    expect((await faultOf(openStore(registry).put(publication, silent))).code).toBe('store.redirect');
    expect(elsewhere.calls).toEqual([]);
  });

  test('refuses a tag that holds no index, and leaves it as it is', async () => {
    const tag = `node-set-${release.identity.hex}`;
    const bytes = Buffer.from(
      '{"schemaVersion":2,"layers":[],"mediaType":"application/vnd.oci.image.manifest.v1+json"}',
    );
    registry.manifests.set(sha256(bytes), { bytes, type: 'application/vnd.oci.image.manifest.v1+json' });
    registry.tags.set(tag, sha256(bytes));
    expect((await faultOf(openStore(registry).put(publication, silent))).code).toBe('store.index');
    expect(registry.tags.get(tag)).toBe(sha256(bytes));
  });

  test('asks nothing of the registry for a plan', () => {
    const planned = openStore(registry).plan(publication);
    expect(planned.map(({ place }) => place)).toContain(`manifests/node-set-${release.identity.hex}`);
    expect(registry.calls).toEqual([]);
  });
});

describe('A registry of the older kind', () => {
  test("that tells the config's type for the manifest's is read all the same, and nothing but bundles is", async () => {
    await using registry = await openLoopbackRegistry({ referrers: true });
    await openStore(registry).put(publication, silent);
    registry.interfere = ({ url }, right) => {
      if (!url.pathname.includes('/referrers/')) return undefined;
      const answer = right();
      const body = String(answer.body).replaceAll(
        /"artifactType":"[^"]*"/g,
        '"artifactType":"application/vnd.oci.empty.v1+json"',
      );
      return { ...answer, body };
    };
    const { bundles, passedOver } = await openStore(registry).find(release.manifest);
    expect(bundles).toHaveLength(3);
    expect(passedOver).toEqual([]);
  });
});

describe('A registry that lies', () => {
  let registry: LoopbackRegistry;
  beforeEach(async () => {
    registry = await openLoopbackRegistry({ referrers: true });
    await openStore(registry).put(publication, silent);
  });
  afterEach(() => registry[Symbol.asyncDispose]());

  test('about one bundle hides no other', async () => {
    const sbom = sha256(release.files.get('falco.raw.sbom.sigstore.json') ?? new Uint8Array());
    const lies: readonly ((answer: RegistryAnswer) => RegistryAnswer)[] = [
      (answer) => ({ ...answer, body: Buffer.from(answer.body ?? '').fill(0x20, 10, 11) }),
      (answer) => ({ ...answer, body: `${Buffer.from(answer.body ?? '').toString()} ` }),
      (answer) => ({ ...answer, body: Buffer.from(answer.body ?? '').subarray(0, 40) }),
      () => ({ status: 404 }),
      () => ({ status: 200, body: Buffer.alloc(1_000_000) }),
    ];
    for (const lie of lies) {
      registry.interfere = ({ url }, right) => (url.pathname.endsWith(sbom) ? lie(right()) : undefined);
      const found = await openStore(registry).find(release.file);
      expect(typesOf(found)).toEqual([nodeSetType, provenanceType].sort());
      expect([...found.passedOver, ...found.unread]).toHaveLength(1);
    }
  });

  test('with an answer that breaks off is asked again, and told', async () => {
    registry.interfere = ({ url }, right) =>
      url.pathname.includes('/blobs/') ? { ...right(), breaksAfter: 20 } : undefined;
    const { bundles, unread } = await openStore(registry).find(release.file);
    expect(bundles).toEqual([]);
    expect(codesOf(unread)).toEqual(['network.broken', 'network.broken', 'network.broken']);
  });

  test('with a manifest of another digest is not believed', async () => {
    const other = [...registry.manifests.values()][0];
    registry.interfere = ({ url }) =>
      url.pathname.includes('/manifests/sha256:') ? { status: 200, body: other?.bytes ?? '' } : undefined;
    expect((await faultOf(openStore(registry).find(release.file))).code).toBe('store.digest');
  });

  test('by offering bundles about something else is told', async () => {
    await using other = await openLoopbackRegistry();
    const stranger = await makeSmallRelease('another sysext');
    await openStore(other).put(buildPublication(stranger.files, [stranger.artifact]), silent);
    registry.interfere = ({ url }) => {
      if (url.pathname.endsWith(`sha256-${release.file.hex}`)) {
        const digest = other.tags.get(`sha256-${stranger.file.hex}`) ?? '';
        return { status: 200, body: other.manifests.get(digest)?.bytes ?? '' };
      }
      const name = url.pathname.split('/').at(-1) ?? '';
      const bytes = other.manifests.get(name)?.bytes ?? other.blobs.get(name);
      return bytes === undefined ? undefined : { status: 200, body: bytes };
    };
    const { bundles, passedOver } = await openStore(registry).find(release.file);
    expect(bundles).toEqual([]);
    expect(codesOf(passedOver)).toEqual(['store.subject', 'store.subject', 'store.subject']);
  });

  test('with pages without end is left, and what it gave before counts', async () => {
    let page = 0;
    registry.interfere = ({ url }, right) =>
      url.pathname.includes('/referrers/')
        ? { ...right(), headers: { link: `<${url.pathname}?page=${++page}>; rel="next"` } }
        : undefined;
    const { bundles, unread } = await openStore(registry).find(release.manifest);
    expect(bundles).toHaveLength(3);
    expect(codesOf(unread)).toEqual(['limit.store-bundles']);
    expect(page).toBe(limits.storePages);
  });

  test('with the same page again and again, or a page elsewhere, is left', async () => {
    for (const link of ['<?page=1>; rel="next"', '<http://192.0.2.1/v2/nodes/referrers/x>; rel="next"']) {
      registry.interfere = ({ url }, right) =>
        url.pathname.includes('/referrers/') ? { ...right(), headers: { link } } : undefined;
      const { bundles, unread } = await openStore(registry).find(release.manifest);
      expect(bundles).toHaveLength(3);
      expect(codesOf(unread)).toEqual(['store.pages']);
    }
  });

  test.each([
    ['a huge index', { status: 200, body: Buffer.alloc(limits.storeIndexBytes + 1, ' ') }, 'limit.store-answer'],
    ['no JSON', { status: 200, body: '<html>' }, 'json.syntax'],
    ['an index of nonsense', { status: 200, body: '{"schemaVersion":2,"manifests":[null,{},7]}' }, 'store.index'],
    ['a redirect to plain http', { status: 302, headers: { location: 'http://192.0.2.1/x' } }, 'store.redirect'],
    ['a redirect to itself', { status: 302, headers: { location: '?' } }, 'store.redirect'],
    ['a refusal', { status: 403, body: '{"errors":[{"code":"DENIED\\u001b[2J"}]}' }, 'network.denied'],
  ] as const)('with %s gives a coded fault', async (_name, answer, code) => {
    registry.interfere = ({ url }) => (url.pathname.includes('/manifests/sha256:') ? { status: 404 } : answer);
    const fault = await faultOf(openStore(registry).find(release.file));
    expect(fault.code).toBe(code);
    expect(fault.message).not.toMatch(/\p{C}/u);
  });

  test('that never answers is left in time, however many answers it owes', async () => {
    registry.interfere = ({ url }) => (url.pathname.includes('/blobs/') ? { status: 200, hangs: true } : undefined);
    const pauses: number[] = [];
    const settings = { ...settingsFor(pauses), searchTimeoutMs: 300 };
    const { bundles, unread } = await openStore(registry, anonymous, settings).find(release.file);
    expect(bundles).toEqual([]);
    expect(codesOf(unread)).toEqual(['network.timeout', 'network.timeout', 'network.timeout']);
    expect(pauses).toEqual([]);
  });
});
