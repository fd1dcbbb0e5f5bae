import { resolve } from 'node:path';
import { collectEvidence, collectNextBoot, type NodeWorld } from '../../collection/index.ts';
import { decide, type Exit, exit, Fault, limits, worstExit } from '../../core/index.ts';
import { openHashingPool } from '../../edge/hashing/index.ts';
import { buildEvidenceIdentity, buildNextIdentity } from '../../evidence/index.ts';
import { readTrustPackFile, replaceTrustPackFile } from '../../edge/node/index.ts';
import {
  judgeFreshness,
  listFollowedByNode,
  listStanding,
  parsePolicy,
  pickSignedSince,
  screenForNode,
  type SignedSince,
  type SignedUnit,
  type Situation,
} from '../../policy/index.ts';
import { identityDigest, type NodeIdentity } from '../../release/index.ts';
import { buildRefreshDocument, isNeeded, type RefreshReport, renderRefresh } from '../../report/index.ts';
import { extendTrustPack, type PackUnit, parseTrustPack, type TrustPack } from '../../trust/index.ts';
import type { Invocation, Run } from '../command.ts';
import { inFile, readInput, renderJson } from '../inputs.ts';
import { packMaterial } from '../material.ts';
import { listIdentityDigests, openNode, readState } from '../node-subject.ts';
import { type FoundMaterial, searchMaterial } from '../search.ts';
import type { trustRefreshCommand } from '../table.ts';

type Request = Invocation<typeof trustRefreshCommand>;

export const runTrustRefresh: Run<typeof trustRefreshCommand> = async (request) => {
  const { options, world } = request;
  const { policy } = inFile(options.policy, () => parsePolicy(readInput(world, options.policy, limits.policyBytes)));
  const shown = options['trust-pack'];
  const path = resolve(world.directory, shown);
  const installed = readTrustPackFile(path);
  const pack = inFile(shown, () => parseTrustPack(installed));
  const material = packMaterial(shown, pack, policy);
  await using hashing = openHashingPool();
  const node = openNode(options.root, hashing, world);
  const situation: Situation = { policy, material, state: readState(options.state, node, world), now: world.now() };
  // What the node refuses for its age gets no younger by a refresh: its operator has to hear of it.
  const refused = judgeFreshness(situation);
  if (refused.length > 0) {
    tell({ ...nothing, path: shown, pack, missingAnchors: material.missingAnchors, refused }, request);
    return decide({ checked: [], findings: refused, waivers: [] }).exit;
  }
  const running = identityOf(buildEvidenceIdentity(await collectEvidence(node)));
  const own = [running, await findStaged(node)].filter((identity) => identity !== null);
  const found = await searchFor(own, situation, request);
  const since = pickSignedSince(found.bundles, own, situation);
  const extended = extendPack(path, installed, pack, since.units);
  const report: RefreshReport = {
    ...nothing,
    ...extended,
    path: shown,
    identity: running === null ? null : identityDigest(running),
    missingAnchors: material.missingAnchors,
    since: { ...since, unneeded: since.unneeded + found.unneeded },
    silences: found.silences,
  };
  tell(report, request);
  return exitOfReport(report);
};

function identityOf(own: ReturnType<typeof buildEvidenceIdentity>): NodeIdentity | null {
  return 'identity' in own ? own.identity : null;
}

/** What the next boot would run, where that can be told: its node set is wanted before the reboot. */
async function findStaged(node: NodeWorld): Promise<NodeIdentity | null> {
  try {
    return identityOf(buildNextIdentity(await collectNextBoot(node)));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return null;
  }
}

/** Asks for what matters most first, and holds of the answers only what may belong into the pack. */
async function searchFor(
  own: readonly NodeIdentity[],
  situation: Situation,
  { options, world }: Request,
): Promise<FoundMaterial> {
  return await searchMaterial(
    [...listStanding(situation.policy), ...own.flatMap(listIdentityDigests)],
    { ...options, offline: false },
    world,
    (found) => listFollowedByNode([...situation.material.bundles, ...found], own, situation),
    { screen: screenForNode(situation), bundleBytes: limits.refreshBundleBytes, shareBytes: limits.refreshBytes },
  );
}

const nothing = {
  identity: null,
  since: { units: [], unneeded: 0, passedOver: [], unreadRevocations: [] },
  added: [],
  left: [],
  silences: [],
  refused: [],
} as const satisfies Partial<RefreshReport>;

/** The room that each leaves for what matters more. It may come when the pack is full, and nothing is ever dropped. */
const spared = {
  revocation: { sparedBytes: 0, sparedBundles: 0 },
  own: { sparedBytes: limits.trustPackBytesForRevocations, sparedBundles: 0 },
  other: { sparedBytes: limits.trustPackBytesForOwn, sparedBundles: limits.trustPackBundlesForOwn },
} as const satisfies Record<SignedUnit['rank'], Pick<PackUnit, 'sparedBytes' | 'sparedBundles'>>;

/** The pack as it lies there then. Where nothing is added nothing is written. Faults: file.*, limit.json-values. */
function extendPack(
  path: string,
  installed: Uint8Array,
  pack: TrustPack,
  units: SignedSince['units'],
): Pick<RefreshReport, 'pack' | 'added' | 'left'> {
  const additions = units.map((unit) => {
    const bundlesOf = (isRevocation: boolean) =>
      unit.documents.filter(({ kind }) => (kind === 'revocation') === isRevocation).map(({ bundle }) => bundle);
    return { ...unit, ...spared[unit.rank], bundles: bundlesOf(false), revocations: bundlesOf(true) };
  });
  const { bytes, added, left } = inFile(path, () => extendTrustPack(pack, additions));
  if (bytes === null) return { pack, added, left };
  replaceTrustPackFile(path, installed, bytes);
  return { pack: parseTrustPack(bytes), added, left };
}

function tell(report: RefreshReport, { options, world }: Request): void {
  world.stdout.write(options.json ? renderJson(buildRefreshDocument(report)) : renderRefresh(report));
}

/**
 * What could not be asked for, or was not answered, may be there; what does not count is a matter of who offered it. Where
 * there is no room for what the node needs, it lacks that as it would with a silent store.
 */
function exitOfReport({ identity, since, left, silences }: RefreshReport): Exit {
  const lacks = identity === null || silences.length > 0 || left.some(isNeeded);
  return worstExit([
    ...(since.unreadRevocations.length > 0 ? [exit.untrusted] : []),
    ...(lacks ? [exit.unavailable] : []),
  ]);
}
