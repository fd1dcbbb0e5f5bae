import { createHash } from 'node:crypto';
import { decodeUtf8, Digest, Fault, limits, unreachable } from '../../../core/index.ts';
import { parseChecksumList } from '../../../formats/checksum-list/index.ts';
import { checksumsName, readPublishedBundle, runInLanes } from '../../../store/index.ts';
import { PassingFault, StatusFault } from '../http/failure.ts';
import { startSearch } from '../http/request.ts';
import { type GithubClient, openGithubClient } from './client.ts';
import { type Asset, digestOf, downloadAsset, type Release } from './release-api.ts';
import { artifactLines, type ReleaseFile } from './release-plan.ts';
import type { GithubTag } from './site.ts';

/** What is in a release before anything is changed there: ids of assets that are our files, and of those that ours may replace. */
export type Standing = { readonly same: ReadonlySet<number>; readonly own: ReadonlySet<number> };

/**
 * Compares the assets of a release with the files that are to go there. Two sets may be in one draft, of two jobs at a time:
 * what has the name of one of our files and other content is ours to replace only where it is an earlier upload of the same
 * set. What is published is nobody's to replace. Changes nothing.
 * Faults: store.asset (another file is there, or another set claims the name), store.immutable, network.*.
 */
export async function compareWithRelease(
  client: GithubClient,
  place: GithubTag,
  release: Release,
  files: readonly ReleaseFile[],
  there: ReadonlyMap<string, Asset>,
): Promise<Standing> {
  const same = new Set<number>();
  const own = new Set<number>();
  const reader = await openGithubClient(client, startSearch(client.settings));
  const claims = await readClaims(reader, place, files, there);
  const vouching = new Set<string>();
  // In the order of uploads: bundles come before the SBOM files that they vouch for.
  for (const file of files) {
    const claim = claims.find(({ lines }) => (lines.get(file.name) ?? file.digest.hex) !== file.digest.hex);
    if (claim !== undefined) throw otherAsset(place, release, file, claim.name);
    const asset = there.get(file.name);
    if (asset !== undefined && (await holds(client, place, asset, file))) same.add(asset.id);
    // An upload that broke off has no content.
    else if (asset !== undefined && asset.state !== 'uploaded') own.add(asset.id);
    else if (asset !== undefined && release.draft && (await isOwn(reader, place, asset, file, vouching)))
      own.add(asset.id);
    else if (asset !== undefined) throw otherAsset(place, release, file);
    if (asset?.state === 'uploaded') vouching.add(file.name);
    else if (release.immutable && !release.draft) throw refuseImmutable(place, file);
  }
  return { same, own };
}

function refuseImmutable({ tag }: GithubTag, { name }: ReleaseFile): Fault {
  return new Fault('store.immutable', `Cannot add ${name} to the release ${tag}: it is published and immutable`, {
    where: name,
    next: 'Publish while the release is a draft (nodeproof makes one where there is none), or to github-attestations: or oci:',
  });
}

type Claim = { readonly name: string; readonly lines: ReadonlyMap<string, string> };

/** The lists of checksums of other sets: each claims the names in it, also of files that are still on their way. */
async function readClaims(
  client: GithubClient,
  place: GithubTag,
  files: readonly ReleaseFile[],
  there: ReadonlyMap<string, Asset>,
): Promise<readonly Claim[]> {
  const ownNames = new Set(files.map(({ name }) => name));
  const lists = [...there.values()].filter(
    ({ name, state }) =>
      (name === checksumsName || name.endsWith(`.${checksumsName}`)) && state === 'uploaded' && !ownNames.has(name),
  );
  const claims = await runInLanes(lists, (asset) =>
    readAs(client, place, asset, limits.checksumListBytes, (bytes): Claim => {
      const lines = parseChecksumList(decodeUtf8(bytes, asset.name));
      return { name: asset.name, lines: new Map(lines.map(({ fileName, digest }) => [fileName, digest.hex])) };
    }),
  );
  return claims.filter((claim) => claim !== null);
}

/** Whether an asset is an earlier upload of the same set; what cannot be read as such is not. */
async function isOwn(
  client: GithubClient,
  place: GithubTag,
  asset: Asset,
  { mark }: ReleaseFile,
  vouching: ReadonlySet<string>,
): Promise<boolean> {
  switch (mark.kind) {
    case 'checksums': {
      const artifacts = await readAs(client, place, asset, limits.checksumListBytes, artifactLines);
      return artifacts !== null && sameKeys(artifacts, mark.artifacts) && sameValues(artifacts, mark.artifacts);
    }
    case 'bundle': {
      const subjects = await readAs(client, place, asset, limits.bundleBytes, (bytes) => {
        const bundle = readPublishedBundle([asset.name, bytes]);
        return new Map(bundle.subjects.map(({ digest }) => [digest.hex, true]));
      });
      return subjects !== null && sameKeys(subjects, mark.subjects);
    }
    case 'sbom':
      return mark.bundles.some((name) => vouching.has(name));
    case 'set':
      return true;
    case 'artifact':
      return false;
    default:
      return unreachable(mark);
  }
}

/** Neither is empty: nothing in common is not the same. */
function sameKeys(a: ReadonlyMap<string, unknown>, b: { has(key: string): boolean; readonly size: number }): boolean {
  return a.size > 0 && a.size === b.size && [...a.keys()].every((key) => b.has(key));
}

function sameValues(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return [...a].every(([key, value]) => b.get(key) === value);
}

/** Null for an asset that cannot be read as what is wanted. Faults: network.*, where another attempt may tell more. */
async function readAs<T>(
  client: GithubClient,
  place: GithubTag,
  asset: Asset,
  maxBytes: number,
  parse: (bytes: Uint8Array) => T,
): Promise<T | null> {
  if (asset.size > maxBytes) return null;
  try {
    return parse(await downloadAsset(client, place, asset, asset.size));
  } catch (error) {
    if (!(error instanceof Fault) || error instanceof PassingFault || error instanceof StatusFault) throw error;
    return null;
  }
}

/** Whether an asset is the file: by its digest, which newer ones have, else by its content. */
export async function holds(client: GithubClient, place: GithubTag, asset: Asset, file: ReleaseFile): Promise<boolean> {
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

/** @param list another set's list of checksums, which claims the name */
export function otherAsset(
  { tag }: GithubTag,
  release: Release,
  { name }: ReleaseFile,
  list: string | null = null,
): Fault {
  const kind = release.draft ? 'draft' : 'published release';
  const problem =
    list === null
      ? `the ${kind} ${tag} has another file of that name`
      : `${list} in the ${kind} ${tag} lists another file of that name`;
  return new Fault('store.asset', `Cannot publish ${name}: ${problem}`, {
    where: name,
    next: release.draft ? draftHint : publishedHint,
  });
}

const draftHint =
  'Two sets in one release need artifacts of different names: rename the files before attesting. What an earlier build left in the draft is yours to delete on GitHub';
const publishedHint = 'Delete that asset on GitHub if it is wrong, or publish under another tag';
