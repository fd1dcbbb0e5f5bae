/**
 * The library's door. What is named here is kept stable and is tested by a snapshot; everything else is inside the house.
 *
 * Verifying: parsePolicy → openAnchors → verifyBundle, or judgeArtifact and judgeNode for a whole verdict.
 * Making: openFileSource → inspectFile, readImageArtifacts, readSysextArtifact → attestRelease.
 */
export {
  type Checked,
  decide,
  Digest,
  type DigestAlgorithm,
  type Exit,
  exit,
  exitOf,
  Fault,
  type FaultCode,
  type Finding,
  type Grade,
  type Judgement,
  memorySource,
  type Reason,
  type Source,
  type Verdict,
  type Waiver,
} from './core/index.ts';

export {
  type Expectation,
  type ExpectedArtifact,
  type ExpectedSigner,
  type Signer as VerifiedSigner,
  type Verified,
  type VerifiedBundle,
  verifyBundle,
  type VerifiedStatement,
  verifyStatement,
} from './verify/index.ts';
export {
  type Anchors,
  openAnchors,
  parsePublicKey,
  parseTrustedRootCandidate,
  parseTrustPack,
  publicGoodRoot,
  type PublicKey,
  type Trust,
  type TrustedRootCandidate,
  type TrustPack,
} from './trust/index.ts';
export { type SigstoreBundle, parseBundle } from './formats/sigstore-bundle/index.ts';
export { parseStatement, type Statement } from './formats/statement/index.ts';

export {
  advanceState,
  emptyState,
  explainPolicy,
  judgeArtifact,
  judgeNode,
  lintPolicy,
  type Material,
  parsePolicy,
  parseState,
  type Policy,
  policyJsonSchema,
  type PolicyJudgement,
  type Situation,
  type State,
} from './policy/index.ts';
export { collectEvidence, type NodeWorld } from './collection/index.ts';
export { buildEvidenceIdentity, type Evidence, parseEvidence } from './evidence/index.ts';
export {
  buildIdentity,
  compareIdentities,
  encodeIdentity,
  identityDigest,
  type NodeIdentity,
  type NodeSet,
  nodeSetPredicateType,
  parseIdentity,
  parseNodeSet,
} from './release/index.ts';
export { buildVerdictDocument, renderVerdict, type VerdictReport } from './report/index.ts';

export {
  attestRelease,
  parseSigningConfig,
  type PlainFile,
  publicGoodServices,
  readImageArtifacts,
  readSysextArtifact,
  type Release,
  type ReleaseInput,
  selectServices,
  type Signer,
  type SigningServices,
} from './attest/index.ts';
export { inspectFile, type Inspection } from './inspection/index.ts';
export {
  type BuildContext,
  githubBuildContext,
  type GithubClaims,
  localBuildContext,
  parseBuildContext,
  parseGithubClaims,
} from './provenance/index.ts';
export { renderSbom, type SbomArtifact, type SbomOptions } from './sbom/index.ts';

export { type FileSource, openFileSource } from './edge/files/index.ts';
export { type HashingPool, openHashingPool } from './edge/hashing/index.ts';
export { openLiveNode, openNodeDirectory } from './edge/node/index.ts';
export {
  buildKeylessSigner,
  buildKeySigner,
  githubIdentityToken,
  givenIdentityToken,
  type IdentityTokenSource,
  readTokenClaims,
} from './edge/sigstore/index.ts';
