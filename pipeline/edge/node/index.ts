export { openLiveNode } from './live-node.ts';
export { type NodeOptions, openNodeDirectory } from './node-directory.ts';
export { readStateFile, writeStateFile } from './state-file.ts';
