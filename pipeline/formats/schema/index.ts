export { plainName, sha256Hex, utcTime } from './fields.ts';
export { parseWith } from './parse-with.ts';
