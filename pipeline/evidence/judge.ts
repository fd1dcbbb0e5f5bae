import type { Checked, Finding } from '../core/index.ts';
import type { NodeSet } from '../release/index.ts';
import type { Evidence } from './evidence.ts';
import { buildFinding } from './finding.ts';
import { judgeCommandLine } from './judge-command-line.ts';
import { judgeExtensions } from './judge-extensions.ts';
import { judgePlaces } from './judge-places.ts';
import { judgeUnits } from './judge-units.ts';
import { judgeUsr } from './judge-usr.ts';

/** What a policy wants of the facts themselves, besides an identity that is signed. */
export type EvidenceRequirements = {
  readonly usrVerity: 'required' | 'absent-allowed';
  /** Whether every merged sysext must run from dm-verity. */
  readonly sysextVerity: boolean;
  readonly commandLine: 'node-set' | 'denied-arguments-only';
  /** Whether the extensions that count as merged run already, or lie where the next merge takes them. */
  readonly extensions: 'running' | 'to-be-merged';
};

export type EvidenceJudgement = { readonly checked: readonly Checked[]; readonly findings: readonly Finding[] };

/**
 * Judges whether the facts of a node agree with each other, with what enforces them, and with the reference values of the
 * node set where one was found. Every rule runs.
 */
export function judgeEvidence(
  evidence: Evidence,
  requirements: EvidenceRequirements,
  reference: NodeSet['reference'] | null,
): EvidenceJudgement {
  const parts = [
    judgeUsr(evidence, requirements, reference),
    judgeCommandLine(evidence, requirements, reference),
    judgeExtensions('sysexts', evidence.sysexts, evidence, requirements),
    judgeExtensions('confexts', evidence.confexts, evidence, { ...requirements, sysextVerity: false }),
    judgePlaces(evidence, requirements),
    // What the units run is there after the merge only, and is judged then.
    ...(requirements.extensions === 'running' ? [judgeUnits(evidence), judgeUnread(evidence.units)] : []),
    judgeUnread(evidence),
  ];
  return {
    checked: [...checkedOs(evidence), ...parts.flatMap((part) => part.checked)],
    findings: parts.flatMap((part) => part.findings),
  };
}

const remedies: Readonly<Record<string, string>> = {
  'file.permission': 'Run as root',
  'file.command': 'Run as root, with dmsetup and losetup installed',
  'file.changed': 'Try again when nothing is merged or mounted',
};

/** What could not be looked at could hide anything. */
export function judgeUnread({ unread }: Pick<Evidence, 'unread'>): EvidenceJudgement {
  return {
    checked: [],
    findings: unread.map(({ path, code, message }) =>
      buildFinding(
        'evidence.unread',
        /^(?:file|unavailable)\./.test(code) ? 'unavailable' : 'untrusted',
        `Cannot look at ${path}: ${message}`,
        {
          field: path,
          actual: code,
          expected: 'readable',
          next: remedies[code] ?? 'See what is wrong with it',
        },
      ),
    ),
  };
}

function checkedOs({ os }: Evidence): readonly Checked[] {
  return (['id', 'versionId', 'buildId', 'architecture'] as const).flatMap((name) => {
    const { value, grade, source } = os[name];
    return value === null ? [] : [{ fact: `os.${name}`, value, grade, source }];
  });
}
