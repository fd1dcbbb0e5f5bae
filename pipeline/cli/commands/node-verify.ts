import { resolve } from 'node:path';
import { decide, Digest, Fault, limits, type Verdict, within } from '../../core/index.ts';
import { openHashingPool } from '../../edge/hashing/index.ts';
import { openLiveNode, openNodeDirectory, readStateFile, writeStateFile } from '../../edge/node/index.ts';
import { collectEvidence, type NodeWorld, refuseSimulated } from '../../collection/index.ts';
import { buildEvidenceIdentity, type Evidence, parseEvidence } from '../../evidence/index.ts';
import {
  advanceState,
  emptyState,
  judgeNode,
  parsePolicy,
  parseState,
  type PolicyJudgement,
  type Situation,
  type State,
} from '../../policy/index.ts';
import { identityDigest } from '../../release/index.ts';
import { buildVerdictDocument, renderVerdict, type VerdictReport } from '../../report/index.ts';
import type { Invocation, Run } from '../command.ts';
import { inFile, parseTime, readInput, renderJson } from '../inputs.ts';
import { addFound, readMaterial } from '../material.ts';
import type { nodeVerifyCommand } from '../table.ts';

type Request = Invocation<typeof nodeVerifyCommand>;

/** What the node accepted before. No extension can cover /var/lib. */
const defaultStatePath = '/var/lib/nodeproof/state.json';

export const runNodeVerify: Run<typeof nodeVerifyCommand> = async (request) => {
  const { options, world } = request;
  refuseContradictions(request);
  const { policy, digest } = inFile(options.policy, () =>
    parsePolicy(readInput(world, options.policy, limits.policyBytes)),
  );
  const now = options.at === undefined ? world.now() : parseTime(options.at, 'at');
  const given = readMaterial(options, policy, world);
  const { evidence, state } = await lookAtNode(request);
  if (options.join) refuseSimulated(evidence);
  const material = await addFound(listDigests(evidence), { policy, material: given, now }, options, world);
  const situation: Situation = { policy, material, state, now };
  const judgement = judgeNode(evidence, situation);
  const verdict = decide(judgement);
  // The state is written before the verdict is told: an admission that cannot be remembered is none.
  rememberAdmission(request, verdict, evidence, judgement, situation);
  const report: VerdictReport = {
    subject: subjectOf(request),
    verdict,
    judgement,
    policy: { name: policy.name, version: policy.version, digest },
    time: now.toISOString(),
    simulated: evidence.simulated,
  };
  world.stdout.write(options.json ? renderJson(buildVerdictDocument(report)) : renderVerdict(report));
  return verdict.exit;
};

/** Before anything is read: what can never let a node join. Faults: usage.simulated, usage.at, usage.evidence. */
function refuseContradictions({ options }: Request): void {
  const { join, root, evidence, at } = options;
  if (root !== undefined && evidence !== undefined)
    throw new Fault('usage.evidence', 'Cannot judge --root and --evidence at once: want one of them');
  if (!join) return;
  if (root !== undefined || evidence !== undefined) {
    throw new Fault(
      'usage.simulated',
      `Cannot let a node join on simulated evidence: --join came with ${root === undefined ? '--evidence' : '--root'}`,
      { next: 'Run node verify --join on the node itself, without --root and --evidence' },
    );
  }
  if (at !== undefined)
    throw new Fault('usage.at', 'Cannot let a node join at another time than now: --join came with --at');
}

function subjectOf({ options }: Request): string {
  return options.evidence ?? options.root ?? 'this node';
}

/** What stores are asked for: the identity, and the extensions, so that where nothing matches the nearest set can be named. */
function listDigests(evidence: Evidence): readonly Digest[] {
  const own = buildEvidenceIdentity(evidence);
  if ('findings' in own) return [];
  const { sysexts, confexts } = own.identity;
  const members = [...sysexts, ...confexts].map(({ sha256 }) => Digest.fromHex('sha256', sha256));
  return [identityDigest(own.identity), ...members];
}

/** The evidence and what was accepted before. Faults: file.*, evidence.field, captured.field, state.*, json.*. */
async function lookAtNode(request: Request): Promise<{ readonly evidence: Evidence; readonly state: State }> {
  const { options, world } = request;
  if (options.evidence !== undefined) {
    const path = options.evidence;
    const evidence = inFile(path, () => parseEvidence(readInput(world, path, limits.evidenceBytes)));
    return { evidence: { ...evidence, simulated: true }, state: readState(request, undefined) };
  }
  await using hashing = openHashingPool();
  const looks = { hashing, now: world.now() };
  const node =
    options.root === undefined ? openLiveNode(looks) : openNodeDirectory(resolve(world.directory, options.root), looks);
  const state = readState(request, node);
  return { evidence: await collectEvidence(node), state };
}

/** Absent is new; anything else that cannot be read is a refusal, never taken for new. */
function readState({ options, world }: Request, node: NodeWorld | undefined): State {
  if (options.state !== undefined) return readStateFile(resolve(world.directory, options.state)) ?? emptyState;
  const text = node?.readText(defaultStatePath, limits.policyBytes);
  return text === undefined ? emptyState : within(defaultStatePath, () => parseState(Buffer.from(text)));
}

/** Only what was really admitted, on the node itself and now, moves the state. Fault: file.write. */
function rememberAdmission(
  { options, world }: Request,
  { verdict }: Verdict,
  { simulated }: Evidence,
  judgement: PolicyJudgement,
  { policy, material }: Situation,
): void {
  if (verdict !== 'admit' || simulated || options.at !== undefined) return;
  if (!options.join && options.state === undefined) return;
  const path = options.state === undefined ? defaultStatePath : resolve(world.directory, options.state);
  // Read again: another run may have accepted something newer meanwhile, and nothing may fall.
  const state = readStateFile(path) ?? emptyState;
  const times = judgement.attestations.flatMap(({ verified }) => verified.signer.signedAt.map(({ at }) => at));
  writeStateFile(path, advanceState(state, { policy, pack: material.pack, times }));
}
