export { parseFlatcarSlsa } from './flatcar-slsa.ts';
