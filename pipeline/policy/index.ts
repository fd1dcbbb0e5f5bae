export { judgeArtifact } from './artifact.ts';
export { type Attestation, type BundleFile, sbomPredicateType } from './attestation.ts';
export { findingCodes as policyFindingCodes } from './finding-codes.ts';
export { judgeNode } from './node.ts';
export { type LoadedPolicy, parsePolicy } from './policy.ts';
export { revocationPredicateType } from './rules/revocation.ts';
export { type Policy, policySchema } from './schema.ts';
export { type Material, type PolicyJudgement, type Situation } from './situation.ts';
export { advanceState, emptyState, parseState, type State } from './state.ts';
