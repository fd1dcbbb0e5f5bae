import { compareText, decodeUtf8, Digest, Fault, within } from '../core/index.ts';
import { parseChecksumList } from '../formats/checksum-list/index.ts';
import { parseBundle, type SigstoreBundle } from '../formats/sigstore-bundle/index.ts';
import { parseStatement, type Subject } from '../formats/statement/index.ts';
import { parseTrustPack } from '../trust/index.ts';
import { type ArtifactFile, matchArtifacts, type PublishedArtifact } from './artifact.ts';

/** A digest that a bundle is about: the key under which a store finds the bundle. */
export type PublishedSubject = { readonly name: string; readonly role: string | null; readonly digest: Digest };

export type PublishedBundle = {
  readonly fileName: string;
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly predicateType: string;
  readonly subjects: readonly PublishedSubject[];
};

/** A file beside the bundles that a client may want: an SBOM as a file of its own, a trust pack. */
export type PublishedDocument = {
  readonly fileName: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  /** The subject under which it is listed. */
  readonly about: Digest;
};

/** A file as attest wrote it, for stores that hold a release's files by their names. */
export type PublishedFile = { readonly fileName: string; readonly bytes: Uint8Array; readonly digest: Digest };

/** What is to be published: a function of the files alone, in one order, so that every store makes the same of it. */
export type Publication = {
  /** The time that the release has in its trust pack; null where there is none. Never the clock: twice is the same. */
  readonly createdAt: string | null;
  readonly bundles: readonly PublishedBundle[];
  readonly documents: readonly PublishedDocument[];
  readonly artifacts: readonly PublishedArtifact[];
  /** All files of the directory: what the bundles and documents were read from, and what is made of them for people. */
  readonly files: readonly PublishedFile[];
};

/** Names of files in a release's directory that are published or looked at. */
export function isPublishedName(fileName: string): boolean {
  return fileName === checksumsName || /\.(?:sigstore|cdx|trust-pack)\.json$/.test(fileName);
}

/** Names of all files that attest writes: the lines of all bundles and the summary are looked at by nobody else. */
export function isReleaseName(fileName: string): boolean {
  return isPublishedName(fileName) || /\.(?:intoto\.jsonl|summary\.md)$/.test(fileName);
}

export const checksumsName = 'SHA256SUMS';
const sbomSuffix = '.cdx.json';
export const packSuffix = '.trust-pack.json';

/**
 * Builds the publication of a directory that attest wrote. Everything is read and compared before anything is sent.
 * Faults: usage.bundles (none there), publication.checksum (a file is not the one in SHA256SUMS), usage.artifacts, and those
 * of parseBundle, parseStatement and parseTrustPack with the file's name.
 */
export function buildPublication(
  files: ReadonlyMap<string, Uint8Array>,
  artifactFiles: readonly ArtifactFile[],
): Publication {
  const names = [...files.keys()].filter(isPublishedName).sort();
  const entries = names.map((name) => [name, files.get(name) ?? new Uint8Array()] as const);
  const bundles = distinct(entries.filter(([name]) => name.endsWith('.sigstore.json')).map(readPublishedBundle));
  if (bundles.length === 0) {
    throw new Fault('usage.bundles', 'Cannot publish: no .sigstore.json in the directory', {
      next: 'Give the directory that nodeproof attest wrote',
    });
  }
  checkSums(files, bundles);
  const packs = entries
    .filter(([name]) => name.endsWith(packSuffix))
    .map(([name, bytes]) => within(name, () => parseTrustPack(bytes)));
  return {
    createdAt: packs.map(({ issuedAt }) => issuedAt).sort()[0] ?? null,
    bundles,
    documents: entries.flatMap(([name, bytes]) => describeDocument(name, bytes, bundles)),
    artifacts: matchArtifacts(artifactFiles, bundles),
    files: [...files]
      .filter(([name]) => isReleaseName(name))
      .sort(([a], [b]) => compareText(a, b))
      .map(([fileName, bytes]) => ({ fileName, bytes, digest: Digest.of('sha256', bytes) })),
  };
}

/** Faults: publication.statement, and those of parseBundle and parseStatement, with the file's name. */
export function readPublishedBundle([fileName, bytes]: readonly [string, Uint8Array]): PublishedBundle {
  return within(fileName, () => {
    const bundle = parseBundle(bytes);
    const { mediaType } = bundle;
    const { predicateType, subject } = statementOf(bundle);
    const subjects = subject.flatMap(describeSubject);
    return { fileName, bytes, digest: Digest.of('sha256', bytes), mediaType, predicateType, subjects };
  });
}

function statementOf({ content }: SigstoreBundle): ReturnType<typeof parseStatement> {
  if (content.kind === 'envelope') return parseStatement(content.envelope.payload);
  throw new Fault('publication.statement', 'Cannot publish bundle: it signs a message, want a statement');
}

function describeSubject({ name = '', digest, annotations }: Subject): readonly PublishedSubject[] {
  const hex = digest['sha256'];
  const role = annotations?.['role'];
  if (hex === undefined) return [];
  return [{ name, role: typeof role === 'string' ? role : null, digest: Digest.fromHex('sha256', hex) }];
}

function distinct(bundles: readonly PublishedBundle[]): readonly PublishedBundle[] {
  return [...new Map(bundles.map((bundle) => [bundle.digest.hex, bundle])).values()];
}

/** An SBOM is listed under the artifact that its name says, a trust pack under the identity of its set. */
function describeDocument(
  fileName: string,
  bytes: Uint8Array,
  bundles: readonly PublishedBundle[],
): readonly PublishedDocument[] {
  const subjects = bundles.flatMap((bundle) => bundle.subjects);
  const [about, mediaType] = fileName.endsWith(sbomSuffix)
    ? [subjects.find(({ name }) => `${name}${sbomSuffix}` === fileName), 'application/vnd.cyclonedx+json']
    : fileName.endsWith(packSuffix)
      ? [subjects.find(({ role }) => role === 'identity'), 'application/vnd.nodeproof.trust-pack.v1+json']
      : [undefined, ''];
  if (about === undefined) return [];
  return [{ fileName, mediaType, bytes, digest: Digest.of('sha256', bytes), about: about.digest }];
}

/** A directory that was half copied, or changed since, is not published. */
function checkSums(files: ReadonlyMap<string, Uint8Array>, bundles: readonly PublishedBundle[]): void {
  const sums = files.get(checksumsName);
  if (sums === undefined) return;
  // What was attested lies elsewhere, though it be another's SBOM and be named like one of ours.
  const attested = new Set(bundles.flatMap(({ subjects }) => subjects.map(({ digest }) => digest.hex)));
  for (const { fileName, digest } of parseChecksumList(decodeUtf8(sums, checksumsName))) {
    const bytes = files.get(fileName);
    if (bytes === undefined && (!isPublishedName(fileName) || attested.has(digest.hex))) continue;
    const actual = bytes === undefined ? 'not there' : `sha256:${Digest.of('sha256', bytes).hex}`;
    if (actual === Digest.format(digest)) continue;
    throw new Fault(
      'publication.checksum',
      `Cannot publish ${fileName}: it is ${actual}, want ${Digest.format(digest)}`,
      { where: checksumsName, next: 'Copy the whole directory again, or run nodeproof attest anew' },
    );
  }
}
