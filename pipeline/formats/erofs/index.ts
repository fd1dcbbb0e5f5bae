export { openErofs } from './erofs-tree.ts';
