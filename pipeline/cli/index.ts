export { listDirectory, readInput } from './inputs.ts';
export { runProcess } from './own-process.ts';
export { runNodeproof } from './program.ts';
export { checkStores } from './stores.ts';
export type { World } from './world.ts';
export { replacePart } from './docs-part.ts';
