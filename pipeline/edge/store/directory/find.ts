import { Digest, Fault, limits } from '../../../core/index.ts';
import { blobPath, type Found, Findings, indexPath, parseSubjectIndex } from '../../../store/index.ts';
import { runInLanes } from '../concurrency.ts';

/** Reads a file of the layout, or null where there is none. Faults: those of the place, limit.* beyond the cap. */
export type LayoutReader = {
  readonly placeOf: (path: string) => string;
  readonly read: (path: string, maxBytes: number) => Promise<Uint8Array | null>;
};

/** Finds the bundles of a digest in the layout that pipeline/store/README.md describes: its index, then what that lists. */
export async function findInLayout(digest: Digest, reader: LayoutReader): Promise<Found> {
  const findings = new Findings([digest]);
  const index = await reader.read(indexPath(digest), limits.storeIndexBytes);
  if (index === null) return findings.found();
  const { bundles } = parseSubjectIndex(index, digest);
  await runInLanes(bundles, async ({ digest: text, sizeBytes }) => {
    const blob = Digest.parse(text);
    const path = blobPath(blob);
    await findings.attempt(reader.placeOf(path), () => readBlob(reader, path, blob, sizeBytes));
  });
  return findings.found();
}

async function readBlob(reader: LayoutReader, path: string, digest: Digest, sizeBytes: number): Promise<Uint8Array> {
  const bytes = await reader.read(path, Math.min(sizeBytes, limits.bundleBytes));
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
