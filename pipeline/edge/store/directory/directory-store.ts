import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Digest, Fault, limits } from '../../../core/index.ts';
import {
  blobPath,
  buildSubjectIndexes,
  type BundleStore,
  encodeSubjectIndex,
  indexPath,
  mergeSubjectIndexes,
  parseSubjectIndex,
  type PlannedWrite,
  type Publication,
  type PutReport,
  type SubjectIndex,
} from '../../../store/index.ts';
import { readSmallFile } from '../../files/index.ts';
import { findInLayout, type LayoutReader } from './find.ts';
import { digestContent, openWriter, type Writer } from './writer.ts';

/**
 * A directory as a store, in the layout of pipeline/store/README.md. Each file appears whole or not at all, what is listed
 * is written before the list. Faults: file.*, store.*, and usage.artifacts where a file changed since it was looked at.
 *
 * @param shown the path as the user gave it
 */
export function openDirectoryStore(root: string, shown: string): BundleStore {
  const reader = readLayout(root, shown);
  return {
    name: `directory:${shown}`,
    async find(digest, intake) {
      if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true)
        throw new Fault('file.missing', `Cannot read the store ${shown}: no such directory`, { where: shown });
      return await findInLayout(digest, reader, intake);
    },
    plan: planDirectory,
    put: (publication, tell) => putInDirectory(publication, root, shown, reader, tell),
  };
}

/** The files of a layout on a disk. */
export function readLayout(root: string, shown: string): LayoutReader {
  return {
    placeOf: (path) => join(shown, path),
    async read(path, maxBytes) {
      try {
        return readSmallFile(join(root, path), maxBytes);
      } catch (error) {
        if (error instanceof Fault && error.code === 'file.missing') return null;
        throw error;
      }
    },
  };
}

type PlannedBlob = PlannedWrite & { readonly digest: Digest; readonly content: Blob };

function listBlobs({ bundles, documents, artifacts }: Publication): readonly PlannedBlob[] {
  const small = [...bundles, ...documents].map(({ fileName, digest, bytes }) => ({
    what: fileName,
    place: blobPath(digest),
    sizeBytes: bytes.byteLength,
    digest,
    content: new Blob([new Uint8Array(bytes)]),
  }));
  const large = artifacts.map(({ fileName, digest, sizeBytes, content }) => ({
    what: fileName,
    place: blobPath(digest),
    sizeBytes,
    digest,
    content,
  }));
  return [...small, ...large];
}

function planDirectory(publication: Publication): readonly PlannedWrite[] {
  const blobs = listBlobs(publication).map(({ what, place, sizeBytes }) => ({ what, place, sizeBytes }));
  return [...blobs, ...buildSubjectIndexes(publication).map(describeIndex)];
}

function describeIndex(index: SubjectIndex): PlannedWrite {
  const sizeBytes = encodeSubjectIndex(index).byteLength;
  return { what: `index of ${index.subject}`, place: indexPath(Digest.parse(index.subject)), sizeBytes };
}

async function putInDirectory(
  publication: Publication,
  root: string,
  shown: string,
  reader: LayoutReader,
  tell: (what: string) => void,
): Promise<PutReport> {
  await using writer = await openWriter(root, shown);
  const written: PlannedWrite[] = [];
  const present: PlannedWrite[] = [];
  for (const { digest, content, ...blob } of listBlobs(publication)) {
    tell(blob.what);
    const isThere = await writer.holds(blob.place, digest, blob.sizeBytes);
    if (!isThere) await writeBlob(writer, blob, digest, content);
    (isThere ? present : written).push(blob);
  }
  for (const added of buildSubjectIndexes(publication)) {
    const planned = describeIndex(added);
    tell(planned.what);
    const isThere = !(await extendIndex(writer, reader, planned.place, added));
    (isThere ? present : written).push(planned);
  }
  return { written, present };
}

/** The bytes that arrive are hashed: a file that changed since it was looked at is not put under its old digest. */
async function writeBlob(writer: Writer, { what, place }: PlannedWrite, digest: Digest, content: Blob): Promise<void> {
  await writer.write(place, content, async (path) => {
    const actual = await digestContent(path);
    if (actual !== digest.hex)
      throw new Fault('usage.artifacts', `Cannot publish ${what}: it changed while it was read, want ${digest.hex}`, {
        next: 'Publish again when nothing writes to it',
      });
  });
}

/** True where the index had to change. */
async function extendIndex(writer: Writer, reader: LayoutReader, path: string, added: SubjectIndex): Promise<boolean> {
  const bytes = await reader.read(path, limits.storeIndexBytes);
  const subject = Digest.parse(added.subject);
  const merged = bytes === null ? added : mergeSubjectIndexes(parseSubjectIndex(bytes, subject), added);
  const encoded = encodeSubjectIndex(merged);
  if (bytes !== null && Buffer.compare(bytes, encoded) === 0) return false;
  await writer.write(path, new Blob([new Uint8Array(encoded)]));
  return true;
}
