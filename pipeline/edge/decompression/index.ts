export { digestDecompressed } from './decompressed-digest.ts';
