import type { Finding, Grade, Reason } from '../core/index.ts';
import type { EvidenceFindingCode } from './finding-codes.ts';

type FindingFacts = {
  readonly field: string;
  readonly actual: string | null;
  readonly expected: string | null;
  readonly next: string;
  readonly grade?: Grade | null;
};

/** A finding of the evidence's own table of codes. */
export function buildFinding(code: EvidenceFindingCode, reason: Reason, message: string, facts: FindingFacts): Finding {
  return { code, reason, message, grade: 'claimed', ...facts };
}
