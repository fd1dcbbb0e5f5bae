export { catalogers } from './catalogers/index.ts';
export { buildKernel } from './catalogers/kernels.ts';
export { collectInventory, type Inventory, type InventoryFile } from './collect.ts';
export type { Component, ComponentKind, Technique } from './component.ts';
export { renderPurl } from './purl.ts';
