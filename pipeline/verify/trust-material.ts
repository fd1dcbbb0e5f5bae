import type { X509Certificate } from '@sigstore/core';
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

/**
 * Keeps the encoding of a certificate. The library compares certificates by encoding them anew, dozens of times for one
 * bundle, which is half of the time that a verification takes.
 */
export function keepEncoding(certificate: X509Certificate): void {
  const whole = certificate.root.toDER();
  const signed = certificate.tbsCertificate.toDER();
  certificate.root.toDER = () => whole;
  certificate.tbsCertificate.toDER = () => signed;
}

function buildTrustMaterial(root: OpenedRoot): TrustMaterial {
  try {
    const material = toTrustMaterial(TrustedRoot.fromJSON(root.document));
    for (const authority of [...material.certificateAuthorities, ...material.timestampAuthorities]) {
      for (const certificate of authority.certChain) keepEncoding(certificate);
    }
    return material;
  } catch (cause) {
    throw new Fault('trusted-root.field', `Cannot use trusted root ${root.name}: a key or certificate is malformed`, {
      where: `trust.roots, ${root.name}`,
      cause,
    });
  }
}
