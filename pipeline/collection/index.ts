export { collectEvidence, refuseSimulated } from './collect.ts';
export { collectNextBoot } from './collect-next-boot.ts';
export type { DigestMemory, NodeCommand, NodeWorld, PlacedFile } from './world.ts';
