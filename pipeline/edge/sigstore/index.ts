export {
  audience,
  githubIdentityToken,
  type GithubTokenEndpoint,
  givenIdentityToken,
  type IdentityTokenSource,
} from './identity-token.ts';
export { type CallOptions, defaultCallOptions } from './service-call.ts';
export { buildKeylessSigner, buildKeySigner, type KeySignerOptions } from './signers.ts';
