export {
  type Evidence,
  evidenceSchema,
  evidenceType,
  type Extension,
  type ExtensionState,
  type LoopDevice,
  type MappedDevice,
  type Mount,
  parseEvidence,
  type UnitState,
} from './evidence.ts';
export { isImage, isWholeImage } from './extension-backing.ts';
export { comparedPlaces, isWatched, isWithin, searchDirectories } from './extension-places.ts';
export { findingCodes as evidenceFindingCodes } from './finding-codes.ts';
export { buildEvidenceIdentity, buildNextIdentity, type EvidenceIdentity } from './identity.ts';
export { type EvidenceJudgement, type EvidenceRequirements, judgeEvidence } from './judge.ts';
export { judgedLater, judgeNextBoot } from './judge-next-boot.ts';
export type { NextBoot } from './next-boot.ts';
export { isMerge, locateOn, stackMounts } from './mount-stack.ts';
export { watchedUnits, workloads } from './watched-units.ts';
export { mergeStateDigest } from './merge-state.ts';
