export { listDirectory, readInput } from './inputs.ts';
export { runNodeproof } from './program.ts';
export { replacePart } from './docs-part.ts';
