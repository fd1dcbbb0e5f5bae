import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Digest } from '../../pipeline/core/index.ts';
import { blobPath, encodeSubjectIndex, indexPath, subjectIndexType } from '../../pipeline/store/index.ts';

/** Writes a directory store that says whatever a test wants it to: these bytes, listed under each of these digests. */
export function writeMadeStore(root: string, digests: readonly Digest[], contents: readonly Uint8Array[]): void {
  const entries = contents.map((bytes) => ({ digest: Digest.of('sha256', bytes), bytes }));
  for (const { digest, bytes } of entries) write(join(root, blobPath(digest)), bytes);
  const bundles = entries.map(({ digest, bytes }) => ({
    digest: Digest.format(digest),
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    predicateType: 'https://nodeproof.dev/attestation/node-set/v1',
    sizeBytes: bytes.byteLength,
  }));
  for (const digest of digests) {
    const index = { mediaType: subjectIndexType, subject: Digest.format(digest), bundles, files: [] } as const;
    write(join(root, indexPath(digest)), encodeSubjectIndex({ ...index, bundles: [...bundles], files: [] }));
  }
}

function write(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
}
