import { Digest, Fault } from '../../../core/index.ts';
import type { PlannedWrite, PutReport } from '../../../store/index.ts';
import { StatusFault } from '../http/failure.ts';
import { retryPassing } from '../http/request.ts';
import type { GithubClient } from './client.ts';
import {
  type Asset,
  checkTag,
  createDraft,
  deleteAsset,
  deleteRelease,
  digestOf,
  findRelease,
  publishDraft,
  readAssets,
  type Release,
  uploadAsset,
} from './release-api.ts';
import { compareWithRelease, holds, otherAsset, type Standing } from './release-own.ts';
import type { ReleaseFile } from './release-plan.ts';
import type { GithubTag } from './site.ts';

/**
 * Uploads into a draft and publishes it: assets of an immutable release can never be added later. Whatever a run that broke
 * off has left, a second one goes on from. Everything is compared before anything is uploaded or deleted.
 * Faults: usage.release-tag, store.immutable, store.asset, those of the API.
 */
export async function putInRelease(
  client: GithubClient,
  place: GithubTag,
  files: readonly ReleaseFile[],
  keepDraft: boolean,
  tell: (what: string) => void,
): Promise<PutReport> {
  tell(`release ${place.tag}`);
  const release = await openRelease(client, place, keepDraft);
  const there = await listAssets(client, place, release);
  const standing = await compareWithRelease(client, place, release, files, there);
  const willBePublic = !release.draft || !keepDraft;
  const report = { written: [] as PlannedWrite[], present: [] as PlannedWrite[] };
  const put = new Map<ReleaseFile, Asset>();
  for (const file of files) {
    tell(file.name);
    const { asset, isFresh } = await putAsset(client, place, release, file, there, standing);
    put.set(file, asset);
    (isFresh ? report.written : report.present).push(describeAsset(place, file, client, asset, willBePublic));
  }
  if (release.draft) await checkWhole(client, place, release, put);
  if (release.draft && !keepDraft) await publishDraft(client, place, release);
  return report;
}

/**
 * What is there for the tag, else a new draft. Of two drafts that were made at once the older one is used, and ours is deleted.
 * Where there is no such tag, GitHub would make it when the draft is published, at the newest commit of the default branch and
 * not at the attested one: nothing is begun then.
 */
async function openRelease(client: GithubClient, place: GithubTag, keepDraft: boolean): Promise<Release> {
  let own: Release | null = null;
  return await retryPassing(client.settings, async () => {
    const known = await findRelease(client, place);
    if (own === null && known !== null) {
      if (known.draft && !keepDraft) await checkTag(client, place);
      return known;
    }
    if (own === null) {
      await checkTag(client, place);
      own = await createDraft(client, place);
    }
    const chosen = await findRelease(client, place);
    if (chosen === null || chosen.id === own.id) return own;
    await deleteRelease(client, place, own);
    return chosen;
  });
}

async function listAssets(client: GithubClient, place: GithubTag, release: Release): Promise<Map<string, Asset>> {
  const assets = new Map<string, Asset>();
  for await (const page of readAssets(client, place, release)) for (const asset of page) assets.set(asset.name, asset);
  return assets;
}

type PutAsset = { readonly asset: Asset; readonly isFresh: boolean };

/** Uploads a file that is not there. An upload whose answer was lost is looked for before it is repeated. */
async function putAsset(
  client: GithubClient,
  place: GithubTag,
  release: Release,
  file: ReleaseFile,
  there: ReadonlyMap<string, Asset>,
  { same, own }: Standing,
): Promise<PutAsset> {
  let listed = there;
  let isRepeated = false;
  return await retryPassing(client.settings, async () => {
    if (isRepeated) listed = await listAssets(client, place, release);
    isRepeated = true;
    const asset = listed.get(file.name);
    if (asset !== undefined) {
      if (same.has(asset.id) || (await holds(client, place, asset, file))) return { asset, isFresh: listed !== there };
      // What came since the comparison is of another job.
      if (asset.state === 'uploaded' && !own.has(asset.id)) throw otherAsset(place, release, file);
      await deleteAsset(client, place, asset);
    }
    return await upload(client, place, release, file);
  });
}

async function upload(client: GithubClient, place: GithubTag, release: Release, file: ReleaseFile): Promise<PutAsset> {
  try {
    const asset = await uploadAsset(client, place, release, file.name, file.content());
    await checkUploaded(client, place, file, asset);
    return { asset, isFresh: true };
  } catch (error) {
    if (!(error instanceof StatusFault) || error.status !== 422) throw error;
    // "already_exists": another job was faster, which is as well if it had the same file.
    const asset = (await listAssets(client, place, release)).get(file.name);
    if (asset === undefined || asset.state !== 'uploaded') throw error;
    if (await holds(client, place, asset, file)) return { asset, isFresh: false };
    throw otherAsset(place, release, file);
  }
}

/** What arrived is what was sent: nobody else would notice before a client does. */
async function checkUploaded(client: GithubClient, place: GithubTag, file: ReleaseFile, asset: Asset): Promise<void> {
  const digest = digestOf(asset);
  if (asset.size === file.sizeBytes && (digest === null || Digest.equals(digest, file.digest))) return;
  await deleteAsset(client, place, asset);
  throw new Fault(
    'store.digest',
    `Cannot publish ${file.name}: GitHub has ${asset.size} bytes ${digest === null ? '' : `with ${Digest.format(digest)}`}, want ${file.sizeBytes} with ${Digest.format(file.digest)}`,
    { where: file.name, next: 'Publish again; the file must not change meanwhile' },
  );
}

/** A release is not published with a file missing that another job deleted or replaced meanwhile. */
async function checkWhole(
  client: GithubClient,
  place: GithubTag,
  release: Release,
  put: ReadonlyMap<ReleaseFile, Asset>,
): Promise<void> {
  const there = await listAssets(client, place, release);
  for (const [file, { id }] of put) {
    if (there.get(file.name)?.id === id) continue;
    throw new Fault('store.asset', `Cannot publish the release ${place.tag}: ${file.name} is no longer there`, {
      where: file.name,
      next: 'Another job changed the draft at the same time: publish again when it has ended',
    });
  }
}

export function describeAsset(
  { owner, repo, tag }: GithubTag,
  { name, sizeBytes }: ReleaseFile,
  client: GithubClient | null = null,
  asset: Asset | null = null,
  isPublic = false,
): PlannedWrite {
  const path = `${owner}/${repo}/releases/download/${encodeURI(tag).replaceAll('#', '%23')}/${encodeURIComponent(name)}`;
  return {
    what: name,
    place: `releases/${tag}`,
    sizeBytes,
    ...(asset === null ? {} : { id: String(asset.id) }),
    ...(client !== null && isPublic ? { url: `${client.site.webOrigin}/${path}` } : {}),
  };
}
