export { type LoopLine, parseLosetup } from './losetup.ts';
