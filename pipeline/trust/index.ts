export { type KeyPin, type RootPin, type Thresholds, type Trust, trustSchema } from './anchors.ts';
export { extendTrustPack, isExtensionOf, type PackUnit } from './extended-pack.ts';
export { isGlob, matchesGlob } from './glob.ts';
export {
  type Anchors,
  type Candidates,
  openAnchors,
  type OpenedKey,
  type OpenedRoot,
  openTrustedRoot,
} from './open-anchors.ts';
export { publicGoodRoot, publicGoodSource } from './public-good.ts';
export { type KeyAlgorithm, parsePublicKey, type PublicKey } from './public-key.ts';
export {
  type CertificateRule,
  checkSignerReferences,
  type GithubRule,
  isNameOnly,
  type SignerRule,
  signerRuleSchema,
} from './signer-rule.ts';
export {
  encodeTrustPack,
  listPackContent,
  parseTrustPack,
  type TrustPack,
  type TrustPackContent,
  trustPackMediaType,
} from './trust-pack.ts';
export {
  checkTrustedRoot,
  parseTrustedRootCandidate,
  type TrustedRootCandidate,
  type TrustedRootDocument,
} from './trusted-root.ts';
export { findingCodes as trustFindingCodes } from './finding-codes.ts';
