export type { CatalogedFile, Cataloger } from './cataloger.ts';
export { catalogers } from './catalogers/index.ts';
export { buildKernel } from './catalogers/kernels.ts';
export {
  collectInventory,
  examineFile,
  type FileFindings,
  type Inventory,
  type InventoryFile,
  type InventoryOptions,
  type UnreadFile,
} from './collect.ts';
export {
  buildComponent,
  type Component,
  type ComponentKind,
  type Evidence,
  mergeComponents,
  type SourceReference,
  type Technique,
} from './component.ts';
export { golangPurl, type PackageUrl, renderPurl } from './purl.ts';
