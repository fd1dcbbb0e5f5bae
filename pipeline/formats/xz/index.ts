export { decodeXz } from './xz-file.ts';
