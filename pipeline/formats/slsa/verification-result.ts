import * as z from 'zod/mini';
import { parseWith, utcTime } from '../schema/index.ts';
import { digestSetSchema, type Statement } from '../statement/index.ts';

/** in-toto Simple Verification Result v0.2 (spec/predicates/svr.md). It lists only what passed. */
export const verificationResultType = 'https://in-toto.io/attestation/svr/v0.2';

const text = z.string().check(z.minLength(1), z.maxLength(4096));

const verificationResultSchema = z.looseObject({
  verifier: z.looseObject({
    id: text,
    policies: z.array(z.looseObject({ uri: z.optional(text), digest: z.optional(digestSetSchema) })),
  }),
  timeCreated: utcTime,
  properties: z.array(text).check(z.maxLength(1024)),
});

export type VerificationResult = z.output<typeof verificationResultSchema>;

/** Reads the predicate of a simple verification result. Faults: verification-result.field. */
export function parseVerificationResult(predicate: Statement['predicate']): VerificationResult {
  return parseWith(verificationResultSchema, predicate, 'verification-result.field', 'verification result');
}
