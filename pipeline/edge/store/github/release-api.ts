import type { Octokit } from 'octokit';
import * as z from 'zod/mini';
import { Digest, Fault, limits } from '../../../core/index.ts';
import { parseWith } from '../../../formats/schema/index.ts';
import { isAllowedScheme } from '../http/address.ts';
import type { Sink } from '../http/body.ts';
import { placeOf } from '../http/failure.ts';
import { checkVisible, type Data, download, type GithubClient, orNull, type Transport } from './client.ts';
import { nextOffset, numberedPerPages, type Page, type PagePlace, readPages } from './pages.ts';
import { nameHint } from './release-plan.ts';
import type { GithubRepository, GithubTag } from './site.ts';

type Repos = Octokit['rest']['repos'];
type OfferedRelease = Data<Repos['getReleaseByTag']>;
type OfferedAsset = Data<Repos['getReleaseAsset']>;

const text = z.string().check(z.maxLength(1024));
const address = z.string().check(z.maxLength(limits.addressBytes));
const id = z.int().check(z.nonnegative());

const releaseSchema = z.object({
  id,
  tag_name: text,
  draft: z.boolean(),
  // Servers before 3.18 have none.
  immutable: z.pipe(
    z.nullish(z.boolean()),
    z.transform((value) => value ?? false),
  ),
  upload_url: address,
}) satisfies z.ZodMiniType<Pick<OfferedRelease, 'id' | 'tag_name' | 'draft' | 'immutable' | 'upload_url'>>;

/** `state` is `uploaded`, or whatever an upload that broke off has: the types say `open`, the documentation `starter`. */
const assetSchema = z.object({
  id,
  name: text,
  state: text,
  size: z.int().check(z.nonnegative()),
  digest: z._default(z.nullable(text), null),
  browser_download_url: address,
}) satisfies z.ZodMiniType<
  Pick<OfferedAsset, 'id' | 'name' | 'size' | 'digest' | 'browser_download_url'> & { state: string }
>;

const refSchema = z.object({ ref: text }) satisfies z.ZodMiniType<Pick<Data<Octokit['rest']['git']['getRef']>, 'ref'>>;

export type Release = Readonly<z.output<typeof releaseSchema>>;
export type Asset = Readonly<z.output<typeof assetSchema>>;

/** Faults: store.answer. */
export function parseRelease(json: unknown): Release {
  return parseWith(releaseSchema, json, 'store.answer', 'release');
}

/** Faults: store.answer. */
export function parseAsset(json: unknown): Asset {
  return parseWith(assetSchema, json, 'store.answer', 'asset of a release');
}

/** Faults: store.answer. */
export function parseRef(json: unknown): string {
  return parseWith(refSchema, json, 'store.answer', 'tag').ref;
}

/** The digest that GitHub computed; null for older assets, and in a form that we do not know. */
export function digestOf({ digest }: Asset): Digest | null {
  return digest !== null && /^sha256:[0-9a-f]{64}$/.test(digest) ? Digest.parse(digest) : null;
}

/** A page is a list; what it holds is read by the parser of its kind. Faults: store.answer, and those of the parser. */
export function parseList<T>(json: unknown, parse: (each: unknown) => T): readonly T[] {
  const most = numberedPerPages[0] ?? 0;
  const list = z.array(z.unknown()).check(z.maxLength(most));
  return parseWith(list, json, 'store.answer', 'list of releases or assets').map(parse);
}

/** A page of a hundred assets has some 200 KiB; a release lists its own as well, and pages become smaller where that is much. */
const small = { maxBytes: limits.storeIndexBytes } satisfies Transport;

/** Releases come with all their assets: each page that is too large costs five of the pages that may be read. */
const large = { maxBytes: limits.githubPageBytes } satisfies Transport;

/** The release that is published for the tag; else the oldest draft for it, which only those with a token see; else null. */
export async function findRelease(client: GithubClient, place: GithubTag): Promise<Release | null> {
  const { owner, repo, tag } = place;
  const published = await orNull(client.octokit.rest.repos.getReleaseByTag({ owner, repo, tag, request: small }));
  if (published !== null) return parseRelease(published.data);
  if (client.token === null) return null;
  let oldest: Release | null = null;
  const list = (page: PagePlace): Promise<Page<Release> | null> => listReleases(client, place, page);
  const pages = readPages(list, numberedPerPages, limits.githubReleasePages);
  for await (const releases of pages)
    for (const release of releases)
      if (release.draft && release.tag_name === tag && (oldest === null || release.id < oldest.id)) oldest = release;
  return oldest;
}

async function listReleases(
  { octokit }: GithubClient,
  { owner, repo }: GithubRepository,
  { perPage, after }: PagePlace,
): Promise<Page<Release> | null> {
  const offset = Number(after ?? 0);
  const page = { page: offset / perPage + 1, per_page: perPage };
  const answer = await orNull(octokit.rest.repos.listReleases({ owner, repo, ...page, request: large }));
  if (answer === null) return null;
  return {
    entries: parseList(answer.data, parseRelease),
    next: () => nextOffset(answer.headers.link ?? null, offset, perPage),
  };
}

/** All assets of a release, page by page. */
export function readAssets(
  { octokit }: GithubClient,
  { owner, repo }: GithubRepository,
  release: Release,
): AsyncGenerator<readonly Asset[]> {
  return readPages(async ({ perPage, after }) => {
    const offset = Number(after ?? 0);
    const page = { page: offset / perPage + 1, per_page: perPage };
    const { data, headers } = await octokit.rest.repos.listReleaseAssets({
      owner,
      repo,
      release_id: release.id,
      ...page,
      request: small,
    });
    return { entries: parseList(data, parseAsset), next: () => nextOffset(headers.link ?? null, offset, perPage) };
  }, numberedPerPages);
}

/** Where there is no such tag, publishing a draft would make it. Faults: usage.release-tag, store.answer, network.*. */
export async function checkTag(client: GithubClient, { owner, repo, tag }: GithubTag): Promise<void> {
  const answer = await orNull(client.octokit.rest.git.getRef({ owner, repo, ref: `tags/${tag}`, request: small }));
  if (answer !== null && parseRef(answer.data) === `refs/tags/${tag}`) return;
  if (answer === null) await checkVisible(client, { owner, repo });
  throw new Fault('usage.release-tag', `Cannot make the release ${tag}: ${owner}/${repo} has no such tag`, {
    where: tag,
    next: 'Push the tag first: GitHub would make it at the newest commit of the default branch, whatever was attested',
  });
}

/** Creates a draft, once: what a lost answer was is for the caller to see. */
export async function createDraft({ octokit }: GithubClient, { owner, repo, tag }: GithubTag): Promise<Release> {
  const request = { ...small, isOnce: true } satisfies Transport;
  const draft = { owner, repo, tag_name: tag, name: tag, draft: true };
  return parseRelease((await octokit.rest.repos.createRelease({ ...draft, request })).data);
}

export async function publishDraft(
  { octokit }: GithubClient,
  { owner, repo }: GithubRepository,
  draft: Release,
): Promise<void> {
  const change = { owner, repo, release_id: draft.id, draft: false };
  const release = parseRelease((await octokit.rest.repos.updateRelease({ ...change, request: small })).data);
  if (release.draft)
    throw new Fault('store.answer', `Cannot publish the release ${draft.tag_name}: it is still a draft`);
}

/** What another has deleted meanwhile is as good as deleted. */
export async function deleteRelease(
  { octokit }: GithubClient,
  { owner, repo }: GithubRepository,
  { id }: Release,
): Promise<void> {
  await orNull(octokit.rest.repos.deleteRelease({ owner, repo, release_id: id, request: small }));
}

export async function deleteAsset(
  { octokit }: GithubClient,
  { owner, repo }: GithubRepository,
  { id }: Asset,
): Promise<void> {
  await orNull(octokit.rest.repos.deleteReleaseAsset({ owner, repo, asset_id: id, request: small }));
}

/**
 * Uploads a file, once, streamed, to where the release wants it if that is of this GitHub: the token goes along.
 * Faults: store.address, store.asset (GitHub gave it another name), store.answer, network.*.
 */
export async function uploadAsset(
  client: GithubClient,
  { owner, repo }: GithubRepository,
  release: Release,
  name: string,
  content: Blob,
): Promise<Asset> {
  const url = checkUploadAddress(client, release);
  const { data } = await client.octokit.rest.repos.uploadReleaseAsset({
    owner,
    repo,
    release_id: release.id,
    name,
    // octokit's types know texts alone; its documentation has buffers and streams here.
    data: content as unknown as string,
    url: `${url}{?name,label}`,
    headers: { 'content-type': 'application/octet-stream' },
    request: { maxBytes: limits.serverWordBytes, isOnce: true } satisfies Transport,
  });
  const asset = parseAsset(data);
  if (asset.name === name) return asset;
  await deleteAsset(client, { owner, repo }, asset);
  throw new Fault('store.asset', `Cannot publish ${name}: GitHub names it another way`, {
    where: name,
    next: nameHint,
  });
}

function checkUploadAddress({ site, settings }: GithubClient, { id, upload_url: template }: Release): string {
  const url = URL.parse(template.replace(/\{\?[a-z,]{1,80}\}$/, ''));
  const isOurs =
    url !== null &&
    isAllowedScheme(url, settings.plainHttp) &&
    site.uploadOrigins.includes(url.origin) &&
    url.username === '' &&
    url.password === '' &&
    /^[\w./-]+$/.test(url.pathname) &&
    url.pathname.endsWith(`/releases/${id}/assets`);
  if (isOurs) return `${url.origin}${url.pathname}`;
  throw new Fault(
    'store.address',
    `Cannot upload to where ${site.api.host} says: want ${site.uploadOrigins.join(' or ')}`,
    url === null ? {} : { where: placeOf(url) },
  );
}

/** Downloads an asset: with a token through the API, which leads to storage; without one as any browser. */
export async function downloadAsset(
  client: GithubClient,
  { owner, repo }: GithubRepository,
  { id, browser_download_url: address }: Asset,
  maxBytes: number,
  sink?: () => Sink,
): Promise<Uint8Array> {
  if (client.token === null) return (await download(client, address, maxBytes, sink)).bytes;
  const { data } = await client.octokit.rest.repos.getReleaseAsset({
    owner,
    repo,
    asset_id: id,
    headers: { accept: 'application/octet-stream' },
    request: { maxBytes, isRaw: true, ...(sink === undefined ? {} : { sink }) } satisfies Transport,
  });
  return data as unknown as Uint8Array;
}
