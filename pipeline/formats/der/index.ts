export { type DerElement, DerReader, parseDer, readOid, tags } from './der.ts';
export { encodeDer, encodeOid } from './encode.ts';
