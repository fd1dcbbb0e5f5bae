export { catalogers } from './catalogers/index.ts';
export { buildKernel } from './catalogers/kernels.ts';
export {
  collectInventory,
  collectInventoryShared,
  examineShare,
  type FileFindings,
  type Inventory,
  type InventoryFile,
  type InventoryHelper,
  type InventoryOptions,
  listContent,
} from './collect.ts';
export type { Component, ComponentKind, Technique } from './component.ts';
export { renderPurl } from './purl.ts';
