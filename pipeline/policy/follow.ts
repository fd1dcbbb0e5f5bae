import { Digest } from '../core/index.ts';
import { type BundleFile, isNodeSet, type NodeSetAttestation, readClaims } from './attestation.ts';
import { revocationPredicateType } from './rules/revocation.ts';
import type { Policy } from './schema.ts';
import { assessAll, nodeSetsAmong } from './shelf.ts';
import type { Situation } from './situation.ts';

/**
 * The subject of a revocation that is about no file and no node set, but about a signer or a version: the SHA-256 of its
 * predicate type, as text. Stores list by digest alone, and whoever may revoke has no other that everybody knows.
 */
export const revocationSubject = Digest.of('sha256', revocationPredicateType);

/** What a search asks for besides the digests that are judged. What is revoked by its own digest is listed under that. */
export function listStanding({ allow }: Policy): readonly Digest[] {
  return (allow.revocation ?? []).length > 0 ? [revocationSubject] : [];
}

/**
 * The digests that the node sets among some bundles lead on to: a policy may want what is said about their files. Only sets
 * that count are followed, for anyone can write one that names a thousand files. First what may revoke a set, then the
 * files of the sets that were asked for, then those of others, in turns.
 */
export function listFollowed(
  bundles: readonly BundleFile[],
  asked: readonly Digest[],
  { policy, material, now }: Pick<Situation, 'policy' | 'material' | 'now'>,
): readonly Digest[] {
  const context = { policy, anchors: material.anchors, now, revocations: policy.revocations };
  const sets = assessAll(
    nodeSetsAmong(readClaims(bundles).claims),
    'node-set',
    policy.allow['node-set'] ?? [],
    context,
  ).counted.filter(isNodeSet);
  const wanted = new Set(asked.map(({ hex }) => hex));
  const exact = sets.filter(({ identityDigest }) => wanted.has(identityDigest.hex));
  const others = sets.filter(({ identityDigest }) => !wanted.has(identityDigest.hex));
  return [...sets.map(({ identityDigest }) => identityDigest), ...inTurns(exact), ...inTurns(others)];
}

/** The first file of each, then the second of each: a large set leaves room for a small one. */
function inTurns(sets: readonly NodeSetAttestation[]): readonly Digest[] {
  const files = sets.map(({ verified }) =>
    verified.statement.subject.flatMap(({ digest: { sha256 } }) =>
      sha256 === undefined ? [] : [Digest.fromHex('sha256', sha256)],
    ),
  );
  const longest = Math.max(0, ...files.map(({ length }) => length));
  return Array.from({ length: longest }, (_, at) => files.flatMap((list) => list[at] ?? [])).flat();
}
