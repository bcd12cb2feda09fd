import { defineConfig } from 'vitest/config';

/** The suites, and what goes through a Haraka in the folders that mirror src/. */
const haraka = ['test/suites/**/*.test.ts', 'test/**/{haraka,*.haraka}.test.ts'];

export default defineConfig({
  test: {
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // What a file is compiled to is kept, by its content, below node_modules.
    experimental: { fsModuleCache: true },
    // `npm run test:regressions` runs what once failed in the field, wherever in the tree its test belongs.
    tags: [{ name: 'regression', description: 'a fault that was found in use; holds the right value' }],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: haraka,
          // A module is loaded once by each worker, not once for each file.
          isolate: false,
          // On two processors: some of these tests do nothing but wait for a time-out.
          maxWorkers: 6,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'haraka',
          include: haraka,
          // Where a Haraka is started within a test.
          testTimeout: 60_000,
          // On two processors: these tests wait for a Haraka, a peer or a time-out as much as they compute.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
