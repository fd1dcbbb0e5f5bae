export { type LoopbackGithub, openLoopbackGithub, token } from './github.ts';
export type { Answer, Call } from './server.ts';
export { encodeSnappy } from './snappy.ts';
export type { StoredAsset, StoredRelease } from './releases.ts';
