export { type ImageArtifact, readImageArtifacts, readSysextArtifact, type SysextArtifact } from './artifact.ts';
export type { PlainFile } from './plain-files.ts';
export { attestRelease, type Release, type ReleaseInput } from './release.ts';
export {
  chooseInstance,
  type ChosenInstance,
  type LogService,
  namedInstance,
  parseEventVisibility,
  parseSigningConfig,
  publicGoodServices,
  selectServices,
  type Signer,
  type SignerDescription,
  type SigningServices,
  sigstoreInstances,
} from './signing/index.ts';
export { upstreamAlgorithms, type UpstreamList, verifyUpstream } from './upstream.ts';
