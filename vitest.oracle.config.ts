import { defineConfig } from 'vitest/config';

/** Comparisons with real tools: they want root and Debian packages, so they are not part of the default run. */
export default defineConfig({
  test: {
    include: ['test/oracle/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    fileParallelism: false,
  },
});
