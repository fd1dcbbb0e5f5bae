export { decodeLz4Block } from './lz4-block.ts';
