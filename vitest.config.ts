import { defineConfig } from 'vitest/config';

const services = ['test/{hbase,cluster}/**/*.test.ts', 'test/**/*.hbase.test.ts', 'test/**/*.redis.test.ts'];
const browser = ['test/browser/**/*.test.ts'];

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    teardownTimeout: 60_000,
    // Many of them talk over real sockets, on machines that do something else as well.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 15_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          // All that the others don't take, so that no test is left out by its place or name.
          include: ['test/**/*.test.ts'],
          exclude: [...services, ...browser],
        },
      },
      {
        extends: true,
        test: {
          name: 'services',
          include: services,
          globalSetup: 'test/support/hbase-global-setup.ts',
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: { name: 'browser', include: browser, testTimeout: 120_000, hookTimeout: 120_000 },
      },
    ],
  },
});
