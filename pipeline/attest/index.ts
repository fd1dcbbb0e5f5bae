export type { Hashing } from './hashing.ts';
export { type ImageArtifact, readImageArtifacts, readSysextArtifact, type SysextArtifact } from './artifact.ts';
export {
  inspectFile,
  type Inspection,
  type InspectionOptions,
  isConsistent,
  type NestedInspection,
  type NodeImageInspection,
  type SuperblockFacts,
  type SysextInspection,
} from './inspection.ts';
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
