import type { Finding, Grade, Reason } from '../../core/index.ts';
import type { PolicyFindingCode } from '../finding-codes.ts';

type FindingFacts = {
  readonly field: string;
  readonly actual: string | null;
  readonly expected: string | null;
  readonly next: string;
  readonly grade?: Grade | null;
};

/** A finding of the policy's own table of codes: a code that is not in the table does not compile. */
export function buildFinding(code: PolicyFindingCode, reason: Reason, message: string, facts: FindingFacts): Finding {
  return { code, reason, message, grade: null, ...facts };
}
