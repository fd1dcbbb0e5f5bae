import { resolve } from 'node:path';
import { Digest, limits, within } from '../core/index.ts';
import type { DigestMemory, NodeWorld } from '../collection/index.ts';
import type { HashingPool } from '../edge/hashing/index.ts';
import { openLiveNode, openNodeDirectory, readStateFile } from '../edge/node/index.ts';
import type { EvidenceIdentity } from '../evidence/index.ts';
import { places } from '../installation/index.ts';
import { emptyState, parseState, type State } from '../policy/index.ts';
import { identityDigest, type NodeIdentity } from '../release/index.ts';
import type { World } from './world.ts';

/** The running system, or the root that was named instead. Fault: file.*. */
export function openNode(
  root: string | undefined,
  hashing: HashingPool,
  world: World,
  digestMemory?: DigestMemory,
): NodeWorld {
  const looks = { hashing, now: world.now(), digestMemory };
  return root === undefined ? openLiveNode(looks) : openNodeDirectory(resolve(world.directory, root), looks);
}

/**
 * What was accepted before: absent is new; anything else that cannot be read is a refusal, never taken for new.
 * Faults: file.*, state.*, json.*.
 */
export function readState(given: string | undefined, node: NodeWorld | undefined, world: World): State {
  if (given !== undefined) return readStateFile(resolve(world.directory, given)) ?? emptyState;
  const text = node?.readText(places.state, limits.policyBytes);
  return text === undefined ? emptyState : within(places.state, () => parseState(Buffer.from(text)));
}

/**
 * What stores are asked for about a node: its identity first, and its extensions, which the nearest set and those of newer
 * releases are found by. Nothing where it has no identity.
 */
export function listNodeDigests(own: EvidenceIdentity | { readonly findings: readonly unknown[] }): readonly Digest[] {
  return 'findings' in own ? [] : listIdentityDigests(own.identity);
}

export function listIdentityDigests(identity: NodeIdentity): readonly [own: Digest, ...members: readonly Digest[]] {
  const { sysexts, confexts } = identity;
  const members = [...sysexts, ...confexts].map(({ sha256 }) => Digest.fromHex('sha256', sha256));
  return [identityDigest(identity), ...members];
}
