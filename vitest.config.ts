import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [
      'test/oracle/**',
      'test/interop/**',
      'test/standalone/**',
      'test/vm/**',
      'test/bench/**',
      'node_modules/**',
    ],
    setupFiles: ['test/setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'threads',
    // The default leaves a core idle: a third of the time on two.
    maxWorkers: '100%',
    // Files share what they import, and nothing else: no module keeps state that a test could leave behind.
    isolate: false,
  },
});
