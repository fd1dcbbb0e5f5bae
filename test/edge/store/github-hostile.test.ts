import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { Fault } from '../../../pipeline/core/index.ts';
import { describeSite, parseOwner, parseTag } from '../../../pipeline/edge/store/index.ts';
import { inwardProblem } from '../../../pipeline/edge/store/http/address.ts';
import { nextCursor, nextOffset } from '../../../pipeline/edge/store/github/pages.ts';
import {
  parseAttestationPage,
  parseCreated,
  readAttestation,
} from '../../../pipeline/edge/store/github/attestation-api.ts';
import { openGithubClient } from '../../../pipeline/edge/store/github/client.ts';
import { parseAsset, parseList, parseRef, parseRelease } from '../../../pipeline/edge/store/github/release-api.ts';
import { settingsFor } from './settings.ts';

const release = {
  id: 1,
  tag_name: 'v1',
  draft: true,
  immutable: false,
  upload_url: 'https://uploads.github.com/x{?name,label}',
};
const asset = {
  id: 1,
  name: 'x',
  state: 'uploaded',
  size: 3,
  digest: `sha256:${'0'.repeat(64)}`,
  browser_download_url: 'https://github.com/x',
};

/** Each reader of what GitHub says, and an answer that it takes. */
const readers: Readonly<Record<string, { readonly read: (json: unknown) => unknown; readonly valid: object }>> = {
  'a page of attestations': { read: parseAttestationPage, valid: { attestations: [{ bundle: {} }] } },
  'a created attestation': { read: parseCreated, valid: { id: 3 } },
  'a release': { read: parseRelease, valid: release },
  'a release of a server without immutable ones': { read: parseRelease, valid: { ...release, immutable: null } },
  'a tag': { read: parseRef, valid: { ref: 'refs/tags/v1' } },
  'an asset': { read: parseAsset, valid: asset },
  'a list of releases': { read: (json) => parseList(json, parseRelease), valid: [release, release] },
};

function faultOrValue(step: () => unknown): void {
  try {
    step();
  } catch (error) {
    expect(error).toBeInstanceOf(Fault);
    expect((error as Fault).message).not.toMatch(/[\p{Cc}]/u);
  }
}

/** A valid answer with one member replaced or left out. */
const changed = (valid: object): fc.Arbitrary<unknown> =>
  fc
    .tuple(fc.constantFrom(...Object.keys(valid)), fc.option(fc.jsonValue(), { nil: undefined }))
    .map(([key, value]) => ({ ...valid, [key]: value }));

describe.each(Object.entries(readers))('The reader of %s', (_name, { read, valid }) => {
  test('takes a right one', () => {
    expect(() => read(valid)).not.toThrow();
  });

  test('gives a value or a fault for any JSON, and for a right one with a member changed', () => {
    fc.assert(fc.property(fc.oneof(fc.jsonValue(), changed(valid)), (json) => faultOrValue(() => read(json))));
  });
});

describe('The reader of an attestation', () => {
  let asked: number;
  let client: Awaited<ReturnType<typeof openGithubClient>>;
  beforeAll(async () => {
    asked = 0;
    const site = describeSite(new URL('https://api.github.example'));
    const answer = async (): Promise<Response> => new Response(String(asked++), { status: 404 });
    client = await openGithubClient({ site, token: null }, { ...settingsFor(), fetch: answer });
  });

  test('gives a fault for any JSON that holds no bundle', async () => {
    const entry = fc.oneof(
      fc.jsonValue(),
      fc.record({ bundle: fc.jsonValue(), bundle_url: fc.oneof(fc.webUrl(), fc.string(), fc.jsonValue()) }),
    );
    await fc.assert(
      fc.asyncProperty(entry, async (json) => {
        await expect(readAttestation(client, json)).rejects.toBeInstanceOf(Fault);
      }),
    );
    expect(asked).toBeGreaterThan(0);
  });
});

describe('A link to the next page', () => {
  test('gives a cursor, or none', () => {
    expect(nextCursor('<https://x/y?before=b>; rel="prev", <https://x/y?after=a%3D&per_page=3>; rel="next"')).toBe(
      'a=',
    );
    expect(nextCursor('<https://x/y?after=a>; rel="last"')).toBeNull();
    expect(nextCursor(null)).toBeNull();
    expect(nextOffset('<https://x/y?page=2>; rel="next"', 100, 100)).toBe('200');
    expect(nextOffset(null, 100, 100)).toBeNull();
  });

  test('gives one printable word or none, whatever it is, and in no time', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 2000, unit: 'binary' }), (text) => {
        for (const link of [text, `<${text}>; rel="next"`, `<https://x/?after=${text}>; rel="next"`])
          faultOrValue(() => expect(nextCursor(link) ?? 'none').toMatch(/^[\x21-\x7e]{1,1024}$/));
      }),
    );
    for (const link of ['<'.repeat(1_000_000), `${' '.repeat(16_000)}<`.repeat(10), '<https://x/y>; rel="next"'])
      expect(() => nextCursor(link)).toThrow(expect.objectContaining({ code: 'store.pages' }));
  });
});

describe('An address that a server gave', () => {
  const problem = (target: string, server: string, isPublic = false) =>
    inwardProblem(new URL(target), new URL(server), isPublic);
  const github = 'https://api.github.com';

  test.each([
    ['https://127.0.0.1/x', 'this machine itself'],
    ['https://127.1/x', 'this machine itself'],
    ['https://0.0.0.0/x', 'this machine itself'],
    ['https://[::1]/x', 'this machine itself'],
    ['https://[::]/x', 'this machine itself'],
    ['https://[::ffff:127.0.0.1]/x', 'this machine itself'],
    ['https://localhost./x', 'this machine itself'],
    ['https://a.localhost/x', 'this machine itself'],
    ['https://169.254.169.254/latest/meta-data', 'an address of this link'],
    ['https://[fe80::1]/x', 'an address of this link'],
    ['https://10.1.2.3/x', 'a private address'],
    ['https://172.31.0.1/x', 'a private address'],
    ['https://192.168.0.1/x', 'a private address'],
    ['https://100.64.0.1/x', 'a private address'],
    ['https://[fd00:ec2::254]/x', 'a private address'],
    ['https://[::ffff:10.0.0.1]/x', 'a private address'],
  ])('is not followed from the internet to %s', (target, expected) => {
    expect(problem(target, github, true)).toBe(expected);
    expect(problem(target, 'https://192.0.2.1')).toBe(expected);
  });

  test.each([
    ['https://storage.example/x', github, true],
    ['https://192.0.2.1/x', github, true],
    ['https://172.32.0.1/x', github, true],
    ['https://10.0.0.4/x', 'https://git.corp.example/api/v3', false],
    ['https://10.0.0.4/x', 'https://192.168.0.1/api/v3', false],
    ['https://192.0.2.1/x', 'https://10.0.0.1/api/v3', false],
    ['http://127.0.0.1:1234/x', 'http://localhost:5', false],
  ])('is followed to %s from %s', (target, server, isPublic) => {
    expect(problem(target, server, isPublic)).toBeNull();
  });

  test('of a private network is one of neither this machine nor this link', () => {
    for (const server of ['https://git.corp.example', 'https://10.0.0.1'])
      for (const target of ['https://127.0.0.1/x', 'https://169.254.169.254/x'])
        expect(problem(target, server)).not.toBeNull();
  });
});

describe('A place on GitHub', () => {
  test('is an owner, a repository, or a tag of one', () => {
    expect(parseOwner('acme')).toEqual({ owner: 'acme', repo: null });
    expect(parseOwner('acme/nodes.x')).toEqual({ owner: 'acme', repo: 'nodes.x' });
    expect(parseTag('acme/nodes@release/v1@2')).toEqual({ owner: 'acme', repo: 'nodes', tag: 'release/v1@2' });
  });

  test.each([
    '',
    '/',
    'acme/',
    '/nodes',
    'acme/nodes/more',
    'acme/..',
    'a b/c',
    'acme/nodes?x',
    '-acme/nodes',
    'ac%2fme',
  ])('is not %j', (text) => {
    expect(() => parseOwner(text)).toThrow(expect.objectContaining({ code: 'usage.store' }));
  });

  test.each([
    'acme/nodes',
    'acme/nodes@',
    'acme@v1',
    'acme/nodes@v 1',
    'acme/nodes@../x',
    'acme/nodes@a..b',
    'a/b@x.lock',
  ])('of a tag is not %j', (text) => {
    expect(() => parseTag(text)).toThrow(expect.objectContaining({ code: 'usage.store' }));
  });

  test.each([
    ['https://api.github.com', 'https://github.com', 'https://uploads.github.com'],
    ['https://api.acme.ghe.com', 'https://acme.ghe.com', 'https://uploads.acme.ghe.com'],
    ['https://git.example/api/v3', 'https://git.example', 'https://git.example'],
    [
      'https://api.github.com.evil.example',
      'https://api.github.com.evil.example',
      'https://api.github.com.evil.example',
    ],
    ['https://api.evil.example.ghe.com', 'https://api.evil.example.ghe.com', 'https://api.evil.example.ghe.com'],
  ])('has for the API %s the pages of %s and uploads to %s', (api, web, uploads) => {
    const site = describeSite(new URL(api));
    expect(site.webOrigin).toBe(web);
    expect(site.uploadOrigins).toContain(uploads);
    expect(site.uploadOrigins.every((origin) => [new URL(api).origin, uploads].includes(origin))).toBe(true);
  });
});
