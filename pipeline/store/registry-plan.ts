import { compareText, Digest } from '../core/index.ts';
import { emptyOciConfig } from '../release/index.ts';
import { manifestSubjects } from './artifact.ts';
import { bundleType, type Descriptor, encodeReferrer, manifestType, type Referrer } from './oci-documents.ts';
import type { Publication, PublishedBundle, PublishedDocument } from './publication.ts';

/** What a registry is to hold after a publication, each part by its digest or its tag. */
export type RegistryPlan = {
  readonly blobs: readonly PlannedBlob[];
  /** Manifests of files, with the tag by which one is pulled from nothing but the file's digest. */
  readonly artifacts: readonly PlannedManifest[];
  readonly referrers: readonly PlannedManifest[];
  /** For registries without the referrers API (distribution-spec v1.1, "Referrers Tag Schema"). */
  readonly referrersTags: readonly PlannedTag[];
  /** Digests that are no manifests: files, what is inside them, node identities. */
  readonly subjectTags: readonly PlannedTag[];
};

export type PlannedBlob = { readonly what: string; readonly digest: Digest; readonly content: Blob };
export type PlannedManifest = {
  readonly what: string;
  readonly digest: Digest;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly tag: string | null;
  /** The blob that it is about: where that is new, so is the manifest. */
  readonly layer: Digest;
};
/** An index under a tag, which other clients write to as well: entries are added, never taken away. */
export type PlannedTag = { readonly tag: string; readonly entries: readonly Descriptor[] };

/** The tag under which the referrers of a digest are listed (distribution-spec v1.1, "Referrers Tag Schema"). */
export function referrersTag(digest: Digest): string {
  return `${digest.algorithm}-${digest.hex}`.slice(0, 128);
}

/** The tag under which the node sets with an identity are listed. */
export function nodeSetTag(identity: Digest): string {
  return `node-set-${identity.hex}`;
}

/**
 * Plans a publication for a registry. A bundle is attached to each manifest whose file or own digest is one of its subjects,
 * and listed under the tag of each other subject, so that both ways lead to it.
 *
 * @param known manifests that the registry has already, of artifacts that are not part of the publication
 */
export function planRegistry(publication: Publication, known: readonly Descriptor[]): RegistryPlan {
  const carriers = listCarriers(publication, known);
  const bundles = publication.bundles.map((bundle) => ({
    bundle,
    referrers: attachBundle(bundle, carriers, publication),
  }));
  const documents = publication.documents.map((document) => ({
    document,
    attached: attachDocument(document, carriers, publication),
  }));
  const attached = [...bundles.flatMap(({ referrers }) => referrers), ...documents.flatMap((each) => each.attached)];
  return {
    blobs: [
      { what: 'empty config', digest: Digest.of('sha256', emptyOciConfig), content: new Blob([emptyOciConfig]) },
      ...publication.artifacts.map(({ fileName, digest, content }) => ({ what: fileName, digest, content })),
      ...[...publication.bundles, ...documents.map(({ document }) => document)].map(({ fileName, digest, bytes }) => ({
        what: fileName,
        digest,
        content: new Blob([new Uint8Array(bytes)]),
      })),
    ],
    artifacts: publication.artifacts.map(({ fileName, manifest, manifestDigest, digest }) => ({
      what: `${fileName} as OCI artifact`,
      digest: manifestDigest,
      bytes: manifest,
      tag: `artifact-${digest.hex}`,
      layer: digest,
    })),
    referrers: attached.map(({ what, referrer: { digest, bytes, layer } }) => ({
      what,
      digest,
      bytes,
      tag: null,
      layer,
    })),
    referrersTags: collectTags(
      attached.flatMap(({ carrier, referrer }) =>
        carrier === null ? [] : [[referrersTag(Digest.parse(carrier.descriptor.digest)), referrer.descriptor] as const],
      ),
    ),
    subjectTags: collectTags([
      ...bundles.flatMap(({ bundle, referrers }) => listUnderSubjects(bundle, referrers, carriers)),
      ...documents.flatMap(({ document, attached }) => listUnattached(document, attached, publication)),
    ]),
  };
}

/** A manifest that bundles can be attached to, with all digests under which it is attested. */
type Carrier = { readonly descriptor: Descriptor; readonly subjects: ReadonlySet<string> };
type Attached = { readonly what: string; readonly carrier: Carrier | null; readonly referrer: Referrer };

function listCarriers({ artifacts, bundles }: Publication, known: readonly Descriptor[]): readonly Carrier[] {
  const own = artifacts.map(({ manifest, manifestDigest }) => ({
    mediaType: manifestType,
    digest: Digest.format(manifestDigest),
    size: manifest.byteLength,
  }));
  const distinct = new Map([...known, ...own].map((descriptor) => [descriptor.digest, descriptor]));
  return [...distinct.values()]
    .sort((a, b) => compareText(a.digest, b.digest))
    .map((descriptor) => ({ descriptor, subjects: subjectsOfManifest(descriptor, bundles) }));
}

/** The file that a manifest carries is named beside it in the provenance, and what was read from the file as well. */
function subjectsOfManifest({ digest }: Descriptor, bundles: readonly PublishedBundle[]): ReadonlySet<string> {
  const naming = bundles.filter(({ subjects }) =>
    manifestSubjects(subjects).some((subject) => Digest.format(subject.digest) === digest),
  );
  return new Set(naming.flatMap(({ subjects }) => subjects.map((subject) => subject.digest.hex)));
}

function attachBundle(
  bundle: PublishedBundle,
  carriers: readonly Carrier[],
  publication: Publication,
): readonly Attached[] {
  const about = carriers.filter(({ subjects }) => bundle.subjects.some(({ digest }) => subjects.has(digest.hex)));
  const layer = { mediaType: bundleType, digest: bundle.digest, sizeBytes: bundle.bytes.byteLength };
  const annotations = {
    'dev.sigstore.bundle.content': 'dsse-envelope',
    'dev.sigstore.bundle.predicateType': bundle.predicateType,
    ...createdAnnotation(publication),
  };
  if (about.length === 0) return [attach(bundle.fileName, null, encodeReferrer(layer, null, annotations))];
  return about.map((carrier) =>
    attach(bundle.fileName, carrier, encodeReferrer(layer, carrier.descriptor, annotations)),
  );
}

/** An SBOM's file goes to the manifest of its artifact; a trust pack, whose set has no manifest, to none. */
function attachDocument(
  document: PublishedDocument,
  carriers: readonly Carrier[],
  publication: Publication,
): readonly Attached[] {
  const about = carriers.filter(({ subjects }) => subjects.has(document.about.hex));
  const layer = { ...document, sizeBytes: document.bytes.byteLength };
  const title = { 'org.opencontainers.image.title': document.fileName, ...createdAnnotation(publication) };
  if (about.length === 0) return [attach(document.fileName, null, encodeReferrer(layer, null, title))];
  return about.map((carrier) => attach(document.fileName, carrier, encodeReferrer(layer, carrier.descriptor, title)));
}

/** What hangs on no manifest is found by the tag of what it is about. */
function listUnattached(
  { about }: PublishedDocument,
  attached: readonly Attached[],
  { bundles }: Publication,
): readonly (readonly [string, Descriptor])[] {
  const isIdentity = bundles.some(({ subjects }) =>
    subjects.some(({ role, digest }) => role === 'identity' && Digest.equals(digest, about)),
  );
  const tag = isIdentity ? nodeSetTag(about) : referrersTag(about);
  return attached.flatMap(({ carrier, referrer }) => (carrier === null ? [[tag, referrer.descriptor] as const] : []));
}

function attach(what: string, carrier: Carrier | null, referrer: Referrer): Attached {
  const place = carrier === null ? '' : ` on ${carrier.descriptor.digest}`;
  return { what: `${what}${place}`, carrier, referrer };
}

function createdAnnotation({ createdAt }: Publication): Readonly<Record<string, string>> {
  return createdAt === null ? {} : { 'org.opencontainers.image.created': createdAt };
}

/** A manifest's own digest needs no tag of ours: its referrers are found by the API or its referrers tag. */
function listUnderSubjects(
  bundle: PublishedBundle,
  referrers: readonly Attached[],
  carriers: readonly Carrier[],
): readonly (readonly [string, Descriptor])[] {
  const [first] = referrers;
  if (first === undefined) return [];
  const manifests = new Set(carriers.map(({ descriptor }) => descriptor.digest));
  return bundle.subjects
    .filter(({ digest }) => !manifests.has(Digest.format(digest)))
    .map(({ role, digest }) => [
      role === 'identity' ? nodeSetTag(digest) : referrersTag(digest),
      first.referrer.descriptor,
    ]);
}

function collectTags(entries: readonly (readonly [string, Descriptor])[]): readonly PlannedTag[] {
  const tags = new Map<string, Map<string, Descriptor>>();
  for (const [tag, descriptor] of entries) {
    const listed = tags.get(tag) ?? new Map<string, Descriptor>();
    tags.set(tag, listed.set(descriptor.digest, descriptor));
  }
  return [...tags]
    .sort(([a], [b]) => compareText(a, b))
    .map(([tag, listed]) => ({ tag, entries: [...listed.values()] }));
}
