import { Digest, limits } from '../core/index.ts';
import type { NodeIdentity } from '../release/index.ts';
import { type BundleFile, isNodeSet, type NodeSetAttestation, readClaims } from './attestation.ts';
import { revocationPredicateType } from './rules/revocation.ts';
import type { Policy } from './schema.ts';
import { assessAll, distinctStatements, nodeSetsAmong } from './shelf.ts';
import { compareNewestFirst, ownBy } from './signed-units.ts';
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
 * that count are followed, for anyone can write one that names a thousand files. First the sets that were asked for, then
 * others: what may revoke them, then their files, in turns.
 */
export function listFollowed(
  bundles: readonly BundleFile[],
  asked: readonly Digest[],
  situation: Pick<Situation, 'policy' | 'material' | 'now'>,
): readonly Digest[] {
  const wanted = new Set(asked.map(({ hex }) => hex));
  const sets = countNodeSets(bundles, situation);
  return [
    ...listSubjects(sets.filter(({ identityDigest }) => wanted.has(identityDigest.hex))),
    ...listSubjects(sets.filter(({ identityDigest }) => !wanted.has(identityDigest.hex))),
  ];
}

/**
 * The same for the trust pack of a node: the sets of the node itself, and the newest of others. There are more releases each
 * year, and one that the node comes to run is followed then.
 */
export function listFollowedByNode(
  bundles: readonly BundleFile[],
  own: readonly NodeIdentity[],
  situation: Pick<Situation, 'policy' | 'material' | 'now'>,
): readonly Digest[] {
  const isOwn = ownBy(own, situation.policy.node.match);
  const sets = countNodeSets(bundles, situation);
  const others = distinctStatements(sets.filter((set) => !isOwn(set))).toSorted(compareNewestFirst);
  return [...listSubjects(sets.filter(isOwn)), ...listSubjects(others.slice(0, limits.refreshOtherSets))];
}

function countNodeSets(
  bundles: readonly BundleFile[],
  { policy, material, now }: Pick<Situation, 'policy' | 'material' | 'now'>,
): readonly NodeSetAttestation[] {
  const context = { policy, anchors: material.anchors, now, revocations: policy.revocations };
  const claims = nodeSetsAmong(readClaims(bundles).claims);
  return assessAll(claims, 'node-set', policy.allow['node-set'] ?? [], context).counted.filter(isNodeSet);
}

function listSubjects(sets: readonly NodeSetAttestation[]): readonly Digest[] {
  return [...sets.map(({ identityDigest }) => identityDigest), ...inTurns(sets)];
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
