import * as z from 'zod/mini';
import { parseWith, utcTime } from '../schema/index.ts';
import { resourceDescriptorSchema, type Statement } from '../statement/index.ts';

/** SLSA Verification Summary Attestation v1 (slsa.dev/spec/v1.2/verification_summary). */
export const verificationSummaryType = 'https://slsa.dev/verification_summary/v1';

const text = z.string().check(z.minLength(1), z.maxLength(4096));
const uri = text.check(z.regex(/^[a-zA-Z][a-zA-Z0-9+.-]*:\S+$/));

/** "Custom levels MUST NOT start with SLSA_" (§ SlsaResult): of those, only the specified ones exist. */
const slsaResult = text.check(
  z.refine(
    (level) =>
      !level.startsWith('SLSA_') ||
      /^SLSA_(?:BUILD_(?:LEVEL_[0-3]|LEVEL_UNEVALUATED|REPRODUCED)|SOURCE_(?:LEVEL_[1-4]|LEVEL_UNEVALUATED|TWO_PARTY_REVIEWED)|BUILD_ENV_LEVEL_[0-3]|DEPENDENCY_LEVEL_[0-4])$/.test(
        level,
      ),
    'no such SLSA level, and levels of others must not start with SLSA_',
  ),
);

const verificationSummarySchema = z
  .looseObject({
    verifier: z.looseObject({ id: uri, version: z.optional(z.record(z.string(), text)) }),
    timeVerified: z.optional(utcTime),
    resourceUri: uri,
    policy: z
      .looseObject({ uri: z.optional(uri), digest: z.optional(z.record(z.string(), text)) })
      .check(z.refine((policy) => policy.uri !== undefined || policy.digest !== undefined, 'want uri or digest')),
    inputAttestations: z.optional(
      z
        .array(resourceDescriptorSchema)
        .check(z.refine((inputs) => inputs.every((input) => input.digest !== undefined), 'an input without digest')),
    ),
    verificationResult: z.enum(['PASSED', 'FAILED']),
    verifiedLevels: z.array(slsaResult).check(z.minLength(1), z.maxLength(64)),
    dependencyLevels: z.optional(z.record(z.string(), z.int().check(z.nonnegative()))),
    slsaVersion: z.optional(text),
  })
  .check(
    z.refine(
      (summary) =>
        new Set(summary.verifiedLevels.flatMap(trackOf)).size === summary.verifiedLevels.flatMap(trackOf).length,
      'two levels of one track',
    ),
    z.refine(
      (summary) => summary.verificationResult === 'PASSED' || summary.verifiedLevels.join() === 'FAILED',
      'a failed verification has the one level FAILED',
    ),
  );

export type VerificationSummary = z.output<typeof verificationSummarySchema>;

/** Reads the predicate of a verification summary. Faults: verification-summary.field. */
export function parseVerificationSummary(predicate: Statement['predicate']): VerificationSummary {
  return parseWith(verificationSummarySchema, predicate, 'verification-summary.field', 'verification summary');
}

/** "MUST NOT include more than one level per track" (§ verifiedLevels). Properties, as TWO_PARTY_REVIEWED, have no level. */
function trackOf(level: string): readonly string[] {
  const track = /^(SLSA_[A-Z_]+)_LEVEL_/.exec(level)?.[1];
  return track === undefined ? [] : [track];
}
