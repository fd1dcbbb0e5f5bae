export { type DerElement, DerReader, parseDer, readOid, tags } from './der.ts';
