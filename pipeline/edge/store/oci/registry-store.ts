import { Digest, Fault, limits } from '../../../core/index.ts';
import {
  type BlobCache,
  type BundleStore,
  type Descriptor,
  extendImageIndex,
  Findings,
  type Found,
  indexType,
  type Intake,
  isBundleType,
  manifestSubjects,
  manifestType,
  parseImageIndex,
  parseLayers,
  type PlannedManifest,
  type PlannedTag,
  type PlannedWrite,
  planRegistry,
  type Publication,
  type PutReport,
  type RegistryPlan,
  type Reserve,
  runInLanes,
} from '../../../store/index.ts';
import { type HttpSettings, startSearch } from '../http/request.ts';
import type { Access } from './authorization.ts';
import type { RepositoryReference } from './reference.ts';
import { listReferrers } from './referrers.ts';
import { RegistryClient } from './registry-client.ts';

/**
 * A repository of an OCI registry as a store. Faults: those of RegistryClient, store.contention.
 *
 * @param blobs manifests and blobs that need not be sent again: tags and lists are asked for each time
 */
export function openRegistryStore(
  reference: RepositoryReference,
  access: Omit<Access, 'scope'>,
  settings: HttpSettings,
  blobs: BlobCache | null = null,
): BundleStore {
  return {
    name: `oci:${reference.name}`,
    find: (digest, intake) => {
      const client = new RegistryClient(reference, { ...access, scope: 'pull' }, startSearch(settings));
      return findReferrers(client, digest, intake, blobs);
    },
    plan: (publication) => describePlan(planRegistry(publication, [])),
    put: (publication, tell) =>
      putInRegistry(new RegistryClient(reference, { ...access, scope: 'pull,push' }, settings), publication, tell),
  };
}

/** Lists, reads each manifest, then its bundle. Where a listing failed, "none" is not known, and some are some. */
async function findReferrers(
  client: RegistryClient,
  digest: Digest,
  intake: Intake | undefined,
  blobs: BlobCache | null,
): Promise<Found> {
  const { descriptors, digests, faults } = await listReferrers(client, digest);
  const findings = new Findings(digests, intake);
  await runInLanes(descriptors, async (descriptor) => {
    const from = `${client.reference.name}@${descriptor.digest}`;
    const read: NamedBytes[] = [];
    const isBundle = await findings.attempt(from, (reserve) => readBundle(client, descriptor, blobs, read, reserve));
    if (isBundle) for (const { digest: name, bytes } of read) await blobs?.write(name, bytes);
  });
  const found = findings.found();
  const [first] = faults;
  if (first !== undefined && found.bundles.length === 0) throw first;
  for (const fault of faults) findings.leaveUnread(fault, client.reference.name);
  return findings.found();
}

type NamedBytes = { readonly digest: Digest; readonly bytes: Uint8Array };

/**
 * The one bundle that a manifest holds; null where only the manifest could tell that it holds none.
 *
 * @param read takes what was read on the way
 */
async function readBundle(
  client: RegistryClient,
  descriptor: Descriptor,
  blobs: BlobCache | null,
  read: NamedBytes[],
  reserve: Reserve,
): Promise<Uint8Array | null> {
  const digest = Digest.parse(descriptor.digest);
  const known = await blobs?.read(digest, limits.storeManifestBytes);
  const manifest = known ?? (await client.readManifest(digest))?.bytes;
  if (manifest === undefined) throw new Fault('store.missing', 'Cannot read bundle: it is listed, and it is not there');
  const [layer, ...others] = parseLayers(manifest).filter(({ mediaType }) => isBundleType(mediaType));
  if (layer === undefined && !isBundleType(descriptor.artifactType ?? '')) return null;
  if (layer === undefined || others.length > 0)
    throw new Fault('store.manifest', 'Cannot read bundle: the manifest has not exactly one layer that is a bundle');
  const name = Digest.parse(layer.digest);
  const maxBytes = Math.min(layer.size, limits.bundleBytes);
  if (!(await reserve(maxBytes, name.hex))) return null;
  const bytes = (await blobs?.read(name, maxBytes)) ?? (await client.readBlob(name, maxBytes));
  read.push({ digest, bytes: manifest }, { digest: name, bytes });
  return bytes;
}

/** In an order in which every interruption leaves only what a second run finds and goes on from. */
async function putInRegistry(
  client: RegistryClient,
  publication: Publication,
  tell: (what: string) => void,
): Promise<PutReport> {
  const plan = planRegistry(publication, await findPushedManifests(client, publication));
  const report = { written: [] as PlannedWrite[], present: [] as PlannedWrite[] };
  const putAll = async <T>(
    items: readonly T[],
    describe: (item: T) => PlannedWrite,
    put: (item: T) => Promise<boolean>,
  ) => {
    const outcomes = await runInLanes(items, async (item) => {
      tell(describe(item).what);
      return await put(item);
    });
    for (const [at, item] of items.entries())
      (outcomes[at] === true ? report.written : report.present).push(describe(item));
  };
  const fresh = new Set<string>();
  await putAll(plan.blobs, describeBlob, async ({ digest, content }) => {
    const isFresh = await client.writeBlob(digest, content);
    if (isFresh) fresh.add(digest.hex);
    return isFresh;
  });
  for (const manifests of [plan.artifacts, plan.referrers])
    await putAll(manifests, describeManifest, (manifest) => putManifest(client, manifest, fresh));
  const tags = (await lacksReferrers(client, plan)) ? [...plan.referrersTags, ...plan.subjectTags] : plan.subjectTags;
  await putAll(tags, describeTag, (tag) => extendTag(client, tag));
  return report;
}

/** Files that were pushed before, or by others: bundles are attached to them, too. */
async function findPushedManifests(client: RegistryClient, publication: Publication): Promise<readonly Descriptor[]> {
  const own = new Set(publication.artifacts.map(({ manifestDigest }) => manifestDigest.hex));
  const named = publication.bundles.flatMap(({ subjects }) => manifestSubjects(subjects));
  const distinct = new Map(named.map(({ digest }) => [digest.hex, digest]));
  const others = [...distinct.values()].filter(({ hex }) => !own.has(hex));
  const found = await runInLanes(others, (digest) => client.readManifest(digest));
  return found
    .filter((manifest) => manifest !== null)
    .map(({ bytes, digest }) => ({ mediaType: manifestType, digest: Digest.format(digest), size: bytes.byteLength }));
}

async function putManifest(
  client: RegistryClient,
  { digest, bytes, tag, layer }: PlannedManifest,
  fresh: ReadonlySet<string>,
): Promise<boolean> {
  if (!fresh.has(layer.hex) && (await holdsManifest(client, digest, tag))) return false;
  await client.writeManifest(tag ?? digest, bytes, manifestType);
  return true;
}

async function holdsManifest(client: RegistryClient, digest: Digest, tag: string | null): Promise<boolean> {
  if (tag === null) return await client.hasManifest(digest);
  const tagged = await client.readManifest(tag);
  return tagged !== null && Digest.equals(tagged.digest, digest);
}

/** Asked of the API itself: there are registries that name a subject in their answers and list nothing. */
async function lacksReferrers(client: RegistryClient, { referrersTags, referrers }: RegistryPlan): Promise<boolean> {
  const [manifest] = referrers;
  if (referrersTags.length === 0 || manifest === undefined) return false;
  const url = client.addressOf(`referrers/${Digest.format(manifest.digest)}`);
  return (await client.readReferrers(url)) === null;
}

const contentions = 8;

/** Adds entries to an index that others write to: by its etag where there is one, and read again until they are in it. */
async function extendTag(client: RegistryClient, { tag, entries }: PlannedTag): Promise<boolean> {
  for (let attempt = 0; attempt < contentions; attempt++) {
    const current = await client.readManifest(tag);
    const bytes = extendImageIndex(current === null ? null : parseImageIndex(current.bytes), entries);
    if (bytes === null) return attempt > 0;
    await client.writeManifest(tag, bytes, indexType, current?.etag ?? null);
  }
  throw new Fault('store.contention', `Cannot publish to ${client.reference.name}: the tag ${tag} keeps changing`, {
    next: 'Publish again when nobody else does',
  });
}

function describePlan(plan: RegistryPlan): readonly PlannedWrite[] {
  return [
    ...plan.blobs.map(describeBlob),
    ...[...plan.artifacts, ...plan.referrers].map(describeManifest),
    ...[...plan.referrersTags, ...plan.subjectTags].map(describeTag),
  ];
}

function describeBlob({ what, digest, content }: RegistryPlan['blobs'][number]): PlannedWrite {
  return { what, place: `blobs/${Digest.format(digest)}`, sizeBytes: content.size };
}

function describeManifest({ what, digest, bytes, tag }: PlannedManifest): PlannedWrite {
  return { what, place: `manifests/${tag ?? Digest.format(digest)}`, sizeBytes: bytes.byteLength };
}

function describeTag({ tag, entries }: PlannedTag): PlannedWrite {
  return { what: `index of ${entries.length}`, place: `manifests/${tag}`, sizeBytes: 0 };
}
