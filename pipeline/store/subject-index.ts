import * as z from 'zod/mini';
import { compareText, Digest, limits } from '../core/index.ts';
import { parseJsonBytes } from '../formats/json/index.ts';
import { parseWith } from '../formats/schema/index.ts';
import type { Publication } from './publication.ts';

/** The index of one subject in a directory store. README.md beside this file describes the layout. */
export const subjectIndexType = 'application/vnd.nodeproof.subject-index.v1+json';

const digestText = z.string().check(z.regex(/^sha256:[0-9a-f]{64}$/));
const text = z.string().check(z.maxLength(1024));
const sizeBytes = z.int().check(z.nonnegative());

const indexSchema = z.strictObject({
  mediaType: z.literal(subjectIndexType),
  subject: digestText,
  bundles: z
    .array(z.strictObject({ digest: digestText, mediaType: text, predicateType: text, sizeBytes }))
    .check(z.maxLength(limits.storeDescriptors)),
  files: z
    .array(z.strictObject({ digest: digestText, fileName: text, mediaType: text, sizeBytes }))
    .check(z.maxLength(limits.storeDescriptors)),
});

export type SubjectIndex = Readonly<z.output<typeof indexSchema>>;

/** Where the index of a subject lies. */
export function indexPath(subject: Digest): string {
  return `${subject.algorithm}/${subject.hex}/index.json`;
}

/** Where bytes lie: named by their own digest, so that a reader can check them and a writer never changes them. */
export function blobPath(digest: Digest): string {
  return `blobs/${digest.algorithm}/${digest.hex}`;
}

/** Reads the index of a subject. Faults: store.index (also for the index of another subject), json.*, limit.json. */
export function parseSubjectIndex(bytes: Uint8Array, subject: Digest): SubjectIndex {
  const json = parseJsonBytes(bytes, 'subject index', limits.storeIndexBytes);
  const own = z.extend(indexSchema, { subject: z.literal(Digest.format(subject)) });
  return parseWith(own, json, 'store.index', 'subject index');
}

export function encodeSubjectIndex(index: SubjectIndex): Uint8Array {
  return Buffer.from(`${JSON.stringify(index, null, 2)}\n`);
}

/** One index with the entries of both, sorted by digest and name: merging twice changes nothing. */
export function mergeSubjectIndexes(left: SubjectIndex, right: SubjectIndex): SubjectIndex {
  return {
    mediaType: subjectIndexType,
    subject: left.subject,
    bundles: sortedUnion(left.bundles, right.bundles, ({ digest }) => digest),
    files: sortedUnion(left.files, right.files, ({ digest, fileName }) => `${digest} ${fileName}`),
  };
}

/** The indexes that a publication adds to, by subject: bundles, documents about it, and the file itself. */
export function buildSubjectIndexes(publication: Publication): readonly SubjectIndex[] {
  const indexes = new Map<string, SubjectIndex>();
  const add = (subject: Digest, part: Partial<SubjectIndex>): void => {
    const key = Digest.format(subject);
    const entry: SubjectIndex = { mediaType: subjectIndexType, subject: key, bundles: [], files: [], ...part };
    indexes.set(key, mergeSubjectIndexes(indexes.get(key) ?? entry, entry));
  };
  for (const { digest, bytes, mediaType, predicateType, subjects } of publication.bundles) {
    const entry = { digest: Digest.format(digest), mediaType, predicateType, sizeBytes: bytes.byteLength };
    for (const subject of subjects) add(subject.digest, { bundles: [entry] });
  }
  for (const { digest, bytes, mediaType, fileName, about } of publication.documents)
    add(about, { files: [{ digest: Digest.format(digest), fileName, mediaType, sizeBytes: bytes.byteLength }] });
  for (const { digest, fileName, sizeBytes } of publication.artifacts)
    add(digest, {
      files: [{ digest: Digest.format(digest), fileName, mediaType: 'application/octet-stream', sizeBytes }],
    });
  return [...indexes.values()].sort((a, b) => compareText(a.subject, b.subject));
}

function sortedUnion<T>(left: readonly T[], right: readonly T[], keyOf: (entry: T) => string): T[] {
  const union = new Map([...left, ...right].map((entry) => [keyOf(entry), entry]));
  return [...union].sort(([a], [b]) => compareText(a, b)).map(([, entry]) => entry);
}
