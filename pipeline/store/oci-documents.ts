import * as z from 'zod/mini';
import { Digest, encodeCanonicalJson, limits } from '../core/index.ts';
import { parseJsonBytes } from '../formats/json/index.ts';
import { parseWith } from '../formats/schema/index.ts';
import { buildEmptyOciDescriptor } from '../release/index.ts';

/** OCI image-spec v1.1: manifests and indexes as registries keep them. */
export const manifestType = 'application/vnd.oci.image.manifest.v1+json';
export const indexType = 'application/vnd.oci.image.index.v1+json';
export const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';

const descriptorSchema = z.looseObject({
  mediaType: z.string().check(z.maxLength(255)),
  digest: z.string().check(z.regex(/^sha256:[0-9a-f]{64}$/)),
  size: z.int().check(z.nonnegative()),
  artifactType: z.optional(z.string().check(z.maxLength(255))),
  annotations: z.optional(z.nullable(z.record(z.string(), z.string()))),
});

export type Descriptor = Readonly<z.output<typeof descriptorSchema>>;

const indexSchema = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: z.optional(z.literal(indexType)),
  manifests: z.nullable(z.array(z.unknown()).check(z.maxLength(limits.storeDescriptors))),
});

export type ImageIndex = { readonly manifests: readonly unknown[]; readonly fields: object };

/** Reads an index; its entries stay as they are, for other clients put theirs there. Faults: store.index, json.*. */
export function parseImageIndex(bytes: Uint8Array): ImageIndex {
  const json = parseJsonBytes(bytes, 'image index', limits.storeIndexBytes);
  const fields = parseWith(indexSchema, json, 'store.index', 'image index');
  return { manifests: fields.manifests ?? [], fields };
}

/** Reads one entry of an index; junk among the entries is refused alone. Fault: store.index. */
export function parseDescriptor(entry: unknown): Descriptor {
  return parseWith(descriptorSchema, entry, 'store.index', 'descriptor');
}

/** An index with these entries added, those that it has stay first and unchanged; null where it has them all. */
export function extendImageIndex(index: ImageIndex | null, added: readonly Descriptor[]): Uint8Array | null {
  const entries = index?.manifests ?? [];
  const present = new Set(entries.map((entry) => (entry as { readonly digest?: unknown } | null)?.digest));
  const lacking = added.filter(({ digest }) => !present.has(digest));
  if (lacking.length === 0) return null;
  const fields = { schemaVersion: 2, mediaType: indexType, ...index?.fields };
  return Buffer.from(JSON.stringify({ ...fields, manifests: [...entries, ...lacking] }));
}

const manifestSchema = z.looseObject({
  schemaVersion: z.literal(2),
  artifactType: z.optional(z.string()),
  layers: z.array(descriptorSchema).check(z.maxLength(limits.storeLayers)),
});

/** The layers of a manifest. Faults: store.manifest, json.*. */
export function parseLayers(bytes: Uint8Array): readonly Descriptor[] {
  const json = parseJsonBytes(bytes, 'manifest', limits.storeManifestBytes);
  return parseWith(manifestSchema, json, 'store.manifest', 'manifest').layers;
}

/** Bundles of all versions; cosign 3 looks for this prefix, too. */
export function isBundleType(mediaType: string): boolean {
  return mediaType.startsWith('application/vnd.dev.sigstore.bundle');
}

/** A blob with its own type as an OCI artifact that refers to a subject, and the descriptor by which it is listed. */
export type Referrer = {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly digest: Digest;
  readonly descriptor: Descriptor;
  readonly layer: Digest;
};

/**
 * The manifest of a bundle, field by field as cosign 3 writes it (pkg/oci/remote/write.go, WriteAttestationNewBundleFormat),
 * and of any other one-blob referrer.
 */
export function encodeReferrer(
  layer: { readonly mediaType: string; readonly digest: Digest; readonly sizeBytes: number },
  subject: Descriptor | null,
  annotations: Readonly<Record<string, string>>,
): Referrer {
  const bytes = encodeCanonicalJson({
    schemaVersion: 2,
    mediaType: manifestType,
    artifactType: layer.mediaType,
    config: buildEmptyOciDescriptor(),
    layers: [{ mediaType: layer.mediaType, digest: Digest.format(layer.digest), size: layer.sizeBytes }],
    ...(subject === null
      ? {}
      : { subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size } }),
    annotations,
  });
  const digest = Digest.of('sha256', bytes);
  const descriptor = {
    mediaType: manifestType,
    digest: Digest.format(digest),
    size: bytes.byteLength,
    artifactType: layer.mediaType,
    annotations: { ...annotations },
  };
  return { bytes, digest, descriptor, layer: layer.digest };
}
