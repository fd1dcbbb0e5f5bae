import { Digest, Fault, limits } from '../../../core/index.ts';
import {
  blobPath,
  type BlobCache,
  type Found,
  Findings,
  indexPath,
  type Intake,
  parseSubjectIndex,
  runInLanes,
} from '../../../store/index.ts';

/** Reads a file of the layout, or null where there is none. Faults: those of the place, limit.* beyond the cap. */
export type LayoutReader = {
  readonly placeOf: (path: string) => string;
  readonly read: (path: string, maxBytes: number) => Promise<Uint8Array | null>;
};

/**
 * Finds the bundles of a digest in the layout that pipeline/store/README.md describes: its index, then what that lists.
 *
 * @param intake of the search that this is a part of
 * @param blobs asked before the place is; null for a place that is as near
 * @param known SHA-256 of bundles that are not wanted again
 */
export async function findInLayout(
  digest: Digest,
  reader: LayoutReader,
  intake?: Intake,
  blobs: BlobCache | null = null,
  known: ReadonlySet<string> = new Set(),
): Promise<Found> {
  const findings = new Findings([digest], intake);
  const index = await reader.read(indexPath(digest), limits.storeIndexBytes);
  if (index === null) return findings.found();
  const { bundles } = parseSubjectIndex(index, digest);
  const listed = bundles.map((entry) => ({ blob: Digest.parse(entry.digest), sizeBytes: entry.sizeBytes }));
  const wanted = listed.filter(({ blob }) => !known.has(blob.hex));
  await runInLanes(wanted, async ({ blob, sizeBytes }) => {
    const path = blobPath(blob);
    const maxBytes = Math.min(sizeBytes, limits.bundleBytes);
    let read: Uint8Array | null = null;
    const isBundle = await findings.attempt(reader.placeOf(path), async (reserve) => {
      if (!(await reserve(maxBytes, blob.hex))) return null;
      read = (await blobs?.read(blob, maxBytes)) ?? (await readBlob(reader, path, blob, maxBytes));
      return read;
    });
    if (isBundle && read !== null) await blobs?.write(blob, read);
  });
  return findings.found();
}

async function readBlob(reader: LayoutReader, path: string, digest: Digest, maxBytes: number): Promise<Uint8Array> {
  const bytes = await reader.read(path, maxBytes);
  if (bytes === null) throw new Fault('store.missing', 'Cannot read bundle: the index lists it, and it is not there');
  checkDigest(bytes, digest, 'bundle');
  return bytes;
}

/** What a store gives under a digest must have it. Fault: store.digest. */
export function checkDigest(bytes: Uint8Array, digest: Digest, what: string): void {
  const actual = Digest.of(digest.algorithm, bytes);
  if (Digest.equals(actual, digest)) return;
  throw new Fault(
    'store.digest',
    `Cannot use ${what}: its bytes have ${Digest.format(actual)}, want ${Digest.format(digest)}`,
  );
}
