export { parseProvenance, type Provenance, provenanceSchema, provenanceType, sourceCommits } from './provenance.ts';
export {
  parseVerificationResult,
  type VerificationResult,
  verificationResultSchema,
  verificationResultType,
} from './verification-result.ts';
export {
  parseVerificationSummary,
  type VerificationSummary,
  verificationSummarySchema,
  verificationSummaryType,
} from './verification-summary.ts';
