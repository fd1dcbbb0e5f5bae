export { type BootKernel } from './boot-kernel.ts';
export { openFileTree, sniffFileSystem } from './file-system.ts';
export { type NestedPlace, type NestedSysext, visitNestedSysexts } from './nested-sysexts.ts';
export {
  compareUsrHashes,
  isNodeImage,
  type NodeImage,
  readNodeImage,
  type UsrHashFacts,
  type UsrPartition,
} from './node-image.ts';
export { readArchitecture, readOsRelease } from './operating-system.ts';
export { placeTree } from './placed-tree.ts';
export { isDdi, readSysext, type Sysext } from './sysext.ts';
export { type VerityFacts } from './verity.ts';
