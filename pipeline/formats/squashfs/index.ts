export { openSquashfs } from './squashfs-tree.ts';
