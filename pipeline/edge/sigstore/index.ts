export { githubIdentityToken, givenIdentityToken, type IdentityTokenSource } from './identity-token.ts';
export { buildKeylessSigner, buildKeySigner } from './signers.ts';
