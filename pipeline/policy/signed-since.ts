import { Fault, type Finding } from '../core/index.ts';
import type { NodeIdentity } from '../release/index.ts';
import { type Attestation, type BundleFile, type Claim, findingOf, isNodeSet, readClaims } from './attestation.ts';
import { nodeKinds } from './node-bundles.ts';
import { parseRevocations } from './rules/revocation.ts';
import type { Policy, Revocation } from './schema.ts';
import { claimsOfKind, openShelf } from './shelf.ts';
import { type Offer, type PackedKind, siftClaims } from './sift.ts';
import { buildSignedUnits, ownBy, type SignedUnit } from './signed-units.ts';
import type { Situation } from './situation.ts';
import { payloadSha256 } from './statements.ts';
import { isBelowFloor } from './version.ts';

/** What of an offer was signed since a trust pack was made, and what is not that. */
export type SignedSince = {
  /** One bundle of each statement and signer that the pack lacks, in units, what matters most first. */
  readonly units: readonly SignedUnit[];
  /** How many bundles are of statements that no verdict on the node looks at, or ever will under this policy. */
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
 * @param offered what stores gave, with whatever the pack has of it
 * @param own what the node runs, and what its next boot would run, as far as that is known
 * @param situation with the pack alone as material
 */
export function pickSignedSince(
  offered: readonly BundleFile[],
  own: readonly NodeIdentity[],
  situation: Situation,
): SignedSince {
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
  const freshSets = nodeSets.fresh.filter(admissibleBy(policy, own));
  const isPinned = pinnedBy([...nodeSets.packed, ...freshSets.map(({ attestation }) => attestation)]);
  const kinds = nodeKinds(policy);
  const provenance = sift(
    'provenance',
    revoked,
    (claim) => kinds.has('provenance') && (policy.node.match === 'members' || isPinned(claim)),
  );
  const sboms = sift('sbom', revoked, (claim) => kinds.has('sbom') && isPinned(claim));
  const all = [revocations, nodeSets, provenance, sboms];
  const refused = all.flatMap((sifted) => sifted.refused);
  const looked = all.reduce((sum, { fresh, known }) => sum + fresh.length + known, refused.length);
  const signed = {
    revocations: read.offers,
    nodeSets: { packed: nodeSets.packed, fresh: freshSets },
    provenance: provenance.fresh,
    sboms: sboms.fresh,
  };
  return {
    units: buildSignedUnits(signed, own, policy.node),
    unneeded: claims.length - looked + nodeSets.fresh.length - freshSets.length,
    passedOver: [...refused, ...unreadable.map(({ name, fault }) => findingOf(fault, name))],
    unreadRevocations: read.problems,
  };
}

/** Sets of releases that the policy is past are never admitted again, and there are more of them every year. */
function admissibleBy({ node }: Policy, own: readonly NodeIdentity[]): (offer: Offer) => boolean {
  const { versionFloor } = node.os;
  if (versionFloor === undefined) return () => true;
  const isOwn = ownBy(own, node.match);
  return ({ attestation }) =>
    !isNodeSet(attestation) ||
    isOwn(attestation) ||
    !isBelowFloor(attestation.nodeSet.identity.os.versionId, versionFloor);
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
