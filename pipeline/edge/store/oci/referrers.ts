import { Digest, Fault, limits } from '../../../core/index.ts';
import {
  type Descriptor,
  isBundleType,
  manifestType,
  nodeSetTag,
  parseDescriptor,
  parseImageIndex,
  parseLayers,
  referrersTag,
} from '../../../store/index.ts';
import type { RegistryClient } from './registry-client.ts';

/** Entries that may lead to bundles, and what went wrong on the way to more of them. */
export type Listing = {
  readonly descriptors: readonly Descriptor[];
  /** The digest itself, and where it is a manifest's that of the file that the manifest carries. */
  readonly digests: readonly Digest[];
  readonly faults: readonly Fault[];
};

/**
 * Lists what a registry has about a digest: its referrers (distribution-spec v1.1, "Listing Referrers"), the index under its
 * referrers tag, and the one under the tag of a node set. A failure of one way costs no other.
 */
export async function listReferrers(client: RegistryClient, digest: Digest): Promise<Listing> {
  const descriptors = new Map<string, Descriptor>();
  const digests = [digest];
  const faults: Fault[] = [];
  const attempt = async (step: () => Promise<void>): Promise<void> => {
    try {
      await step();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      faults.push(error);
    }
  };
  const take = async (entries: readonly unknown[]): Promise<void> => {
    for (const entry of entries) {
      await attempt(async () => {
        const descriptor = parseDescriptor(entry);
        if (!isCandidate(descriptor) || descriptors.has(descriptor.digest)) return;
        if (descriptors.size >= limits.storeDescriptors) throw tooMany(client, 'entries', limits.storeDescriptors);
        descriptors.set(descriptor.digest, descriptor);
      });
      if (faults.length > limits.storeDescriptors) return;
    }
  };
  await attempt(async () => void digests.push(...(await listContent(client, digest))));
  await attempt(() => readPages(client, digest, take));
  for (const tag of [referrersTag(digest), nodeSetTag(digest)]) {
    await attempt(async () => {
      const manifest = await client.readManifest(tag);
      if (manifest !== null) await take(parseImageIndex(manifest.bytes).manifests);
    });
  }
  return { descriptors: [...descriptors.values()], digests, faults };
}

/** The file that a manifest carries is bound by the manifest's digest: what is said about it is said about the manifest. */
async function listContent(client: RegistryClient, digest: Digest): Promise<readonly Digest[]> {
  const manifest = await client.readManifest(digest);
  if (manifest?.mediaType !== manifestType) return [];
  const layers = parseLayers(manifest.bytes);
  // More than one file: a bundle about one of them says nothing about the rest.
  return layers.length === 1 ? layers.map((layer) => Digest.parse(layer.digest)) : [];
}

async function readPages(
  client: RegistryClient,
  digest: Digest,
  take: (entries: readonly unknown[]) => Promise<void>,
): Promise<void> {
  const seen = new Set<string>();
  for (let url: URL | null = client.addressOf(`referrers/${Digest.format(digest)}`); url !== null;) {
    if (seen.has(url.href))
      throw new Fault('store.pages', `Cannot read on at ${client.reference.name}: it gives the same page again`);
    if (seen.size >= limits.storePages) throw tooMany(client, 'pages', limits.storePages);
    seen.add(url.href);
    const page = await client.readReferrers(url);
    if (page === null) return;
    await take(parseImageIndex(page.bytes).manifests);
    url = client.nextPage(page.link, url);
  }
}

/** Older clients leave the artifact type out of an index, or write the config's: only the manifest tells then. */
function isCandidate({ artifactType = '' }: Descriptor): boolean {
  return isBundleType(artifactType) || artifactType === '' || artifactType === 'application/vnd.oci.empty.v1+json';
}

function tooMany(client: RegistryClient, what: string, most: number): Fault {
  return new Fault('limit.store-bundles', `Cannot read on at ${client.reference.name}: more than ${most} ${what}`);
}
