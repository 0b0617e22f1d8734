import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // These start a native TimescaleDB of their own, which needs root: `npm run test:native` has one.
    exclude: process.env['DATABASE_URL'] === undefined ? ['test/native/**'] : [],
    // Engines and embedded databases are heavy: two cores take two files at a time.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
