import { dirname } from 'node:path';
import { decide, exit, Fault, type Finding, limits, type Verdict } from '../../core/index.ts';
import { collectEvidence, type NodeWorld } from '../../collection/index.ts';
import { openHashingPool } from '../../edge/hashing/index.ts';
import { isKubeletRunning, maskEntries, unmergeExtensions } from '../../edge/node/index.ts';
import type { Evidence } from '../../evidence/index.ts';
import { lintNode } from '../../lint/index.ts';
import { type MergePlan, parsePolicy, planMerge, type Situation } from '../../policy/index.ts';
import { buildGuardDocument, type GuardReport, type KeptOut, renderGuard } from '../../report/index.ts';
import type { Invocation, Run } from '../command.ts';
import { inFile, parseTime, readInput, renderJson } from '../inputs.ts';
import { readMaterial } from '../material.ts';
import { openNode, readState } from '../node-subject.ts';
import type { nodeGuardCommand } from '../table.ts';

type Request = Invocation<typeof nodeGuardCommand>;

export const runNodeGuard: Run<typeof nodeGuardCommand> = async ({ options, world }) => {
  if (options.at !== undefined && options.root === undefined)
    throw new Fault('usage.at', 'Cannot guard a merge at another time than now: --at came without --root');
  const { policy, digest } = inFile(options.policy, () =>
    parsePolicy(readInput(world, options.policy, limits.policyBytes)),
  );
  const now = options.at === undefined ? world.now() : parseTime(options.at, 'at');
  const material = readMaterial(options, policy, world);
  await using hashing = openHashingPool();
  const node = openNode(options.root, hashing, world);
  const state = readState(options.state, node, world);
  const report: GuardReport = {
    subject: options.root ?? 'this node',
    ...(await guard(node, { policy, material, state, now }, options)),
    policy: { name: policy.name, version: policy.version, digest },
    time: now.toISOString(),
    simulated: node.simulated,
  };
  world.stdout.write(options.json ? renderJson(buildGuardDocument(report)) : renderGuard(report));
  return report.verdict.exit;
};

type Outcome = Pick<GuardReport, 'verdict' | 'judgement' | 'kept' | 'keptOut' | 'unmerged'>;

/** How often is looked: what is masked uncovers what it hid, which can be refused in turn. */
const rounds = 8;
/** How often is looked again where something changed meanwhile: much is mounted during a boot. */
const retries = 3;

/**
 * Looks, and masks what is refused, until nothing that is left is. Where the node as a whole is refused, or what is merged
 * already, nothing is to be merged: nothing is masked then, and what is merged is taken away.
 * Faults: unavailable.mask, file.*, evidence.field, captured.field.
 */
async function guard(node: NodeWorld, situation: Situation, options: Request['options']): Promise<Outcome> {
  const masked: KeptOut[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const { evidence, plan, verdict } = await look(node, situation, options);
    const keptOut = plan.refused.map((one) => describeRefused(one, evidence));
    const isOver = verdict.verdict === 'refuse' || plan.refused.length === 0 || node.simulated;
    if (isOver) {
      // What could not be judged now was merged by somebody who judged it, or is found by the verdict of the boot.
      const isRefuted = verdict.exit === exit.denied || verdict.exit === exit.untrusted;
      const unmerged = isRefuted && !node.simulated ? unmerge(evidence) : [];
      return { verdict, judgement: plan.judgement, kept: listKept(plan), keptOut: [...masked, ...keptOut], unmerged };
    }
    maskAll(keptOut);
    masked.push(...keptOut.map((one) => ({ ...one, isMasked: true })));
  }
  throw new Fault('unavailable.mask', `Cannot mask all that is refused: ${rounds} times there was more below`, {
    next: 'See which extensions of one name lie in several search directories',
  });
}

type Look = { readonly evidence: Evidence; readonly plan: MergePlan; readonly verdict: Verdict };

async function look(node: NodeWorld, situation: Situation, options: Request['options']): Promise<Look> {
  for (let attempt = 1; ; attempt += 1) {
    const evidence = await collectEvidence(node);
    const plan = planMerge(evidence, situation);
    const verdict = decide({
      ...plan.judgement,
      findings: [
        ...plan.judgement.findings,
        ...plan.running,
        ...findMutable(node),
        ...(options.strict ? plan.refused.map(({ finding }) => finding) : []),
      ],
    });
    if (verdict.exit !== exit.unavailable || attempt === retries || node.simulated) return { evidence, plan, verdict };
  }
}

/** A merge that can be written to is no merge of what was checked. */
function findMutable(node: NodeWorld): readonly Finding[] {
  return lintNode(node)
    .filter(({ code, level }) => code === 'lint.mutable' && level === 'error')
    .map(({ message, file, fix }) => ({
      code: 'extension.mutable',
      reason: 'denied',
      message,
      field: 'sysexts.overlay',
      actual: file,
      expected: 'no upper directory',
      grade: 'claimed',
      next: fix,
    }));
}

function describeRefused({ extensionClass, extension, finding }: MergePlan['refused'][number], evidence: Evidence) {
  const isMerged = evidence[extensionClass].merged.value?.includes(extension.name) === true;
  return {
    extensionClass,
    name: extension.name,
    path: extension.path,
    finding,
    outcome: isMerged ? 'detected' : 'prevented',
    isMasked: false,
  } as const satisfies KeptOut;
}

function listKept({ kept }: MergePlan): GuardReport['kept'] {
  return (['sysexts', 'confexts'] as const).flatMap((extensionClass) =>
    kept[extensionClass].map(({ name, path, sha256, rootHash }) => ({
      extensionClass,
      name,
      path,
      sha256: sha256.value,
      rootHash: rootHash.value,
    })),
  );
}

function maskAll(entries: readonly KeptOut[]): void {
  for (const directory of new Set(entries.map(({ path }) => dirname(path)))) {
    const names = entries
      .filter(({ path }) => dirname(path) === directory)
      .map(({ path }) => path.slice(directory.length + 1));
    maskEntries(directory, names);
  }
}

/** At boot, before anything runs from it. Under a running kubelet it would take the node down, which is not the guard's to do. */
function unmerge(evidence: Evidence): GuardReport['unmerged'] {
  const merged = (['sysexts', 'confexts'] as const).filter(
    (kind) => evidence[kind].merged.value !== null || evidence[kind].opt !== null,
  );
  if (merged.length === 0 || isKubeletRunning()) return [];
  for (const kind of merged) unmergeExtensions(kind === 'sysexts' ? 'sysext' : 'confext');
  return merged;
}
