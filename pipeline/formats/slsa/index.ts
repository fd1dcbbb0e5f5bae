export { parseProvenance, type Provenance, provenanceType, sourceCommits } from './provenance.ts';
export { parseVerificationResult, type VerificationResult, verificationResultType } from './verification-result.ts';
export { parseVerificationSummary, type VerificationSummary, verificationSummaryType } from './verification-summary.ts';
