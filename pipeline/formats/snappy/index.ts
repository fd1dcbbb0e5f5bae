export { decodeSnappy } from './snappy.ts';
