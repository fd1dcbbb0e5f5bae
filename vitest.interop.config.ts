import { defineConfig } from 'vitest/config';

/** Judged by real servers and programs of others, which test/interop/peers.sh builds: not part of the default run. */
export default defineConfig({
  test: {
    include: ['test/interop/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
