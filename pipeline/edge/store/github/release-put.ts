import { createHash } from 'node:crypto';
import { Digest, Fault, limits } from '../../../core/index.ts';
import type { PlannedWrite, Publication, PutReport } from '../../../store/index.ts';
import { StatusFault } from '../http/failure.ts';
import { retryPassing } from '../http/request.ts';
import type { GithubClient } from './client.ts';
import {
  type Asset,
  createDraft,
  deleteAsset,
  deleteRelease,
  digestOf,
  downloadAsset,
  findRelease,
  publishDraft,
  readAssets,
  type Release,
  uploadAsset,
} from './release-api.ts';
import type { GithubTag } from './site.ts';

/** A file as it becomes an asset. */
export type ReleaseFile = {
  readonly name: string;
  readonly sizeBytes: number;
  readonly digest: Digest;
  readonly content: () => Blob;
};

/** All that attest wrote, then the artifacts under the names that the statements give them. Faults: usage.artifacts. */
export function planFiles({ files, artifacts }: Publication): readonly ReleaseFile[] {
  const planned: readonly ReleaseFile[] = [
    ...files.map(({ fileName: name, bytes, digest }) => ({
      name,
      sizeBytes: bytes.byteLength,
      digest,
      content: () => new Blob([new Uint8Array(bytes)]),
    })),
    ...artifacts.map(({ fileName: name, sizeBytes, digest, content }) => ({
      name,
      sizeBytes,
      digest,
      content: () => content,
    })),
  ];
  const names = new Set<string>();
  for (const { name, sizeBytes } of planned) {
    const problem = names.has(name)
      ? 'another file has its name'
      : sizeBytes >= limits.githubAssetBytes
        ? `it has ${sizeBytes} bytes, want less than ${limits.githubAssetBytes}`
        : null;
    if (problem !== null)
      throw new Fault('usage.artifacts', `Cannot publish ${name} as an asset of a release: ${problem}`, {
        where: name,
      });
    names.add(name);
  }
  return planned;
}

/**
 * Uploads into a draft and publishes it: assets of an immutable release can never be added later. Whatever a run that broke
 * off has left, a second one goes on from. Faults: store.immutable, store.asset, those of the API.
 */
export async function putInRelease(
  client: GithubClient,
  place: GithubTag,
  files: readonly ReleaseFile[],
  keepDraft: boolean,
  tell: (what: string) => void,
): Promise<PutReport> {
  tell(`release ${place.tag}`);
  const release = await openRelease(client, place);
  const there = await listAssets(client, place, release);
  if (!release.draft) await checkPublished(client, place, release, files, there);
  const willBePublic = !release.draft || !keepDraft;
  const report = { written: [] as PlannedWrite[], present: [] as PlannedWrite[] };
  for (const file of files) {
    tell(file.name);
    const { asset, isFresh } = await putAsset(client, place, release, file, there);
    (isFresh ? report.written : report.present).push(describeAsset(place, file, client, asset, willBePublic));
  }
  if (release.draft && !keepDraft) await publishDraft(client, place, release);
  return report;
}

/** What is there for the tag, else a new draft. Of two drafts that were made at once the older one is used, and ours is deleted. */
async function openRelease(client: GithubClient, place: GithubTag): Promise<Release> {
  let own: Release | null = null;
  return await retryPassing(client.settings, async () => {
    const known = await findRelease(client, place);
    if (own === null && known !== null) return known;
    own ??= await createDraft(client, place);
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

/** Nothing is uploaded into a published release that could not take all of it, or that has another file of a name. */
async function checkPublished(
  client: GithubClient,
  place: GithubTag,
  release: Release,
  files: readonly ReleaseFile[],
  there: ReadonlyMap<string, Asset>,
): Promise<void> {
  for (const file of files) {
    const asset = there.get(file.name);
    if (asset !== undefined && asset.state === 'uploaded') {
      if (!(await holds(client, place, asset, file))) throw otherAsset(place, file);
    } else if (release.immutable) {
      throw new Fault(
        'store.immutable',
        `Cannot add ${file.name} to the release ${place.tag}: it is published and immutable`,
        {
          where: file.name,
          next: 'Publish while the release is a draft (nodeproof makes one where there is none), or to github-attestations: or oci:',
        },
      );
    }
  }
}

function otherAsset({ tag }: GithubTag, { name }: ReleaseFile): Fault {
  return new Fault(
    'store.asset',
    `Cannot publish ${name}: the published release ${tag} has another file of that name`,
    {
      where: name,
      next: 'Delete that asset on GitHub if it is wrong, or publish under another tag',
    },
  );
}

type PutAsset = { readonly asset: Asset; readonly isFresh: boolean };

/** Uploads a file that is not there. An upload whose answer was lost is looked for before it is repeated. */
async function putAsset(
  client: GithubClient,
  place: GithubTag,
  release: Release,
  file: ReleaseFile,
  there: ReadonlyMap<string, Asset>,
): Promise<PutAsset> {
  let listed = there;
  let isRepeated = false;
  return await retryPassing(client.settings, async () => {
    if (isRepeated) listed = await listAssets(client, place, release);
    isRepeated = true;
    const asset = listed.get(file.name);
    if (asset !== undefined) {
      if (await holds(client, place, asset, file)) return { asset, isFresh: listed !== there };
      if (asset.state === 'uploaded' && !release.draft) throw otherAsset(place, file);
      await deleteAsset(client, place, asset);
    }
    return await upload(client, place, release, file);
  });
}

async function upload(client: GithubClient, place: GithubTag, release: Release, file: ReleaseFile): Promise<PutAsset> {
  try {
    return { asset: await uploadAsset(client, place, release, file.name, file.content()), isFresh: true };
  } catch (error) {
    if (!(error instanceof StatusFault) || error.status !== 422) throw error;
    // "already_exists": another job was faster, which is as well if it had the same file.
    const asset = (await listAssets(client, place, release)).get(file.name);
    if (asset === undefined || !(await holds(client, place, asset, file))) throw error;
    return { asset, isFresh: false };
  }
}

/** Whether an asset is the file: by its digest, which newer ones have, else by its content. */
async function holds(client: GithubClient, place: GithubTag, asset: Asset, file: ReleaseFile): Promise<boolean> {
  if (asset.state !== 'uploaded' || asset.size !== file.sizeBytes) return false;
  const digest = digestOf(asset);
  if (digest !== null) return Digest.equals(digest, file.digest);
  let hash = createHash('sha256');
  await downloadAsset(client, place, asset, file.sizeBytes, () => {
    hash = createHash('sha256');
    return (chunk) => void hash.update(chunk);
  });
  return hash.digest('hex') === file.digest.hex;
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
