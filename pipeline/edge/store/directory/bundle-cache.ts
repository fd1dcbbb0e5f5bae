import { Digest, Fault, limits } from '../../../core/index.ts';
import {
  blobPath,
  type BundleCache,
  encodeSubjectIndex,
  type FoundBundle,
  indexPath,
  mergeSubjectIndexes,
  parseSubjectIndex,
  type SubjectIndex,
  subjectIndexType,
} from '../../../store/index.ts';
import { readLayout } from './directory-store.ts';
import { checkDigest, findInLayout } from './find.ts';
import { openWriter, type Writer } from './writer.ts';

export type DirectoryCache = BundleCache &
  AsyncDisposable & {
    /** What went wrong in keeping and in finding kept bytes again. It cost a request at most. */
    readonly troubles: readonly Fault[];
  };

/**
 * A directory store as a cache. It is as untrusted as any store: bytes are compared with their digest on every read, and
 * an index only ever adds to what the stores say. Nothing is thrown away; one digest takes at most what a store may give.
 *
 * @param shown the path as the user gave it
 */
export function openDirectoryCache(root: string, shown: string): DirectoryCache {
  const reader = readLayout(root, shown);
  const troubles: Fault[] = [];
  let writer: Writer | null = null;
  let isBroken = false;
  let unlistedBytes = 0;
  /** Statements are not verified here, and each may name thousands of digests: a store must not fill the disk with lists. */
  let others = 0;
  let last: Promise<void> = Promise.resolve();

  /** None after one that failed: a disk that is full stays full for this run. */
  const attemptWrite = async (step: (writer: Writer) => Promise<void>): Promise<void> => {
    if (isBroken) return;
    try {
      writer ??= await openWriter(root, shown, { isLasting: false });
      await step(writer);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      isBroken = true;
      troubles.push(error);
    }
  };

  /** One after the other: two writes of one name must not meet. */
  const write = (step: (writer: Writer) => Promise<void>): Promise<void> => {
    last = waitAndWrite(last, step);
    return last;
  };

  const waitAndWrite = async (before: Promise<void>, step: (writer: Writer) => Promise<void>): Promise<void> => {
    await before;
    await attemptWrite(step);
  };

  const readBlob = async (digest: Digest, maxBytes: number): Promise<Uint8Array | null> => {
    try {
      const bytes = await reader.read(blobPath(digest), maxBytes);
      if (bytes !== null) checkDigest(bytes, digest, `cached ${reader.placeOf(blobPath(digest))}`);
      return bytes;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      troubles.push(error);
      return null;
    }
  };

  const writeBlob = async (to: Writer, digest: Digest, bytes: Uint8Array): Promise<void> => {
    if (!(await to.holds(blobPath(digest), digest, bytes.byteLength)))
      await to.write(blobPath(digest), new Blob([new Uint8Array(bytes)]));
  };

  /** An index that does not read is made anew: what it listed comes back when a store lists it. */
  const readIndex = async (subject: Digest): Promise<SubjectIndex | null> => {
    try {
      const bytes = await reader.read(indexPath(subject), limits.storeIndexBytes);
      return bytes === null ? null : parseSubjectIndex(bytes, subject);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      troubles.push(error);
      return null;
    }
  };

  /** What is listed is there before the list, and what is not listed is not kept. */
  const extendIndex = async (
    to: Writer,
    subject: Digest,
    bundles: readonly FoundBundle[],
    kept: Set<string>,
  ): Promise<void> => {
    const old = await readIndex(subject);
    const { index, left } = extend(old ?? emptyIndex(subject), bundles);
    if (left > 0) troubles.push(fullFault(subject, left));
    const listed = new Set(index.bundles.map(({ digest }) => digest));
    for (const { sha256, bytes } of bundles) {
      if (kept.has(sha256) || !listed.has(`sha256:${sha256}`)) continue;
      await writeBlob(to, Digest.fromHex('sha256', sha256), bytes);
      kept.add(sha256);
    }
    if (index.bundles.length === (old?.bundles.length ?? 0)) return;
    await to.write(indexPath(subject), new Blob([new Uint8Array(encodeSubjectIndex(index))]));
  };

  return {
    name: `cache ${shown}`,
    troubles,
    blobs: {
      read: readBlob,
      async write(digest, bytes) {
        // No index counts these: manifests on the way to bundles, which are small where nobody means harm.
        unlistedBytes += bytes.byteLength;
        if (unlistedBytes <= limits.storeFoundBytes) await write((to) => writeBlob(to, digest, bytes));
      },
    },
    async remember(bundles, asked) {
      if (bundles.length === 0) return;
      await write(async (to) => {
        const kept = new Set<string>();
        const wanted = new Set(asked.map(({ hex }) => hex));
        for (const [subject, about] of bySubject(bundles, wanted)) {
          if (!wanted.has(subject) && others++ >= limits.cachedSubjects) break;
          await extendIndex(to, Digest.fromHex('sha256', subject), about, kept);
        }
      });
    },
    recall: (digest, known, intake) => findInLayout(digest, reader, intake, null, known),
    async [Symbol.asyncDispose]() {
      await last;
      await writer?.[Symbol.asyncDispose]();
    },
  };
}

/** Bundles by the digests that they are about, those that are wanted first. */
function bySubject(
  bundles: readonly FoundBundle[],
  wanted: ReadonlySet<string>,
): readonly (readonly [string, readonly FoundBundle[]])[] {
  const subjects = new Map<string, FoundBundle[]>([...wanted].map((hex) => [hex, []]));
  for (const bundle of bundles) {
    for (const { hex } of bundle.subjects) {
      const listed = subjects.get(hex);
      if (listed !== undefined) listed.push(bundle);
      else subjects.set(hex, [bundle]);
    }
  }
  return [...subjects].filter(([, about]) => about.length > 0);
}

function emptyIndex(subject: Digest): SubjectIndex {
  return { mediaType: subjectIndexType, subject: Digest.format(subject), bundles: [], files: [] };
}

/** What was listed first stays: bundles that come later, by whomever, push none of them out. */
function extend(
  index: SubjectIndex,
  bundles: readonly FoundBundle[],
): { readonly index: SubjectIndex; readonly left: number } {
  const entries = new Map(index.bundles.map((entry) => [entry.digest, entry]));
  let totalBytes = index.bundles.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let left = 0;
  for (const { sha256, bytes, bundle, predicateType } of bundles) {
    const digest = `sha256:${sha256}`;
    if (entries.has(digest)) continue;
    const sizeBytes = bytes.byteLength;
    if (entries.size >= limits.storeBundles || totalBytes + sizeBytes > limits.storeFoundBytes) {
      left++;
      continue;
    }
    totalBytes += sizeBytes;
    entries.set(digest, { digest, mediaType: bundle.mediaType, predicateType: shorten(predicateType), sizeBytes });
  }
  return { index: mergeSubjectIndexes(index, { ...index, bundles: [...entries.values()] }), left };
}

/** For who reads the index only: the statement has it whole. */
function shorten(predicateType: string | null): string {
  return (predicateType ?? '').slice(0, 1024);
}

function fullFault(subject: Digest, left: number): Fault {
  const most = `${limits.storeBundles} bundles of ${limits.storeFoundBytes} bytes`;
  return new Fault(
    'limit.store-bundles',
    `Cannot keep ${left} more bundles for ${Digest.format(subject)}: want at most ${most}`,
  );
}
