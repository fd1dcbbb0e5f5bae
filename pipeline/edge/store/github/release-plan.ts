import { decodeUtf8, type Digest, Fault, limits } from '../../../core/index.ts';
import { parseChecksumList } from '../../../formats/checksum-list/index.ts';
import {
  checksumsName,
  isReleaseName,
  packSuffix,
  type Publication,
  type PublishedFile,
} from '../../../store/index.ts';

/** A file as it becomes an asset. */
export type ReleaseFile = {
  readonly name: string;
  readonly sizeBytes: number;
  readonly digest: Digest;
  readonly content: () => Blob;
  readonly mark: Mark;
};

/** By what an asset of the same name and other content is known as an earlier upload of the same set. */
export type Mark =
  /** The lines of a list of checksums that are about artifacts. */
  | { readonly kind: 'checksums'; readonly artifacts: ReadonlyMap<string, string> }
  | { readonly kind: 'bundle'; readonly subjects: ReadonlySet<string> }
  /** An SBOM file has no name but its artifact's: the bundles about that vouch for it. */
  | { readonly kind: 'sbom'; readonly bundles: readonly string[] }
  /** The set's name is in its own. */
  | { readonly kind: 'set' }
  | { readonly kind: 'artifact' };

/**
 * The order of uploads. The checksums claim the names of a set before anything else of it is there, so that another job sees
 * them in time; bundles come before the SBOM files that they vouch for.
 */
const order: readonly Mark['kind'][] = ['checksums', 'bundle', 'sbom', 'set', 'artifact'];

/**
 * All that attest wrote, then the artifacts under the names that the statements give them. The checksums of a set get its
 * name, for there may be several sets in one release. Faults: usage.artifacts.
 */
export function planFiles(publication: Publication): readonly ReleaseFile[] {
  const set = nameOfSet(publication);
  const planned: readonly ReleaseFile[] = [
    ...publication.files.map((file) => ({
      name: set !== null && file.fileName === checksumsName ? `${set}.${checksumsName}` : file.fileName,
      sizeBytes: file.bytes.byteLength,
      digest: file.digest,
      content: () => new Blob([new Uint8Array(file.bytes)]),
      mark: markOf(file, publication, set),
    })),
    ...publication.artifacts.map(({ fileName: name, sizeBytes, digest, content }) => ({
      name,
      sizeBytes,
      digest,
      content: () => content,
      mark: { kind: 'artifact' } as const,
    })),
  ];
  checkFiles(planned);
  return planned.toSorted((a, b) => order.indexOf(a.mark.kind) - order.indexOf(b.mark.kind));
}

/** Of the one set in the directory; null where there is none, or more. */
function nameOfSet({ files }: Publication): string | null {
  const packs = files.filter(({ fileName }) => fileName.endsWith(packSuffix));
  return packs.length === 1 ? (packs[0]?.fileName.slice(0, -packSuffix.length) ?? null) : null;
}

function markOf({ fileName, bytes, digest }: PublishedFile, { bundles }: Publication, set: string | null): Mark {
  if (fileName === checksumsName) return { kind: 'checksums', artifacts: artifactLines(bytes) };
  const bundle = bundles.find((each) => each.digest.hex === digest.hex);
  if (bundle !== undefined)
    return { kind: 'bundle', subjects: new Set(bundle.subjects.map((each) => each.digest.hex)) };
  const [, artifact] = /^(.+)\.cdx\.json$/.exec(fileName) ?? [];
  if (artifact !== undefined) return { kind: 'sbom', bundles: bundleKinds.map((kind) => `${artifact}${kind}`) };
  return ofSet.some((suffix) => `${set}${suffix}` === fileName) ? { kind: 'set' } : { kind: 'artifact' };
}

const bundleKinds = ['.provenance.sigstore.json', '.sbom.sigstore.json'];
const ofSet = [packSuffix, '.intoto.jsonl', '.summary.md'];

/** The artifacts that a list of checksums names, and what they are: a set is the same while these are. Faults: checksum-list.*, bytes.utf8. */
export function artifactLines(list: Uint8Array): ReadonlyMap<string, string> {
  const lines = parseChecksumList(decodeUtf8(list, checksumsName));
  return new Map(
    lines.filter(({ fileName }) => !isReleaseName(fileName)).map(({ fileName, digest }) => [fileName, digest.hex]),
  );
}

/** "GitHub renames asset filenames that have special characters, non-alphanumeric characters, and leading or trailing periods." */
const keptName = /^[\w+@-](?:[\w.+@-]*[\w+@-])?$/;

function checkFiles(files: readonly ReleaseFile[]): void {
  const names = new Set<string>();
  for (const { name, sizeBytes } of files) {
    const problem = names.has(name)
      ? 'another file has its name'
      : !keptName.test(name)
        ? 'GitHub would give it another name'
        : sizeBytes >= limits.githubAssetBytes
          ? `it has ${sizeBytes} bytes, want less than ${limits.githubAssetBytes}`
          : null;
    if (problem !== null)
      throw new Fault('usage.artifacts', `Cannot publish ${name} as an asset of a release: ${problem}`, {
        where: name,
        ...(keptName.test(name) ? {} : { next: nameHint }),
      });
    names.add(name);
  }
}

export const nameHint = 'Give the file a name of letters, digits, . _ + @ and - before it is attested';
