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
} from './evidence.ts';
