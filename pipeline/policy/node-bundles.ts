import { Fault, type Json } from '../core/index.ts';
import { parseBundle } from '../formats/sigstore-bundle/index.ts';
import { kindOf, readClaims } from './attestation.ts';
import type { AttestationKind, Policy } from './schema.ts';
import { wantedKinds } from './statements.ts';

/** Bundles of a pack that a node can be admitted by, and how many of them are node sets. */
export type NodeBundles = { readonly bundles: readonly Json[]; readonly nodeSets: number };

/**
 * Picks the bundles of a pack that a verdict on a node under this policy looks at: node sets and revocations, and provenance
 * and SBOMs where the policy wants them. Chosen by what they claim; whether they count, the node finds out. What does not
 * read is left out.
 */
export function pickNodeBundles(policy: Policy, bundles: readonly Json[]): NodeBundles {
  const wanted = nodeKinds(policy);
  const picked = bundles.flatMap((json) => {
    const kind = claimedKind(json);
    return kind !== undefined && wanted.has(kind) ? [{ json, kind }] : [];
  });
  return {
    bundles: picked.map(({ json }) => json),
    nodeSets: picked.filter(({ kind }) => kind === 'node-set').length,
  };
}

/** The kinds of statements that a verdict on a node under this policy looks at. */
export function nodeKinds(policy: Policy): ReadonlySet<AttestationKind> {
  return new Set([
    'node-set',
    'revocation',
    ...wantedKinds(policy),
    // An extension that the node set does not have is attested by provenance of its own.
    ...(policy.node.match === 'members' ? (['provenance'] as const) : []),
  ]);
}

function claimedKind(json: Json): AttestationKind | undefined {
  try {
    const { claims } = readClaims([{ name: 'a bundle of the pack', bundle: parseBundle(json) }]);
    return claims[0] === undefined ? undefined : kindOf(claims[0].statement.predicateType);
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}
