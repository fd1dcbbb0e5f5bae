export { collectEvidence, refuseSimulated } from './collect.ts';
export {
  type Evidence,
  type Extension,
  type ExtensionState,
  type LoopDevice,
  type MappedDevice,
  type Mount,
  parseEvidence,
} from './evidence.ts';
export { findingCodes as evidenceFindingCodes } from './finding-codes.ts';
export { buildEvidenceIdentity, type EvidenceIdentity } from './identity.ts';
export { type EvidenceRequirements, judgeEvidence } from './judge.ts';
export type { NodeCommand, NodeWorld, PlacedFile } from './world.ts';
