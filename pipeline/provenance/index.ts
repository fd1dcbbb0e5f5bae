export {
  type BuildContext,
  buildContextBytes,
  localBuildContext,
  localBuilderId,
  parseBuildContext,
} from './build-context.ts';
export { type GithubClaims, parseGithubClaims, serverOfIssuer } from './github-claims.ts';
export { githubBuildContext } from './github-context.ts';
export {
  buildProvenance,
  checkExternalParameters,
  type ExternalParameters,
  nodeSetBuildType,
  type ProvenanceInput,
} from './provenance.ts';
