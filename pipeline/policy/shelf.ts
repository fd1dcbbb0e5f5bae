import { Digest, type Finding, within } from '../core/index.ts';
import { nodeSetPredicateType } from '../release/index.ts';
import {
  assessAttestation,
  type AssessmentContext,
  type Attestation,
  type Claim,
  findingOf,
  kindOf,
  readClaims,
  type UnreadableBundle,
} from './attestation.ts';
import { parseRevocations } from './rules/revocation.ts';
import type { AttestationKind, Revocation } from './schema.ts';
import type { Material, Situation } from './situation.ts';

/** The claims at hand and what they are judged by. */
export type Shelf = {
  readonly claims: readonly Claim[];
  /** Why revocations that came signed do not count: an operator who expects one to should hear of it. */
  readonly revocationProblems: readonly Finding[];
  /** Bundles that make no claim because they do not read. */
  readonly unreadable: readonly UnreadableBundle[];
  readonly context: AssessmentContext;
};

/** Reads what is at hand, and first of all what was revoked: it is known before anything else is judged. */
export function openShelf(situation: Situation): Shelf {
  const { policy, material, now } = situation;
  const known = shelves.get(material);
  if (known?.context.policy === policy && known.context.now.getTime() === now.getTime()) return known;
  const shelf = readShelf(situation);
  shelves.set(material, shelf);
  return shelf;
}

/** Read once, however many artifacts are judged by the same material. */
const shelves = new WeakMap<Material, Shelf>();

function readShelf({ policy, material, now }: Situation): Shelf {
  const context = { policy, anchors: material.anchors, now, revocations: policy.revocations };
  const read = readClaims(material.bundles);
  const { revocations, problems } = countRevocations(read.claims, context);
  return {
    ...read,
    revocationProblems: problems,
    context: { ...context, revocations: [...policy.revocations, ...revocations] },
  };
}

/** What does not read could have been the wanted attestation: it is told where nothing else counts. */
export function unreadableFindings({ unreadable }: Shelf, digest?: Digest): readonly Finding[] {
  const told = unreadable.filter(
    ({ offeredFor }) => digest === undefined || offeredFor === undefined || Digest.equals(offeredFor, digest),
  );
  return told.map(({ name, fault }) => findingOf(fault, name));
}

export type AssessedClaims = { readonly counted: readonly Attestation[]; readonly problems: readonly Finding[] };

/** Assesses claims one by one: a bad one never stops the next. */
export function assessAll(
  claims: readonly Claim[],
  kind: AttestationKind,
  allowed: readonly string[],
  context: AssessmentContext,
): AssessedClaims {
  const outcomes = claims.map((claim) => assessAttestation(claim, kind, allowed, context));
  return {
    counted: outcomes.flatMap((outcome) => ('attestation' in outcome ? [outcome.attestation] : [])),
    problems: outcomes.flatMap((outcome) => ('findings' in outcome ? outcome.findings : [])),
  };
}

/** One bundle of each statement: the same one often comes signed twice, or with another hint. */
export function distinctStatements<A extends Attestation>(attestations: readonly A[]): readonly A[] {
  return [...new Map(attestations.map((one) => [one.verified.payloadSha256, one])).values()];
}

export function nodeSetsAmong(claims: readonly Claim[]): readonly Claim[] {
  return claims.filter((claim) => claim.statement.predicateType === nodeSetPredicateType);
}

export function claimsOfKind(claims: readonly Claim[], kind: AttestationKind): readonly Claim[] {
  return claims.filter((claim) => kindOf(claim.statement.predicateType) === kind);
}

/** Revocations that came signed, by who may revoke. One of theirs that cannot be read revokes nothing and admits nothing. */
function countRevocations(
  claims: readonly Claim[],
  context: AssessmentContext,
): { readonly revocations: readonly Revocation[]; readonly problems: readonly Finding[] } {
  const { counted, problems } = assessAll(
    claimsOfKind(claims, 'revocation'),
    'revocation',
    context.policy.allow.revocation ?? [],
    context,
  );
  const revocations = counted.flatMap(({ name, verified }) =>
    within(name, () => parseRevocations(verified.statement.predicate)),
  );
  return { revocations, problems };
}
