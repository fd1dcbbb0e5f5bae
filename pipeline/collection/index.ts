export { collectEvidence, refuseSimulated } from './collect.ts';
export type { NodeCommand, NodeWorld, PlacedFile } from './world.ts';
