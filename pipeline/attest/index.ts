export { type ImageArtifact, readImageArtifacts, readSysextArtifact, type SysextArtifact } from './artifact.ts';
export { attestRelease, type Release, type ReleaseInput } from './release.ts';
export {
  isSafeServiceUrl,
  type LogService,
  noServices,
  parseSigningConfig,
  publicGoodServices,
  selectServices,
  type Signer,
  type SignerDescription,
  type SigningServices,
} from './signing/index.ts';
export { upstreamAlgorithms, type UpstreamList, verifyUpstream } from './upstream.ts';
