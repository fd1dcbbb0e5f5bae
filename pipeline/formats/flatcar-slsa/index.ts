export { type FlatcarSlsa, type FlatcarSlsaSource, parseFlatcarSlsa } from './flatcar-slsa.ts';
