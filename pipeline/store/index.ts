export type { ArtifactFile } from './artifact.ts';
export { type BlobCache, type BundleCache, openBlobMemory } from './cache.ts';
export { BundleSearch, type Fetched } from './fetch.ts';
export { Findings, type Reserve } from './found.ts';
export { Intake, type IntakeTerms, plainTerms } from './intake.ts';
export { runInLanes } from './lanes.ts';
export {
  type Descriptor,
  extendImageIndex,
  indexType,
  isBundleType,
  manifestType,
  parseDescriptor,
  parseImageIndex,
  parseLayers,
} from './oci-documents.ts';
export { manifestSubjects } from './artifact.ts';
export {
  buildPublication,
  checksumsName,
  isReleaseName,
  packSuffix,
  type Publication,
  type PublishedBundle,
  type PublishedFile,
  readPublishedBundle,
} from './publication.ts';
export {
  nodeSetTag,
  type PlannedBlob,
  type PlannedManifest,
  type PlannedTag,
  planRegistry,
  referrersTag,
  type RegistryPlan,
} from './registry-plan.ts';
export {
  blobPath,
  buildSubjectIndexes,
  encodeSubjectIndex,
  indexPath,
  mergeSubjectIndexes,
  parseSubjectIndex,
  type SubjectIndex,
  subjectIndexType,
} from './subject-index.ts';
export type { BundleStore, Found, FoundBundle, PlannedWrite, PutReport } from './store.ts';
