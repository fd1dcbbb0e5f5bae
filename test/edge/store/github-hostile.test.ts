import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { Fault } from '../../../pipeline/core/index.ts';
import { describeSite, parseOwner, parseTag } from '../../../pipeline/edge/store/index.ts';
import { nextCursor, nextOffset } from '../../../pipeline/edge/store/github/pages.ts';
import {
  parseAttestationPage,
  parseCreated,
  readAttestation,
} from '../../../pipeline/edge/store/github/attestation-api.ts';
import { openGithubClient } from '../../../pipeline/edge/store/github/client.ts';
import { parseAsset, parseList, parseRelease } from '../../../pipeline/edge/store/github/release-api.ts';
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
    expect(nextCursor('<https://x/y>; rel="next"')).toBeNull();
    expect(nextOffset('<https://x/y?page=2>; rel="next"', 100, 100)).toBe('200');
    expect(nextOffset(null, 100, 100)).toBeNull();
  });

  test('gives one printable word or none, whatever it is, and in no time', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 2000, unit: 'binary' }), (text) => {
        for (const link of [text, `<${text}>; rel="next"`, `<https://x/?after=${text}>; rel="next"`])
          expect(nextCursor(link) ?? 'none').toMatch(/^[\x21-\x7e]{1,1024}$/);
      }),
    );
    expect(nextCursor('<'.repeat(1_000_000))).toBeNull();
    expect(nextCursor(`${' '.repeat(16_000)}<`.repeat(10))).toBeNull();
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
