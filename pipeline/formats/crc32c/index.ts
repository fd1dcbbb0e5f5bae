export { crc32c, crc32cOfBlocks } from './crc32c.ts';
