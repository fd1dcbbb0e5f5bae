import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toTrustMaterial, type TrustMaterial } from '@sigstore/verify';
import { Fault } from '../core/index.ts';
import type { OpenedRoot } from '../trust/index.ts';

const opened = new WeakMap<OpenedRoot, TrustMaterial>();

/** The library's form of one root, made once. Each root stands alone: none of its parts is ever put beside another's. */
export function trustMaterialOf(root: OpenedRoot): TrustMaterial {
  const known = opened.get(root);
  if (known !== undefined) return known;
  const material = buildTrustMaterial(root);
  opened.set(root, material);
  return material;
}

/** What a bundle without log entry and timestamp is verified with: nothing but its key. */
export function emptyTrustMaterial(): TrustMaterial {
  return toTrustMaterial(TrustedRoot.fromJSON({}));
}

function buildTrustMaterial(root: OpenedRoot): TrustMaterial {
  try {
    return toTrustMaterial(TrustedRoot.fromJSON(root.document));
  } catch (cause) {
    throw new Fault('trusted-root.field', `Cannot use trusted root ${root.name}: a key or certificate is malformed`, {
      where: `trust.roots, ${root.name}`,
      cause,
    });
  }
}
