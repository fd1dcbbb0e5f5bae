import { decide, type Exit } from '../core/index.ts';
import { collectNextBoot } from '../collection/index.ts';
import type { HashingPool } from '../edge/hashing/index.ts';
import { buildNextIdentity, type NextBoot } from '../evidence/index.ts';
import { judgeNextNode, type LoadedPolicy } from '../policy/index.ts';
import { buildVerdictDocument, renderVerdict, type VerdictReport } from '../report/index.ts';
import type { Invocation } from './command.ts';
import { parseTime, renderJson } from './inputs.ts';
import { addFound, readMaterial } from './material.ts';
import { openCache } from './node-cache.ts';
import { listNodeDigests, openNode, readState } from './node-subject.ts';
import type { nodeVerifyCommand } from './table.ts';

/** Judges what the next boot of a node would run. It goes on no record and moves no state: nothing of it was admitted to anything. */
export async function verifyNextBoot(
  { options, world }: Invocation<typeof nodeVerifyCommand>,
  { policy, digest }: LoadedPolicy,
  hashing: HashingPool,
  signal: AbortSignal,
): Promise<Exit> {
  const now = options.at === undefined ? world.now() : parseTime(options.at, 'at');
  const given = readMaterial(options, policy, world);
  const cache = openCache(options['digest-cache'], world);
  const node = openNode(options.root, hashing, world, cache);
  const state = readState(options.state, node, world);
  const next = await collectNextBoot(node);
  cache?.save();
  const digests = listNodeDigests(buildNextIdentity(next));
  const material = await addFound(digests, { policy, material: given, now }, options, world);
  const judgement = judgeNextNode(next, { policy, material, state, now });
  const verdict = decide(judgement);
  signal.throwIfAborted();
  const report: VerdictReport = {
    subject: describeNextBoot(next, options.root ?? 'this node'),
    verdict,
    judgement,
    policy: { name: policy.name, version: policy.version, digest },
    time: now.toISOString(),
    simulated: next.simulated,
  };
  world.stdout.write(options.json ? renderJson(buildVerdictDocument(report)) : renderVerdict(report));
  return verdict.exit;
}

/** What the verdict is about, so that nobody takes it for one on what runs. */
function describeNextBoot({ slot, usr }: NextBoot, node: string): string {
  const system = usr === null ? 'unknown system' : `${usr.os.id} ${usr.os.versionId ?? 'of unknown version'}`;
  const update = slot.running ? 'no update is pending, it boots the same slot again' : 'an update is pending';
  return `the next boot of ${node} (slot ${slot.name}, ${system}; ${update}; nothing of it is enforced yet)`;
}
