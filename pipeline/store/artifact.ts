import { Digest, Fault } from '../core/index.ts';
import { encodeOciManifest, type OciFile, ociManifestDigest } from '../release/index.ts';
import type { PublishedBundle, PublishedSubject } from './publication.ts';

/** A file to publish beside its bundles: its digest is known, its content is read when it is sent. */
export type ArtifactFile = {
  /** For messages. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly digest: Digest;
  readonly content: Blob;
};

export type PublishedArtifact = ArtifactFile & {
  /** The name in the statements, whatever the file is called here: the manifest's digest depends on it. */
  readonly fileName: string;
  readonly manifest: Uint8Array<ArrayBuffer>;
  readonly manifestDigest: Digest;
};

const kinds: Readonly<Record<string, OciFile['kind']>> = {
  'node-image': 'node-image',
  'node-image-shipped': 'node-image',
  sysext: 'sysext',
  confext: 'sysext',
};

/**
 * Finds each file among the subjects of the bundles, which say what it is and under which manifest it was attested.
 * Faults: usage.artifacts (a file that no bundle is about, or that was not attested as an OCI artifact).
 */
export function matchArtifacts(
  files: readonly ArtifactFile[],
  bundles: readonly PublishedBundle[],
): readonly PublishedArtifact[] {
  const distinct = new Map(files.map((file) => [file.digest.hex, matchArtifact(file, bundles)]));
  return [...distinct.values()].sort((a, b) => (a.manifestDigest.hex < b.manifestDigest.hex ? -1 : 1));
}

function matchArtifact(file: ArtifactFile, bundles: readonly PublishedBundle[]): PublishedArtifact {
  const about = bundles.filter(({ subjects }) => subjects.some(({ digest }) => Digest.equals(digest, file.digest)));
  const subjects = about.flatMap((bundle) => bundle.subjects);
  const candidates = subjects.filter(({ digest }) => Digest.equals(digest, file.digest));
  if (candidates.length === 0) {
    throw new Fault(
      'usage.artifacts',
      `Cannot publish ${file.path}: no bundle is about ${Digest.format(file.digest)}, want a file that was attested`,
      { where: file.path, next: 'Give the very files that nodeproof attest read' },
    );
  }
  const attested = new Set(manifestSubjects(subjects).map(({ digest }) => digest.hex));
  for (const { name, role } of candidates) {
    const kind = kinds[role ?? ''];
    if (kind === undefined) continue;
    const oci = { kind, fileName: name, sha256: file.digest.hex, sizeBytes: file.sizeBytes };
    const manifestDigest = ociManifestDigest(oci);
    if (attested.has(manifestDigest.hex))
      return { ...file, fileName: name, manifest: encodeOciManifest(oci), manifestDigest };
  }
  throw new Fault(
    'usage.artifacts',
    `Cannot publish ${file.path}: it was not attested as an OCI artifact, want the file that is shipped`,
    { where: file.path, next: 'Where attest had --shipped, give that file' },
  );
}

/** The manifests under which files are pushed to a registry, as the provenance names them. */
export function manifestSubjects(subjects: readonly PublishedSubject[]): readonly PublishedSubject[] {
  return subjects.filter(({ role }) => role === 'oci-manifest');
}
