export { type Certificate, type PeImage, readPe } from './pe.ts';
