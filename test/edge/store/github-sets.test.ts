import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildPublication, type Publication } from '../../../pipeline/store/index.ts';
import { type LoopbackGithub, openLoopbackGithub, type StoredAsset } from '../../support/loopback-github/index.ts';
import { makeSmallRelease } from '../../support/small-release.ts';
import { openRelease } from './github-settings.ts';
import { faultOf, settingsFor, silent } from './settings.ts';

/** A set of one artifact. */
async function makeSet(set: string, name: string, content: string): Promise<Publication> {
  const { files, artifact } = await makeSmallRelease(content, { name, set });
  return buildPublication(new Map([...files, [`${set}.summary.md`, Buffer.from(`# ${set}\n`)]]), [artifact]);
}

let intel: Publication;
let arm: Publication;
/** The same artifact name, other bytes. */
let armSameName: Publication;
let github: LoopbackGithub;
beforeAll(async () => {
  intel = await makeSet('intel', 'falco-x86-64.raw', 'for intel');
  arm = await makeSet('arm', 'falco-arm64.raw', 'for arm');
  armSameName = await makeSet('arm', 'falco-x86-64.raw', 'for arm');
});
beforeEach(async () => {
  github = await openLoopbackGithub();
});
afterEach(() => github[Symbol.asyncDispose]());

const put = (publication: Publication, settings = settingsFor(), keepDraft = true) =>
  openRelease(github, { settings, keepDraft }).put(publication, silent);
const assets = (): ReadonlyMap<string, StoredAsset> =>
  new Map(github.releases.flatMap((release) => release.assets).map((asset) => [asset.name, asset]));
const snapshot = (): readonly string[] =>
  [...assets().values()].map(({ id, name, bytes }) => `${id} ${name} ${bytes.toString('hex')}`);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const find = (name: string): StoredAsset => {
  const asset = assets().get(name);
  if (asset === undefined) throw new Error(`no asset ${name}`);
  return asset;
};
const changes = (): readonly string[] => github.calls.map(({ method }) => method).filter((method) => method !== 'GET');

/** What sha256sum -c says of the downloaded assets, and that no file of the set is missing. */
function expectWhole(publication: Publication, set: string): void {
  const lines = find(`${set}.SHA256SUMS`).bytes.toString().trimEnd().split('\n');
  expect(lines.length).toBeGreaterThan(4);
  for (const line of lines) {
    const [hex = '', name = ''] = line.split('  ');
    expect([name, sha256(find(name).bytes)]).toEqual([name, hex]);
  }
  for (const { fileName, bytes } of publication.files)
    expect(find(fileName === 'SHA256SUMS' ? `${set}.SHA256SUMS` : fileName).bytes.equals(bytes)).toBe(true);
  expect(new Set(assets().keys()).size).toBe(github.releases.flatMap((release) => release.assets).length);
}

/** As if the requests of several jobs arrived in any order. */
const jobFetch =
  (scheduler: fc.Scheduler): typeof fetch =>
  async (...args: Parameters<typeof fetch>) => {
    await scheduler.schedule(Promise.resolve());
    return await fetch(...args);
  };

async function inAnyOrder(
  publications: readonly Publication[],
  judge: (outcomes: readonly PromiseSettledResult<unknown>[]) => void,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      await github[Symbol.asyncDispose]();
      github = await openLoopbackGithub();
      const settings = { ...settingsFor(), fetch: jobFetch(scheduler) };
      const jobs = publications.map((publication) => put(publication, settings));
      judge(await scheduler.waitFor(Promise.allSettled(jobs)));
    }),
    { numRuns: 15 },
  );
}

describe('Two sets in one release', () => {
  test('of different names and artifacts are both whole, whoever comes first', async () => {
    for (const order of [
      [intel, arm],
      [arm, intel],
    ]) {
      github.releases.length = 0;
      for (const each of order) await put(each);
      expectWhole(intel, 'intel');
      expectWhole(arm, 'arm');
    }
    expect((await put(intel, settingsFor(), false)).written).toEqual([]);
    expect(github.releases).toMatchObject([{ isDraft: false }]);
    expect((await put(arm)).written).toEqual([]);
  });

  test('of different names and artifacts are both whole, in whatever order their jobs run', async () => {
    await inAnyOrder([intel, arm], (outcomes) => {
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
      expect(github.releases).toHaveLength(1);
      expectWhole(intel, 'intel');
      expectWhole(arm, 'arm');
      expect(
        github.calls.filter(({ method, url }) => method === 'DELETE' && url.pathname.includes('/assets/')),
      ).toEqual([]);
    });
  });

  test.each([true, false])(
    'with artifacts of one name are refused, and nothing is deleted (digests: %s)',
    async (hasDigests) => {
      github.settings.hasDigests = hasDigests;
      await put(intel);
      const before = snapshot();
      github.calls.length = 0;
      const fault = await faultOf(put(armSameName));
      expect(fault).toMatchObject({
        code: 'store.asset',
        where: expect.stringContaining('falco-x86-64.raw') as string,
        next: expect.stringContaining(
          'Two sets in one release need artifacts of different names: rename the files before attesting',
        ) as string,
      });
      expect(changes()).toEqual([]);
      expect(snapshot()).toEqual(before);
      expectWhole(intel, 'intel');
    },
  );

  test('with artifacts of one name delete nothing of each other, in whatever order their jobs run', async () => {
    await inAnyOrder([intel, armSameName], (outcomes) => {
      const [first, second] = outcomes.map(({ status }) => status === 'fulfilled');
      expect(first && second).toBe(false);
      if (first === true) expectWhole(intel, 'intel');
      if (second === true) expectWhole(armSameName, 'arm');
      for (const outcome of outcomes)
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'store.asset' });
      expect(
        github.calls.filter(({ method, url }) => method === 'DELETE' && url.pathname.includes('/assets/')),
      ).toEqual([]);
    });
  });

  test('with artifacts of one name are refused though they upload no artifacts', async () => {
    await put({ ...intel, artifacts: [] });
    const before = snapshot();
    expect((await faultOf(put({ ...armSameName, artifacts: [] }))).code).toBe('store.asset');
    expect(snapshot()).toEqual(before);
  });

  test('that share an artifact do not replace its bundles, though these are about the same', async () => {
    await put(intel);
    const before = snapshot();
    const other = await makeSet('control-plane', 'falco-x86-64.raw', 'for intel');
    const fault = await faultOf(put(other));
    expect(fault).toMatchObject({ code: 'store.asset' });
    expect(fault.message).toContain('intel.SHA256SUMS');
    expect(snapshot()).toEqual(before);
  });

  test('of one name are refused', async () => {
    await put(intel);
    const before = snapshot();
    const fault = await faultOf(put(await makeSet('intel', 'falco-arm64.raw', 'for arm')));
    expect(fault).toMatchObject({ code: 'store.asset', where: 'intel.SHA256SUMS' });
    expect(snapshot()).toEqual(before);
  });

  test('are refused before a claimed file is there', async () => {
    await put(intel);
    for (const release of github.releases) release.assets = release.assets.filter(({ name }) => name.endsWith('SUMS'));
    expect((await faultOf(put(armSameName))).code).toBe('store.asset');
    expect(assets().size).toBe(1);
  });
});

describe('A set that is published again with new signatures', () => {
  test.each([true, false])('replaces its own files in a draft, and nothing else (digests: %s)', async (hasDigests) => {
    const again = await makeSet('intel', 'falco-x86-64.raw', 'for intel');
    github.settings.hasDigests = hasDigests;
    await put(arm);
    const ofArm = snapshot();
    await put(intel);
    const { written, present } = await put(again);
    expect(present.map(({ what }) => what)).toEqual([
      'falco-x86-64.raw.cdx.json',
      'intel.summary.md',
      'falco-x86-64.raw',
    ]);
    expect(written).toHaveLength(5);
    expectWhole(again, 'intel');
    expectWhole(arm, 'arm');
    expect(snapshot()).toEqual(expect.arrayContaining([...ofArm]));
  });

  test('replaces its SBOM file where a bundle about its artifact is there, else not', async () => {
    await put(intel);
    const sbom = find('falco-x86-64.raw.cdx.json');
    sbom.bytes = Buffer.from('of another time');
    expect((await put(intel)).written.map(({ what }) => what)).toEqual([sbom.name]);
    const [release] = github.releases;
    find(sbom.name).bytes = Buffer.from('of another time');
    release!.assets = release!.assets.filter(({ name }) => !/\.(?:provenance|sbom)\./.test(name));
    expect(await faultOf(put(intel))).toMatchObject({ code: 'store.asset', where: sbom.name });
  });

  test('that is interrupted at any call is finished by the next run', async () => {
    const third = await makeSet('intel', 'falco-x86-64.raw', 'for intel');
    const second = await makeSet('intel', 'falco-x86-64.raw', 'for intel');
    await put(intel);
    github.calls.length = 0;
    await put(second);
    const { length } = github.calls;
    for (const isDone of [false, true]) {
      for (let at = 1; at <= length; at++) {
        github.releases.length = 0;
        github.interfere = null;
        await put(intel);
        let count = 0;
        github.interfere = (_call, right) => {
          if (++count < at) return undefined;
          if (count === at && isDone) right();
          return { status: 500 };
        };
        await put(second, { ...settingsFor(), retries: 0 }).catch(() => undefined);
        github.interfere = null;
        await put(third);
        expectWhole(third, 'intel');
      }
    }
  });
});

describe('A draft', () => {
  test.each([
    ['falco-x86-64.raw', 'other bytes'],
    ['falco-x86-64.raw.provenance.sigstore.json', 'no bundle'],
    ['falco-x86-64.raw.sbom.sigstore.json', '{}'],
    ['intel.node-set.sigstore.json', 'no bundle'],
    ['intel.SHA256SUMS', 'no list'],
    ['intel.SHA256SUMS', ''],
  ])('with another %s (%j) is left as it is, with the way out', async (name, content) => {
    await put(intel);
    find(name).bytes = Buffer.from(content);
    const before = snapshot();
    github.calls.length = 0;
    const fault = await faultOf(put(intel));
    expect(fault).toMatchObject({
      code: 'store.asset',
      where: name,
      next: expect.stringContaining('rename') as string,
    });
    expect(snapshot()).toEqual(before);
    expect(changes()).toEqual([]);
  });

  test('whose file cannot be read now is left as it is', async () => {
    await put(intel);
    find('intel.node-set.sigstore.json').bytes = Buffer.from('x');
    const before = snapshot();
    github.interfereStorage = () => ({ status: 503 });
    expect((await faultOf(put(intel))).code).toBe('network.status');
    expect(snapshot()).toEqual(before);
  });

  test('with lists of checksums that are none of ours is gone on with', async () => {
    await put(intel);
    for (const [name, content] of [
      ['SHA256SUMS', 'x'],
      ['other.SHA256SUMS', ''],
    ] as const)
      github.releases[0]!.assets.push({ id: github.nextId++, name, bytes: Buffer.from(content), state: 'uploaded' });
    await put(arm);
    expectWhole(arm, 'arm');
  });

  test('into which another job puts a file of the same name meanwhile keeps that', async () => {
    const name = 'intel.node-set.sigstore.json';
    const bytes = Buffer.from('of the other job');
    github.interfere = ({ method, url }) => {
      if (method !== 'POST' || url.searchParams.get('name') !== name) return undefined;
      if (!assets().has(name)) github.releases[0]!.assets.push({ id: github.nextId++, name, bytes, state: 'uploaded' });
      return { status: 502 };
    };
    expect(await faultOf(put(intel))).toMatchObject({ code: 'store.asset', where: name });
    expect(find(name).bytes).toBe(bytes);
  });

  test('is not published where another job took a file out of it', async () => {
    github.interfere = ({ method, url }, right) => {
      const isLast = method === 'POST' && url.searchParams.get('name') === 'falco-x86-64.raw';
      const answer = right();
      if (isLast)
        github.releases[0]!.assets = github.releases[0]!.assets.filter(({ name }) => name !== 'intel.SHA256SUMS');
      return answer;
    };
    expect(await faultOf(put(intel, settingsFor(), false))).toMatchObject({
      code: 'store.asset',
      where: 'intel.SHA256SUMS',
    });
    expect(github.releases).toMatchObject([{ isDraft: true }]);
  });

  test('does not keep a file that arrived as another', async () => {
    github.interfere = ({ method, url }, right) => {
      const { body, ...answer } = right();
      if (method !== 'POST' || !url.pathname.startsWith('/uploads')) return { ...answer, ...(body && { body }) };
      return { ...answer, body: { ...(body as object), digest: `sha256:${'0'.repeat(64)}` } };
    };
    expect((await faultOf(put(intel))).code).toBe('store.digest');
    expect(snapshot()).toEqual([]);
  });

  test('is neither made nor published for a tag that is not there', async () => {
    github.tags.clear();
    expect(await faultOf(put(intel))).toMatchObject({
      code: 'usage.release-tag',
      next: expect.stringContaining('Push') as string,
    });
    github.releases.push({ id: 3, tag: 'v1', isDraft: true, isImmutable: false, assets: [] });
    expect((await faultOf(put(intel, settingsFor(), false))).code).toBe('usage.release-tag');
    expect(changes()).toEqual([]);
    await put(intel);
    expectWhole(intel, 'intel');
  });
});

describe('A set', () => {
  test('with every sign in its name that GitHub keeps is uploaded under it', async () => {
    const odd = await makeSet('v1.2+b_3@x-y', 'falco-1.0+b_3@x.raw', 'odd');
    await put(odd);
    expectWhole(odd, 'v1.2+b_3@x-y');
  });
});

describe('A directory without a set', () => {
  test('keeps the name of its checksums', async () => {
    const bundles = new Map(intel.files.map(({ fileName, bytes }) => [fileName, bytes]));
    bundles.delete('intel.trust-pack.json');
    bundles.delete('SHA256SUMS');
    bundles.set('SHA256SUMS', Buffer.from(`${'0'.repeat(64)}  falco\n`));
    await put(buildPublication(bundles, []));
    expect([...assets().keys()]).toContain('SHA256SUMS');
    bundles.set('SHA256SUMS', Buffer.from(`${'1'.repeat(64)}  falco\n`));
    expect(await faultOf(put(buildPublication(bundles, [])))).toMatchObject({
      code: 'store.asset',
      where: 'SHA256SUMS',
    });
  });
});
