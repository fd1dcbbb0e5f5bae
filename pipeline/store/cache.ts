import { Digest, limits } from '../core/index.ts';
import type { Intake } from './intake.ts';
import type { Found, FoundBundle } from './store.ts';

/** Bytes that were seen before, by their digest: what is read has it, what is written may be forgotten. Neither fails. */
export type BlobCache = {
  readonly read: (digest: Digest, maxBytes: number) => Promise<Uint8Array | null>;
  readonly write: (digest: Digest, bytes: Uint8Array) => Promise<void>;
};

/**
 * What was found before, kept from one run to the next. It answers beside the stores and never in place of them: they are
 * asked for their lists each time, and that something was not there is not kept.
 */
export type BundleCache = {
  readonly name: string;
  readonly blobs: BlobCache;
  /**
   * Keeps bundles under the digests that they are about: first those that were asked for. What cannot be kept is a trouble,
   * not a fault.
   */
  readonly remember: (bundles: readonly FoundBundle[], asked: readonly Digest[]) => Promise<void>;
  /** The bundles of a digest beside those that are known. Faults: those of a store. */
  readonly recall: (digest: Digest, known: ReadonlySet<string>, intake?: Intake) => Promise<Found>;
};

/** What one search saw, in front of a cache: a bundle about ten files is sent once. */
export function openBlobMemory(below: BlobCache | null): BlobCache {
  const seen = new Map<string, Uint8Array>();
  let totalBytes = 0;
  const keep = (digest: Digest, bytes: Uint8Array): void => {
    if (seen.has(digest.hex) || totalBytes + bytes.byteLength > limits.searchBytes) return;
    seen.set(digest.hex, bytes);
    totalBytes += bytes.byteLength;
  };
  return {
    async read(digest, maxBytes) {
      const known = seen.get(digest.hex);
      if (known !== undefined) return known.byteLength <= maxBytes ? known : null;
      const bytes = (await below?.read(digest, maxBytes)) ?? null;
      if (bytes !== null) keep(digest, bytes);
      return bytes;
    },
    async write(digest, bytes) {
      if (!Digest.equals(Digest.of('sha256', bytes), digest)) return;
      keep(digest, bytes);
      await below?.write(digest, bytes);
    },
  };
}
