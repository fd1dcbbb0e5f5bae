export { type BootKernel, readKernelFile } from './boot-kernel.ts';
export { type BootFlags, chooseBootSlot, kernelPath, nameSlot, readBootFlags } from './boot-slot.ts';
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
export { type NestedSysext, openTreeFile, visitNestedSysexts } from './nested-sysexts.ts';
export {
  isNodeImage,
  type NodeImage,
  openNodeImage,
  type OpenedNodeImage,
  openUsrPartition,
  readNodeImage,
  readUsrVerity,
} from './node-image.ts';
export { readOsRelease } from './operating-system.ts';
export { placeTree } from './placed-tree.ts';
export { readSysext, type Sysext } from './sysext.ts';
export { describeVerity, type VerityFacts } from './verity.ts';
export { locateTree, type TreeLocation } from './tree-location.ts';
