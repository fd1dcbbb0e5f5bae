export { parseSigningCertificate } from './certificate.ts';
export {
  faultCodes as verifyFaultCodes,
  type FindingCode,
  findingCodes as verifyFindingCodes,
} from './finding-codes.ts';
export { judgePredicateType, judgeSubject } from './judge-statement.ts';
export { judgeSigner, type SignerContext } from './judge-signer.ts';
export type { ArtifactBytes } from './signed-content.ts';
export type { AuthenticatedTime, CertificateSigner, GithubClaims, KeySigner, Signer } from './signer.ts';
export type { Verified } from './verified.ts';
export {
  type Expectation,
  type ExpectedArtifact,
  type ExpectedSigner,
  type VerifiedBundle,
  verifyBundle,
} from './verify-bundle.ts';
export { type BundleInput, type VerifiedStatement, verifyStatement } from './verify-statement.ts';
export { verifySigner } from './verify-signer.ts';
