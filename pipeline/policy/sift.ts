import type { Finding } from '../core/index.ts';
import {
  type Assessment,
  assessAttestation,
  type AssessmentContext,
  type Attestation,
  type Claim,
} from './attestation.ts';
import type { AttestationKind, Policy } from './schema.ts';
import { assessAll } from './shelf.ts';

/** The kinds of statements that the trust pack of a node holds. */
export type PackedKind = Exclude<AttestationKind, 'member'>;

/** A bundle that counts, with its claim. */
export type Offer = { readonly claim: Claim; readonly attestation: Attestation };

export type Sifted = {
  /** What counts of what was there before. */
  readonly packed: readonly Attestation[];
  /** What counts of the offer and says something else, in its order: one bundle of each statement and signer. */
  readonly fresh: readonly Offer[];
  /** How many offered bundles count and say nothing else. */
  readonly known: number;
  /** Why the others do not count: one finding for each. */
  readonly refused: readonly Finding[];
};

/**
 * Parts offered claims of one kind into those that count and say something new, and the rest. One statement comes in as
 * many bundles as anyone cares to make of it, with another hint or another timestamp; of these the one with the earliest
 * authenticated time is taken, and only where what was there before has none so early. Without its time a signature is lost
 * with its key: a store that strips it must not keep the whole bundle out.
 */
export function siftClaims(
  offered: readonly Claim[],
  packed: readonly Claim[],
  kind: PackedKind,
  context: AssessmentContext,
): Sifted {
  const roles = listRoles(kind, context.policy);
  const counted = roles.flatMap(([role, allowed]) => assessAll(packed, role, allowed, context).counted);
  const times = new Map<string, number>();
  for (const attestation of counted) noteTime(times, attestation);
  const fresh = new Map<string, Offer>();
  const refused: Finding[] = [];
  let counting = 0;
  for (const claim of offered) {
    const outcome = assess(claim, roles, context);
    if ('findings' in outcome) {
      refused.push(...outcome.findings.slice(0, 1));
      continue;
    }
    counting += 1;
    const { attestation } = outcome;
    if (noteTime(times, attestation)) fresh.set(keyOf(attestation), { claim, attestation });
  }
  return { packed: counted, fresh: [...fresh.values()], known: counting - fresh.size, refused };
}

type Role = readonly [kind: AttestationKind, allowed: readonly string[]];
type Roles = readonly [own: Role, ...others: readonly Role[]];

/** As what statements of a kind may count, and by whom: with `match: members` provenance of one extension stands alone. */
function listRoles(kind: PackedKind, { allow, node }: Policy): Roles {
  const own: Role = [kind, allow[kind] ?? []];
  if (kind !== 'provenance' || node.match !== 'members') return [own];
  return [own, ['member', Object.values(allow.member ?? {}).flat()]];
}

/** The first role in which a claim counts, or why it does not in its own. */
function assess(claim: Claim, [own, ...others]: Roles, context: AssessmentContext): Assessment {
  const assessment = assessAttestation(claim, ...own, context);
  if ('attestation' in assessment) return assessment;
  const elsewhere = others.map((role) => assessAttestation(claim, ...role, context));
  return elsewhere.find((outcome) => 'attestation' in outcome) ?? assessment;
}

/** Notes when somebody signed a statement; false where they are known to have signed it as early. */
function noteTime(times: Map<string, number>, attestation: Attestation): boolean {
  const at = attestation.verified.signer.signedAt[0]?.at;
  const time = at === undefined ? Number.POSITIVE_INFINITY : Date.parse(at);
  const key = keyOf(attestation);
  const known = times.get(key);
  if (known !== undefined && known <= time) return false;
  times.set(key, time);
  return true;
}

/** One statement by two signers is two: the policy may believe one of them in more. */
function keyOf({ signer, verified }: Attestation): string {
  return `${signer} ${verified.payloadSha256}`;
}
