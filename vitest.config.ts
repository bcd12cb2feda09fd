import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // `npm run test:regressions` runs what once failed in the field, wherever in the tree its test belongs.
    tags: [{ name: 'regression', description: 'a fault that was found in use; holds the right value' }],
  },
});
