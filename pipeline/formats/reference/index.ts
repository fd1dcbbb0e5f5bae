export { parseReference, type Reference, referenceSchema, referenceType } from './reference.ts';
