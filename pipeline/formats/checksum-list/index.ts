export { type ChecksumLine, parseChecksumList } from './checksum-list.ts';
