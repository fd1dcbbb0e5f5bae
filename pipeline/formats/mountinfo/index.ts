export { type MountLine, parseMountinfo } from './mountinfo.ts';
