import { resolve } from 'node:path';
import { decide, Digest, Fault, type Finding, limits, worstExit } from '../../core/index.ts';
import { openHashingPool } from '../../edge/hashing/index.ts';
import { emptyState, judgeArtifact, parsePolicy, type PolicyJudgement } from '../../policy/index.ts';
import { buildVerdictDocument, renderVerdict, type VerdictReport } from '../../report/index.ts';
import type { Run } from '../command.ts';
import { inFile, parseTime, readConfiguration, renderJson } from '../inputs.ts';
import { readMaterial } from '../material.ts';
import type { verifyCommand } from '../table.ts';

export const runVerify: Run<typeof verifyCommand> = async ({ operands, options, world }) => {
  const { policy, digest } = inFile(options.policy, () =>
    parsePolicy(readConfiguration(world, options.policy, limits.policyBytes)),
  );
  const now = options.at === undefined ? world.now() : parseTime(options.at, 'at');
  const material = readMaterial(options, policy, world);
  const reports: VerdictReport[] = [];
  await using hashing = openHashingPool();
  for (const operand of operands) {
    const judgement = await judgeOperand(operand);
    reports.push({
      subject: operand,
      verdict: decide(judgement),
      judgement,
      policy: { name: policy.name, version: policy.version, digest },
      time: now.toISOString(),
      simulated: false,
    });
  }
  if (options.json) world.stdout.write(renderJson({ verdicts: reports.map(buildVerdictDocument) }));
  else for (const report of reports) world.stdout.write(renderVerdict(report));
  return worstExit(reports.map((report) => report.verdict.exit));

  /** A file that cannot be read gets a verdict of its own: the others are judged all the same. */
  async function judgeOperand(operand: string): Promise<PolicyJudgement> {
    const named = parseDigestOperand(operand);
    try {
      const subject = named ?? (await digestOf(resolve(world.directory, operand)));
      return judgeArtifact(subject, { policy, material, state: emptyState, now });
    } catch (error) {
      if (!(error instanceof Fault) || named !== undefined) throw error;
      return unreadable(operand, error);
    }
  }

  async function digestOf(path: string): Promise<Digest> {
    const [sha256] = await hashing.digestFile(path, ['sha256']);
    if (sha256 === undefined) throw new Fault('file.read', `Cannot read ${path}`);
    return sha256;
  }
};

function unreadable(operand: string, { code, message, next }: Fault): PolicyJudgement {
  const finding: Finding = {
    code,
    reason: 'unavailable',
    message,
    field: operand,
    actual: null,
    expected: 'a readable file',
    grade: null,
    next: next ?? 'Give a file that is there, or its sha256:<hex>',
  };
  return { identityDigest: null, attestations: [], ignored: [], checked: [], findings: [finding], waivers: [] };
}

/** `sha256:<hex>` and its like; undefined for a file. Another algorithm is refused, not taken for a file's name. Fault: usage.digest. */
function parseDigestOperand(operand: string): Digest | undefined {
  if (!/^[a-z0-9]{2,16}:[0-9A-Fa-f]*$/.test(operand)) return undefined;
  const digest = asUsage(() => Digest.parse(operand));
  if (digest.algorithm === 'sha256') return digest;
  throw new Fault('usage.digest', `Cannot look for ${operand.slice(0, 80)}: statements name artifacts by sha256`);
}

function asUsage<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault('usage.digest', error.message, { next: 'A file of that name: give it as ./NAME', cause: error });
  }
}
