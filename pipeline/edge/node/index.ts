export { type DigestCache, openDigestCache } from './digest-cache.ts';
export { InstallationRoot, type Placed } from './installation-root.ts';
export { openLiveNode } from './live-node.ts';
export { maskEntries, unmergeExtensions } from './merge-control.ts';
export { type NodeOptions, openNodeDirectory } from './node-directory.ts';
export { readStateFile, writeStateFile } from './state-file.ts';
export { readTrustPackFile, replaceTrustPackFile } from './trust-pack-file.ts';
export { writeVerdictFile } from './verdict-file.ts';
export {
  forgetFailures,
  isKubeletRunning,
  kubeletMask,
  reloadUnits,
  startUnits,
  stopKubelet,
  stopUnits,
} from './unit-control.ts';
