import { defineConfig } from 'vitest/config';

/** The program of one file: it is built first, of a runtime that npm has. */
export default defineConfig({
  test: {
    include: ['test/standalone/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    globalSetup: ['test/standalone/setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    fileParallelism: false,
  },
});
