import { Digest, encodeCanonicalJson } from '../core/index.ts';

/** The artifact types under which images and extensions are pushed to an OCI registry. */
export const ociArtifactTypes = {
  'node-image': 'application/vnd.nodeproof.node-image.v1',
  sysext: 'application/vnd.nodeproof.sysext.v1',
} as const;

export type OciFile = {
  readonly kind: keyof typeof ociArtifactTypes;
  readonly fileName: string;
  readonly sha256: string;
  readonly sizeBytes: number;
};

/** The empty config of an artifact (image-spec v1.1, "Guidance for an Empty Descriptor"). */
export const emptyOciConfig: Uint8Array<ArrayBuffer> = new TextEncoder().encode('{}');

export function buildEmptyOciDescriptor() {
  return {
    mediaType: 'application/vnd.oci.empty.v1+json',
    digest: Digest.format(Digest.of('sha256', emptyOciConfig)),
    size: emptyOciConfig.byteLength,
  } as const;
}

/**
 * The manifest of one file as an OCI artifact (image-spec v1.1, "Guidelines for Artifact Usage": empty config, one layer).
 * A function of the file alone, so that its digest is known, and attested, before anything is pushed.
 */
export function encodeOciManifest({ kind, fileName, sha256, sizeBytes }: OciFile): Uint8Array<ArrayBuffer> {
  return encodeCanonicalJson({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    artifactType: ociArtifactTypes[kind],
    config: buildEmptyOciDescriptor(),
    layers: [
      {
        mediaType: 'application/octet-stream',
        digest: `sha256:${sha256}`,
        size: sizeBytes,
        annotations: { 'org.opencontainers.image.title': fileName },
      },
    ],
  });
}

export function ociManifestDigest(file: OciFile): Digest {
  return Digest.of('sha256', encodeOciManifest(file));
}
