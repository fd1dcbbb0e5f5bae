export { collectEvidence, refuseSimulated } from './collect.ts';
export type { DigestMemory, NodeCommand, NodeWorld, PlacedFile } from './world.ts';
