export { parseReference, type Reference, referenceType } from './reference.ts';
