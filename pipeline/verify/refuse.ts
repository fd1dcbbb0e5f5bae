import type { Finding } from '../core/index.ts';
import { type FindingCode, findingCodes } from './finding-codes.ts';

const defaultNext = 'Compare the rule with the signer: nodeproof policy explain';

/** A finding of this folder: sound cryptography by someone, or about something, that the policy did not ask for. */
export function refuse(
  code: FindingCode,
  field: string,
  actual: string | null,
  expected: string,
  next: string = defaultNext,
): Finding {
  return {
    code,
    reason: 'untrusted',
    message: `Cannot accept the attestation: ${findingCodes[code]}`,
    field,
    actual,
    expected,
    grade: null,
    next,
  };
}
