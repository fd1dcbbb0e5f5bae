export { type Btrfs, openBtrfs } from './btrfs.ts';
export { isBtrfs } from './superblock.ts';
