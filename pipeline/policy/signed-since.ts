import { Fault, type Finding, type Json } from '../core/index.ts';
import { type Attestation, type BundleFile, type Claim, findingOf, readClaims } from './attestation.ts';
import { nodeKinds } from './node-bundles.ts';
import { parseRevocations } from './rules/revocation.ts';
import type { Revocation } from './schema.ts';
import { claimsOfKind, openShelf } from './shelf.ts';
import { type Offer, type PackedKind, siftClaims } from './sift.ts';
import type { Situation } from './situation.ts';
import { payloadSha256 } from './statements.ts';

/** What of an offer was signed since a trust pack was made, and what is not that. */
export type SignedSince = {
  /** One bundle of each statement and signer that the pack lacks, by kind and in the order of the offer. */
  readonly taken: readonly { readonly kind: PackedKind; readonly bundle: Json }[];
  /** How many bundles are of statements that no verdict on a node looks at. */
  readonly unneeded: number;
  /** Why each of the others does not count. */
  readonly passedOver: readonly Finding[];
  /** Revocations by who may revoke that cannot be read: what they revoke is not known. They are not taken. */
  readonly unreadRevocations: readonly Finding[];
};

/**
 * Picks from what untrusted stores offer what belongs into the trust pack of a node: node sets and revocations that count
 * under the policy, and the statements that the policy wants beside them. Whatever the pack has stays out, so that a store
 * cannot fill it with copies of one statement. Faults: revocation.field, where the pack itself has a revocation that cannot
 * be read.
 *
 * @param offered bundles that are not in the pack
 * @param situation with the pack alone as material
 */
export function pickSignedSince(offered: readonly BundleFile[], situation: Situation): SignedSince {
  const { policy } = situation;
  const pack = openShelf(situation);
  const { claims, unreadable } = readClaims(offered);
  const sift = (kind: PackedKind, revoked: readonly Revocation[], isNeeded: (claim: Claim) => boolean) =>
    siftClaims(claimsOfKind(claims, kind).filter(isNeeded), claimsOfKind(pack.claims, kind), kind, {
      ...pack.context,
      revocations: revoked,
    });
  // What was revoked is known before anything else is judged.
  const revocations = sift('revocation', policy.revocations, () => true);
  const read = readRevocations(revocations.fresh);
  const revoked = [...pack.context.revocations, ...read.revocations];
  const nodeSets = sift('node-set', revoked, () => true);
  const isPinned = pinnedBy([...nodeSets.packed, ...nodeSets.fresh.map(({ attestation }) => attestation)]);
  const kinds = nodeKinds(policy);
  const provenance = sift(
    'provenance',
    revoked,
    (claim) => kinds.has('provenance') && (policy.node.match === 'members' || isPinned(claim)),
  );
  const sboms = sift('sbom', revoked, (claim) => kinds.has('sbom') && isPinned(claim));
  const all = [revocations, nodeSets, provenance, sboms];
  const refused = all.flatMap((sifted) => sifted.refused);
  const needed = all.reduce((sum, { fresh, known }) => sum + fresh.length + known, refused.length);
  return {
    taken: [
      ...take('revocation', read.offers),
      ...take('node-set', nodeSets.fresh),
      ...take('provenance', provenance.fresh),
      ...take('sbom', sboms.fresh),
    ],
    unneeded: claims.length - needed,
    passedOver: [...refused, ...unreadable.map(({ name, fault }) => findingOf(fault, name))],
    unreadRevocations: read.problems,
  };
}

function take(kind: PackedKind, offers: readonly Offer[]): SignedSince['taken'] {
  return offers.map(({ claim }) => ({ kind, bundle: claim.file.bundle.json }));
}

/** A pack with a revocation that cannot be read admits nobody: such a one is told, and stays out. */
function readRevocations(offers: readonly Offer[]): {
  readonly offers: readonly Offer[];
  readonly revocations: readonly Revocation[];
  readonly problems: readonly Finding[];
} {
  const good: Offer[] = [];
  const revocations: Revocation[] = [];
  const problems: Finding[] = [];
  for (const offer of offers) {
    const { name, verified } = offer.attestation;
    try {
      revocations.push(...parseRevocations(verified.statement.predicate));
      good.push(offer);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      problems.push(findingOf(error, name));
    }
  }
  return { offers: good, revocations, problems };
}

/** Whether one of these node sets names a statement by its digest: another build's, or an older one, serves none of them. */
function pinnedBy(sets: readonly Attestation[]): (claim: Claim) => boolean {
  const pins = new Set(
    sets.flatMap(({ nodeSet }) =>
      (nodeSet?.statements ?? []).map(({ predicateType, sha256 }) => `${predicateType} ${sha256}`),
    ),
  );
  return (claim) => pins.has(`${claim.statement.predicateType} ${payloadSha256(claim) ?? ''}`);
}
