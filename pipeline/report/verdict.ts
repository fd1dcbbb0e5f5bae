import { type Checked, Digest, type Finding, type Verdict } from '../core/index.ts';
import type { PolicyJudgement } from '../policy/index.ts';
import { printable } from './error.ts';
import { renderTable } from './page.ts';

/** A verdict about one subject, as every command prints it. */
export type VerdictReport = {
  readonly subject: string;
  readonly verdict: Verdict;
  readonly judgement: Pick<PolicyJudgement, 'identityDigest' | 'ignored'>;
  readonly policy: { readonly name: string; readonly version: number; readonly digest: Digest };
  /** The time that was judged at, RFC 3339. */
  readonly time: string;
  readonly simulated: boolean;
};

/** The verdict document. */
export function buildVerdictDocument({ subject, verdict, judgement, policy, time, simulated }: VerdictReport) {
  return {
    subject,
    verdict: verdict.verdict,
    exit: verdict.exit,
    identityDigest: judgement.identityDigest === null ? null : Digest.format(judgement.identityDigest),
    checked: verdict.checked,
    findings: verdict.findings,
    waivers: verdict.waivers,
    ignored: judgement.ignored,
    policy: { name: policy.name, version: policy.version, digest: Digest.format(policy.digest) },
    time,
    simulated,
  };
}

/** The verdict for people: the word first, then why, then what it stands on. */
export function renderVerdict(report: VerdictReport): string {
  const { verdict, judgement, policy, subject } = report;
  const lines = [
    `${verdict.verdict === 'admit' ? 'ADMIT ' : 'REFUSE'}  ${printable(subject)}${report.simulated ? '  (simulated evidence)' : ''}`,
    ...(judgement.identityDigest === null ? [] : [`  identity  ${Digest.format(judgement.identityDigest)}`]),
    `  policy    ${policy.name} version ${policy.version}, ${Digest.format(policy.digest)}, judged at ${report.time}`,
    ...verdict.waivers.map(
      (waiver) => `  WAIVED    ${waiver.option} until ${waiver.until ?? 'no end'}: ${printable(waiver.why)}`,
    ),
    ...verdict.findings.flatMap(findingLines),
    ...(verdict.verdict === 'admit'
      ? ['', renderTable(['CHECKED', 'VALUE', 'GRADE', 'SOURCE'], verdict.checked.map(checkedRow))]
      : []),
    ...judgement.ignored.map((finding) => `  ignored: ${printable(finding.message)} [${finding.code}]`),
  ];
  return `${lines.join('\n')}\n`;
}

/** A finding for people: what, and what to do next. */
export function findingLines(finding: Finding): readonly string[] {
  return [
    `  - ${printable(finding.message)} [${finding.code}]${finding.grade === null ? '' : ` (${finding.grade})`}`,
    `      next: ${printable(finding.next)}`,
  ];
}

function checkedRow({ fact, value, grade, source }: Checked): readonly string[] {
  return [fact, value, grade ?? '-', source];
}
