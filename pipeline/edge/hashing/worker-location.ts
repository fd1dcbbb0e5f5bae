/** Where the thread's entry is: the one place to change for a build that puts it elsewhere. */
export const workerLocation = new URL('./worker.ts', import.meta.url);
