export type { VerityAlgorithm } from './algorithms.ts';
export type { VerityDifference } from './comparison.ts';
export { layOutVerityTree, type VerityLayout, type VerityLevel, verityTreeOffset } from './layout.ts';
export { hashLeavesInline, type LeafHasher, type LeafPlan } from './leaf-hasher.ts';
export { checkVerityParameters, type VerityParameters } from './parameters.ts';
export {
  encodeVeritySuperblock,
  parseVeritySuperblock,
  readVeritySuperblock,
  type VeritySuperblock,
} from './superblock.ts';
export { buildVerityTree, type VerityTree } from './tree.ts';
export { type VerityInput, type VerityReport, verifyVerityTree } from './verification.ts';
