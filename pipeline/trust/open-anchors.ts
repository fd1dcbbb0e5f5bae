import type { KeyObject } from 'node:crypto';
import { Fault } from '../core/index.ts';
import type { RootPin, Thresholds, Trust } from './anchors.ts';
import { publicGoodRoot } from './public-good.ts';
import type { KeyAlgorithm, PublicKey } from './public-key.ts';
import { checkTrustedRoot, type TrustedRootCandidate, type TrustedRootDocument } from './trusted-root.ts';

/** A root that the policy pins, with its document. Its authorities and logs vouch together and with no other root's. */
export type OpenedRoot = {
  readonly name: string;
  readonly sha256: string;
  readonly issuers: readonly string[];
  readonly thresholds: Thresholds;
  readonly document: TrustedRootDocument;
};

/** A key that the policy pins. */
export type OpenedKey = {
  readonly name: string;
  readonly spkiSha256: string;
  readonly algorithm: KeyAlgorithm;
  readonly key: KeyObject;
  readonly validFrom: string | null;
  readonly validUntil: string;
};

/** All that a verification may stand on. */
export type Anchors = { readonly roots: readonly OpenedRoot[]; readonly keys: readonly OpenedKey[] };

/** Documents and keys from a trust pack or files. Nothing in it counts unless the policy pins its digest. */
export type Candidates = {
  readonly trustedRoots: readonly TrustedRootCandidate[];
  readonly publicKeys: readonly PublicKey[];
};

/** Opens a trusted root for a pin of the policy. Faults: trusted-root.pin, trusted-root.field. */
export function openTrustedRoot(pin: RootPin, candidate: TrustedRootCandidate): OpenedRoot {
  const want = pin.builtin === undefined ? pin.sha256 : publicGoodRoot().sha256;
  if (want === undefined || candidate.sha256 !== want) {
    throw new Fault('trusted-root.pin', `Cannot trust root ${pin.name}: sha256 ${candidate.sha256}, want ${want}`, {
      where: `trust.roots, ${pin.name}`,
    });
  }
  return Object.freeze({
    name: pin.name,
    sha256: candidate.sha256,
    issuers: pin.issuers,
    thresholds: pin.thresholds,
    document: checkTrustedRoot(candidate.json),
  });
}

/**
 * Picks what the policy pins from what is offered. `missing` names the pins that nothing offered fits: their signatures
 * can not be judged. Faults: trusted-root.field.
 */
export function openAnchors(
  trust: Trust,
  candidates: Candidates,
): { readonly anchors: Anchors; readonly missing: readonly string[] } {
  const roots: OpenedRoot[] = [];
  const keys: OpenedKey[] = [];
  const missing: string[] = [];
  for (const pin of trust.roots) {
    const candidate = pin.builtin === undefined ? findRoot(candidates, pin.sha256) : publicGoodRoot();
    if (candidate === undefined) missing.push(`trusted root ${pin.name} (sha256 ${pin.sha256})`);
    else roots.push(openTrustedRoot(pin, candidate));
  }
  for (const pin of trust.keys) {
    const found = candidates.publicKeys.find((key) => key.spkiSha256 === pin.spkiSha256);
    if (found === undefined) missing.push(`key ${pin.name} (SPKI sha256 ${pin.spkiSha256})`);
    else keys.push(Object.freeze({ ...found, name: pin.name, validFrom: pin.validFrom, validUntil: pin.validUntil }));
  }
  return { anchors: { roots, keys }, missing };
}

function findRoot(candidates: Candidates, sha256: string | undefined): TrustedRootCandidate | undefined {
  return candidates.trustedRoots.find((candidate) => candidate.sha256 === sha256);
}
