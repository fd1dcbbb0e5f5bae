import { Digest, encodeCanonicalJson } from '../core/index.ts';
import type { Evidence, ExtensionState } from './evidence.ts';

/**
 * Names one state of the merges: a verdict is about this one and no later one. Each merge makes a new overlay, and each
 * attachment of a loop device counts up its sequence number.
 */
export function mergeStateDigest({ sysexts, confexts, loops }: Evidence): Digest {
  const state = ({ merged, overlay, opt }: ExtensionState) => ({
    merged: merged.value,
    overlay: overlay?.device ?? null,
    opt: opt?.overlay.device ?? null,
  });
  return Digest.of(
    'sha256',
    encodeCanonicalJson({
      sysexts: state(sysexts),
      confexts: state(confexts),
      loops: loops.map(({ device, backingInode, diskSequence }) => ({ device, backingInode, diskSequence })),
    }),
  );
}
