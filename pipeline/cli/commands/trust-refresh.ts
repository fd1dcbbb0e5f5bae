import { resolve } from 'node:path';
import { collectEvidence, collectNextBoot, type NodeWorld } from '../../collection/index.ts';
import { decide, type Digest, type Exit, exit, Fault, limits, worstExit } from '../../core/index.ts';
import { openHashingPool } from '../../edge/hashing/index.ts';
import { buildEvidenceIdentity, buildNextIdentity } from '../../evidence/index.ts';
import { readTrustPackFile, replaceTrustPackFile } from '../../edge/node/index.ts';
import { judgeFreshness, parsePolicy, pickSignedSince, type SignedSince, type Situation } from '../../policy/index.ts';
import { buildRefreshDocument, type RefreshReport, renderRefresh } from '../../report/index.ts';
import { extendTrustPack, parseTrustPack, type TrustPack } from '../../trust/index.ts';
import type { Invocation, Run } from '../command.ts';
import { inFile, readInput, renderJson } from '../inputs.ts';
import { addFound, packMaterial } from '../material.ts';
import { listNodeDigests, openNode, readState } from '../node-subject.ts';
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
  const own = listNodeDigests(buildEvidenceIdentity(await collectEvidence(node)));
  const found = await addFound([...own, ...(await listStaged(node))], situation, { ...options, offline: false }, world);
  const packed = new Set(material.bundles);
  const offered = found.bundles.filter((file) => !packed.has(file));
  const since = pickSignedSince(offered, situation);
  const report: RefreshReport = {
    path: shown,
    pack: addToPack(path, installed, pack, since),
    identity: own[0] ?? null,
    missingAnchors: material.missingAnchors,
    since,
    silences: found.silences,
    refused,
  };
  tell(report, request);
  return exitOfReport(report);
};

/** What the next boot would run, where that can be told: its node set is wanted before the reboot. */
async function listStaged(node: NodeWorld): Promise<readonly Digest[]> {
  try {
    return listNodeDigests(buildNextIdentity(await collectNextBoot(node)));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return [];
  }
}

const nothing = {
  identity: null,
  since: { taken: [], unneeded: 0, passedOver: [], unreadRevocations: [] },
  silences: [],
} as const satisfies Partial<RefreshReport>;

/** The pack as it lies there then. Where nothing is new nothing is written. Faults: config.pack-full, file.*. */
function addToPack(path: string, installed: Uint8Array, pack: TrustPack, { taken }: SignedSince): TrustPack {
  if (taken.length === 0) return pack;
  const isRevocation = ({ kind }: SignedSince['taken'][number]) => kind === 'revocation';
  const more = {
    bundles: taken.filter((one) => !isRevocation(one)).map(({ bundle }) => bundle),
    revocations: taken.filter(isRevocation).map(({ bundle }) => bundle),
  };
  const bytes = inFile(path, () => extendTrustPack(pack, more));
  replaceTrustPackFile(path, installed, bytes);
  return parseTrustPack(bytes);
}

function tell(report: RefreshReport, { options, world }: Request): void {
  world.stdout.write(options.json ? renderJson(buildRefreshDocument(report)) : renderRefresh(report));
}

/** What could not be asked for, or was not answered, may be there; what does not count is a matter of who offered it. */
function exitOfReport({ identity, since, silences }: RefreshReport): Exit {
  return worstExit([
    ...(since.unreadRevocations.length > 0 ? [exit.untrusted] : []),
    ...(identity === null || silences.length > 0 ? [exit.unavailable] : []),
  ]);
}
