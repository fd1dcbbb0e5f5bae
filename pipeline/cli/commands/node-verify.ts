import { resolve } from 'node:path';
import { decide, type Exit, exit, exitOf, Fault, limits, type Verdict } from '../../core/index.ts';
import { type HashingPool, openHashingPool } from '../../edge/hashing/index.ts';
import { kubeletMask, readStateFile, stopKubelet, writeStateFile } from '../../edge/node/index.ts';
import { collectEvidence, refuseSimulated } from '../../collection/index.ts';
import { buildEvidenceIdentity, type Evidence, parseEvidence } from '../../evidence/index.ts';
import {
  advanceState,
  emptyState,
  judgeNode,
  parsePolicy,
  type PolicyJudgement,
  type Situation,
  type State,
} from '../../policy/index.ts';
import { places } from '../../installation/index.ts';
import { buildVerdictDocument, renderError, renderVerdict, type VerdictReport } from '../../report/index.ts';
import type { Invocation, Run } from '../command.ts';
import { withTimeout, parseTimeout } from '../timeout.ts';
import { inFile, parseTime, readInput, renderJson } from '../inputs.ts';
import { addFound, readMaterial } from '../material.ts';
import { openCache } from '../node-cache.ts';
import { listNodeDigests, openNode, readState } from '../node-subject.ts';
import type { verifyNextBoot } from '../next-boot.ts';
import type { nodeVerifyCommand } from '../table.ts';
import { type VerdictPurpose, VerdictRecord } from '../verdict-record.ts';
import type { World } from '../world.ts';

type Request = Invocation<typeof nodeVerifyCommand>;

/** Where it is forgotten by a reboot. */
const defaultRecordPath = '/run/nodeproof/verdict.json';
const defaultTimeout = '60';

export const runNodeVerify: Run<typeof nodeVerifyCommand> = async (request) => {
  const { options, world } = request;
  refuseContradictions(request);
  const purpose = purposeOf(request);
  const timeout = options.timeout ?? (purpose === null ? undefined : defaultTimeout);
  const seconds = timeout === undefined ? undefined : parseTimeout(timeout);
  const record =
    purpose === null ? null : new VerdictRecord(options['verdict-file'] ?? defaultRecordPath, purpose, world);
  try {
    const loaded = inFile(options.policy, () => parsePolicy(readInput(world, options.policy, limits.policyBytes)));
    const mayStart = options.boot && loaded.policy.node.boot.unjudged === 'start';
    // Opened here: what still is being hashed when the time is over ends with it.
    await using hashing = openHashingPool();
    const outcome = await asExit(mayStart, record, world, () =>
      withTimeout(seconds, (signal) =>
        options['next-boot']
          ? judgeNextBoot(request, loaded, hashing, signal)
          : judge(request, loaded, record, hashing, signal),
      ),
    );
    // kubelet waits for this: whether it starts where nothing could be judged is for the policy to say.
    return mayStart && outcome === exit.unavailable ? exit.admit : outcome;
  } catch (error) {
    record?.fail(error);
    throw error;
  }
};

/** Where kubelet may start unjudged, a fault that means so is told and is no end. */
async function asExit(
  mayStart: boolean,
  record: VerdictRecord | null,
  world: World,
  step: () => Promise<Exit>,
): Promise<Exit> {
  try {
    return await step();
  } catch (error) {
    if (!mayStart || !(error instanceof Fault) || exitOf(error.code) !== exit.unavailable) throw error;
    record?.fail(error);
    world.stderr.write(renderError(error));
    return exit.unavailable;
  }
}

/** Its readers of disks and kernels are loaded only here: a verdict on what runs starts without them. */
async function judgeNextBoot(...parameters: Parameters<typeof verifyNextBoot>): Promise<Exit> {
  const nextBoot = await import('../next-boot.ts');
  return await nextBoot.verifyNextBoot(...parameters);
}

async function judge(
  request: Request,
  { policy, digest }: ReturnType<typeof parsePolicy>,
  record: VerdictRecord | null,
  hashing: HashingPool,
  signal: AbortSignal,
): Promise<Exit> {
  const { options, world } = request;
  const now = options.at === undefined ? world.now() : parseTime(options.at, 'at');
  const given = readMaterial(options, policy, world);
  const { evidence, state } = await lookAtNode(request, hashing);
  if (record !== null) refuseSimulated(evidence);
  const material = await addFound(
    listNodeDigests(buildEvidenceIdentity(evidence)),
    { policy, material: given, now },
    options,
    world,
  );
  const situation: Situation = { policy, material, state, now };
  const judgement = judgeNode(evidence, situation);
  const verdict = decide(judgement);
  // Too late is refused already, and stays so.
  signal.throwIfAborted();
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
  record?.end(report, evidence);
  world.stdout.write(options.json ? renderJson(buildVerdictDocument(report)) : renderVerdict(report));
  if (options.enforce && (verdict.exit === exit.denied || verdict.exit === exit.untrusted)) {
    stopKubelet();
    world.stderr.write(`nodeproof: kubelet is stopped, and masked by ${kubeletMask} until the next boot\n`);
  }
  return verdict.exit;
}

/** Why the verdict goes on record; null where somebody merely asks. */
function purposeOf({ options }: Request): VerdictPurpose | null {
  if (options.join) return 'join';
  if (options.boot) return 'boot';
  return options.record || options.enforce ? 'check' : null;
}

/** Before anything is read: what can never stand on record. Faults: usage.simulated, usage.at, usage.evidence, usage.purpose, usage.next-boot, usage.digest-cache. */
function refuseContradictions(request: Request): void {
  const { options } = request;
  const { join, boot, record, enforce, root, evidence, at } = options;
  if (root !== undefined && evidence !== undefined)
    throw new Fault('usage.evidence', 'Cannot judge --root and --evidence at once: want one of them');
  if ([join, boot, record || enforce].filter(Boolean).length > 1)
    throw new Fault('usage.purpose', 'Cannot judge for several purposes at once: want --join, --boot or --record');
  const purpose = purposeOf(request);
  if (options['next-boot'] && (purpose !== null || evidence !== undefined))
    throw new Fault(
      'usage.next-boot',
      `Cannot judge the next boot with ${evidence === undefined ? 'a purpose' : '--evidence'}: it is read from the disk, and goes on no record`,
      { next: 'Leave out --join, --boot, --record, --enforce and --evidence' },
    );
  if (purpose === null) return;
  const option = purpose === 'check' ? (enforce ? '--enforce' : '--record') : `--${purpose}`;
  if (root !== undefined || evidence !== undefined) {
    throw new Fault(
      'usage.simulated',
      `Cannot judge a node on simulated evidence: ${option} came with ${root === undefined ? '--evidence' : '--root'}`,
      { next: `Run node verify ${option} on the node itself, without --root and --evidence` },
    );
  }
  if (options['digest-cache'] !== undefined)
    throw new Fault(
      'usage.digest-cache',
      `Cannot judge a node on digests of an earlier run: ${option} came with --digest-cache`,
      { next: 'Leave --digest-cache to audits' },
    );
  if (at !== undefined)
    throw new Fault('usage.at', `Cannot judge a node at another time than now: ${option} came with --at`);
}

function subjectOf({ options }: Request): string {
  return options.evidence ?? options.root ?? 'this node';
}

/** The evidence and what was accepted before. Faults: file.*, evidence.field, captured.field, state.*, json.*. */
async function lookAtNode(
  request: Request,
  hashing: HashingPool,
): Promise<{ readonly evidence: Evidence; readonly state: State }> {
  const { options, world } = request;
  if (options.evidence !== undefined) {
    const path = options.evidence;
    const evidence = inFile(path, () => parseEvidence(readInput(world, path, limits.evidenceBytes)));
    return { evidence: { ...evidence, simulated: true }, state: readState(options.state, undefined, world) };
  }
  const cache = openCache(options['digest-cache'], world);
  const node = openNode(options.root, hashing, world, cache);
  const state = readState(options.state, node, world);
  const evidence = await collectEvidence(node);
  cache?.save();
  return { evidence, state };
}

/** Only what was really admitted, on the node itself and now, moves the state. Fault: file.write. */
function rememberAdmission(
  request: Request,
  { verdict }: Verdict,
  { simulated }: Evidence,
  judgement: PolicyJudgement,
  { policy, material }: Situation,
): void {
  const { options, world } = request;
  if (verdict !== 'admit' || simulated || options.at !== undefined) return;
  if (purposeOf(request) === null && options.state === undefined) return;
  const path = options.state === undefined ? places.state : resolve(world.directory, options.state);
  // Read again: another run may have accepted something newer meanwhile, and nothing may fall.
  const state = readStateFile(path) ?? emptyState;
  const times = judgement.attestations.flatMap(({ verified }) => verified.signer.signedAt.map(({ at }) => at));
  writeStateFile(path, advanceState(state, { policy, pack: material.pack, times }));
}
