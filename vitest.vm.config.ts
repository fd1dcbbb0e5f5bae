import { defineConfig } from 'vitest/config';

/** A node from its boot on, emulated: wants root, QEMU and what test/vm/make-machine.sh names. */
export default defineConfig({
  test: {
    include: ['test/vm/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    globalSetup: ['test/vm/setup.ts'],
    testTimeout: 2_400_000,
    hookTimeout: 2_400_000,
    fileParallelism: false,
    // Two machines at once on two cores.
    maxConcurrency: 2,
  },
});
