export {
  githubIdentityToken,
  givenIdentityToken,
  type IdentityTokenSource,
  readTokenClaims,
} from './identity-token.ts';
export { buildKeylessSigner, buildKeySigner } from './signers.ts';
export { openPrivateKey } from './private-key.ts';
