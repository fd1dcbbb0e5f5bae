import { exit, type Exit } from './exit.ts';
import { unreachable } from './fault.ts';
import type { Checked, Finding, Reason, Waiver } from './finding.ts';

export type Verdict = {
  readonly verdict: 'admit' | 'refuse';
  readonly exit: Exit;
  readonly checked: readonly Checked[];
  readonly findings: readonly Finding[];
  readonly waivers: readonly Waiver[];
};

export type Judgement = {
  readonly checked: readonly Checked[];
  readonly findings: readonly Finding[];
  readonly waivers: readonly Waiver[];
};

const nothingChecked: Finding = {
  code: 'verdict.nothing-checked',
  reason: 'denied',
  message: 'Cannot admit: nothing was checked',
  field: 'checked',
  actual: 'none',
  expected: 'at least one checked fact',
  grade: null,
  next: 'Check that the policy has rules that apply to this subject: nodeproof policy explain',
};

/** The only maker of verdicts. Admits if something was checked and nothing was found. */
export function decide(judgement: Judgement): Verdict {
  const findings =
    judgement.checked.length === 0 && judgement.findings.length === 0 ? [nothingChecked] : judgement.findings;
  const refused = findings.length > 0;
  return Object.freeze({
    verdict: refused ? 'refuse' : 'admit',
    exit: refused ? exitOfFindings(findings) : exit.admit,
    checked: judgement.checked,
    findings: [...findings].sort((a, b) => severity(b.reason) - severity(a.reason)),
    waivers: judgement.waivers,
  });
}

/** Several findings: not authentic before not met before not judged. */
function exitOfFindings(findings: readonly Finding[]): Exit {
  const worst = findings.map((finding) => finding.reason).reduce((a, b) => (severity(a) >= severity(b) ? a : b));
  switch (worst) {
    case 'untrusted':
      return exit.untrusted;
    case 'denied':
      return exit.denied;
    case 'unavailable':
      return exit.unavailable;
    default:
      return unreachable(worst);
  }
}

function severity(reason: Reason): number {
  return { untrusted: 2, denied: 1, unavailable: 0 }[reason];
}
