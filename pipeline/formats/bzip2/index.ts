export { decompressBzip2 } from './bzip2.ts';
