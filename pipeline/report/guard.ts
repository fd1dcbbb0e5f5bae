import { Digest, type Finding } from '../core/index.ts';
import type { ExtensionClass } from '../release/index.ts';
import { printable } from './error.ts';
import { buildVerdictDocument, findingLines, type VerdictReport } from './verdict.ts';

/** An extension that is not to be merged. */
export type KeptOut = {
  readonly extensionClass: ExtensionClass;
  readonly name: string;
  readonly path: string;
  readonly finding: Finding;
  /** Whether it never was merged in this boot, or was merged before the guard could look. */
  readonly outcome: 'prevented' | 'detected';
  /** Whether it is masked by now; where nothing at all is to be merged, nothing is masked. */
  readonly isMasked: boolean;
};

/** What the guard did before a merge. */
export type GuardReport = VerdictReport & {
  readonly kept: readonly {
    readonly extensionClass: ExtensionClass;
    readonly name: string;
    readonly path: string;
    readonly sha256: string | null;
    readonly rootHash: string | null;
  }[];
  readonly keptOut: readonly KeptOut[];
  /** What was merged already, and was taken away. */
  readonly unmerged: readonly ExtensionClass[];
};

/** The document of the guard: the verdict on the merge, and what it takes. */
export function buildGuardDocument(report: GuardReport) {
  const { verdict, ...rest } = buildVerdictDocument(report);
  return {
    merge: verdict === 'admit' ? 'allowed' : 'blocked',
    kept: report.kept.map((one) => ({ ...one, held: held(one) })),
    keptOut: report.keptOut.map(({ extensionClass, name, path, finding, outcome, isMasked }) => ({
      extensionClass,
      name,
      path,
      code: finding.code,
      message: finding.message,
      outcome,
      isMasked,
    })),
    unmerged: report.unmerged,
    ...rest,
  };
}

/** The guard's word for people: what is merged, what is not, and why. */
export function renderGuard(report: GuardReport): string {
  const { verdict, policy, subject, kept, keptOut, unmerged } = report;
  const isBlocked = verdict.verdict === 'refuse';
  const lines = [
    `${isBlocked ? 'BLOCK ' : 'MERGE '}  ${printable(subject)}: ${summarize(report)}${report.simulated ? '  (simulated evidence)' : ''}`,
    `  policy    ${policy.name} version ${policy.version}, ${Digest.format(policy.digest)}, judged at ${report.time}`,
    ...unmerged.map((kind) => `  unmerged  ${kind}: they were merged before the guard could look`),
    ...kept.map(
      (one) =>
        `  ${isBlocked ? 'signed' : 'keeps '}    ${printable(one.name)}  sha256:${one.sha256 ?? '?'}  ${describeHold[held(one)]}`,
    ),
    ...keptOut.flatMap(({ finding, isMasked, outcome, path }) => [
      `  - ${isMasked ? 'MASKED' : 'REFUSED'} ${printable(path)}, ${outcome}: ${printable(finding.message)} [${finding.code}]`,
      `      next: ${printable(finding.next)}`,
    ]),
    ...verdict.findings.filter((finding) => !keptOut.some((one) => one.finding === finding)).flatMap(findingLines),
  ];
  return `${lines.join('\n')}\n`;
}

function summarize({ verdict, kept, keptOut, simulated }: GuardReport): string {
  if (verdict.verdict === 'refuse') return 'nothing is to be merged';
  const extensions = `${kept.length} signed extension${kept.length === 1 ? '' : 's'}`;
  if (keptOut.length === 0) return `${extensions}, nothing else`;
  return `${extensions}; ${keptOut.length} ${simulated ? 'would be ' : ''}masked for this boot, and no join until they are gone`;
}

type Hold = 'verity' | 'comparison';

/**
 * How what was checked stays what is merged. A file can be put in the place of another between check and merge: that the
 * loop device runs from the inode that was hashed, with the same bytes, is compared after the merge, before kubelet starts.
 * Later changes of the bytes are refused by the kernel where there is a verity tree, and noticed by the next look otherwise.
 */
function held({ rootHash }: { readonly rootHash: string | null }): Hold {
  return rootHash === null ? 'comparison' : 'verity';
}

const describeHold: Readonly<Record<Hold, string>> = {
  verity: 'compared after the merge, then held by dm-verity',
  comparison: 'compared after the merge and at each later look',
};
