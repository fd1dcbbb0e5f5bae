import { resolve } from 'node:path';
import { decide, Digest, Fault, type Finding, limits, worstExit } from '../../core/index.ts';
import { type HashingPool, openHashingPool } from '../../edge/hashing/index.ts';
import { emptyState, judgeArtifact, parsePolicy, type PolicyJudgement } from '../../policy/index.ts';
import { buildVerdictDocument, renderVerdict, type VerdictReport } from '../../report/index.ts';
import type { Run } from '../command.ts';
import { inFile, parseTime, readConfiguration, renderJson } from '../inputs.ts';
import { addFound, readMaterial } from '../material.ts';
import type { verifyCommand } from '../table.ts';

export const runVerify: Run<typeof verifyCommand> = async ({ operands, options, world }) => {
  const { policy, digest } = inFile(options.policy, () =>
    parsePolicy(readConfiguration(world, options.policy, limits.policyBytes)),
  );
  const now = options.at === undefined ? world.now() : parseTime(options.at, 'at');
  const given = readMaterial(options, policy, world);
  const subjects = await nameSubjects();
  const digests = subjects.flatMap(({ subject }) => (subject instanceof Fault ? [] : [subject]));
  const material = await addFound(digests, { policy, material: given, now }, options, world);
  const reports: VerdictReport[] = [];
  for (const { operand, subject } of subjects) {
    const judgement =
      subject instanceof Fault
        ? unreadable(operand, subject)
        : judgeArtifact(subject, { policy, material, state: emptyState, now });
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
  async function nameSubjects(): Promise<readonly Named[]> {
    await using hashing = openHashingPool();
    const named: Named[] = [];
    for (const operand of operands) {
      const subject = parseDigestOperand(operand) ?? (await digestOf(resolve(world.directory, operand), hashing));
      named.push({ operand, subject });
    }
    return named;
  }
};

type Named = { readonly operand: string; readonly subject: Digest | Fault };

async function digestOf(path: string, hashing: HashingPool): Promise<Digest | Fault> {
  try {
    const [sha256] = await hashing.digestFile(path, ['sha256']);
    return sha256 ?? new Fault('file.read', `Cannot read ${path}`);
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

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
