export { encodeButane, mergeButane } from './butane.ts';
