export { type KeyPin, type RootPin, type Thresholds, type Trust, trustSchema } from './anchors.ts';
export { matchesGlob } from './glob.ts';
export {
  type CertificateRule,
  checkSignerReferences,
  githubActionsIssuer,
  type GithubRule,
  type SignerRule,
  signerRuleSchema,
} from './signer-rule.ts';
