export { openExt4 } from './ext4.ts';
