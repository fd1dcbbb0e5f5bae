import type { Fault, Finding } from '../core/index.ts';
import type { PolicyFindingCode } from './finding-codes.ts';
import { buildFinding } from './rules/finding.ts';

/** A place that was asked for attestations and gave no answer, or not a whole one: what it has is not known. */
export type Silence = { readonly store: string; readonly fault: Fault };

/** Findings that say that something is not there. */
const lacks: ReadonlySet<string> = new Set<PolicyFindingCode>([
  'attestation.none',
  'attestation.required',
  'attestation.hidden',
  'node-set.none',
  'sysext.unattested',
]);

type Told = { readonly findings: readonly Finding[]; readonly ignored: readonly Finding[] };

/**
 * Tells which stores were silent. What is refused all the same could not be judged without them, so that "no answer" is
 * never told as "not attested"; of an admission, which needed nothing of theirs, it is a note.
 */
export function tellSilence({ findings, ignored }: Told, silences: readonly Silence[]): Told {
  const told = silences.map(silenceFinding);
  if (findings.length === 0) return { findings, ignored: [...ignored, ...told] };
  const judged = findings.map((finding) => (lacks.has(finding.code) ? leaveOpen([finding], silences) : [finding]));
  return { findings: [...judged.flat(), ...told], ignored };
}

/** Findings that rest on something that is not there: while a store is silent they could not be judged. */
export function leaveOpen(findings: readonly Finding[], silences: readonly Silence[]): readonly Finding[] {
  if (silences.length === 0) return findings;
  return findings.map((finding) => (finding.reason === 'denied' ? { ...finding, reason: 'unavailable' } : finding));
}

function silenceFinding({ store, fault }: Silence): Finding {
  return buildFinding('store.unanswered', 'unavailable', `${store} gave no whole answer: ${fault.message}`, {
    field: store,
    actual: fault.where === undefined ? fault.code : `${fault.code} at ${fault.where}`,
    expected: 'an answer',
    next: fault.next ?? 'Ask again when it answers, or take the attestations from elsewhere',
  });
}
