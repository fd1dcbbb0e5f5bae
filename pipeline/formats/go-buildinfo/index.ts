export { isGoProgram, readGoBuildInfo } from './go-buildinfo.ts';
export { type GoBuildInfo, type GoModule, parseModuleList } from './module-list.ts';
