export { type BootKernel } from './boot-kernel.ts';
export {
  compareUsrHashes,
  type Contradiction,
  judgeNodeImage,
  judgeSysext,
  type UsrHashFacts,
} from './contradictions.ts';
export { openFileTree } from './file-system.ts';
export { findForbiddenPaths } from './forbidden-paths.ts';
export { findNestedFiles, type NestedFile, type NestedState } from './nested-places.ts';
export { type NestedSysext, visitNestedSysexts } from './nested-sysexts.ts';
export {
  isNodeImage,
  type NodeImage,
  openNodeImage,
  type OpenedNodeImage,
  readNodeImage,
  readUsrVerity,
} from './node-image.ts';
export { readOsRelease } from './operating-system.ts';
export { placeTree } from './placed-tree.ts';
export { readSysext, type Sysext } from './sysext.ts';
export { type VerityFacts } from './verity.ts';
export { locateTree, type TreeLocation } from './tree-location.ts';
