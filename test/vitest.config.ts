import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * The real `electron` package starts a download when it is resolved outside Electron, so no test may ever reach it: the name
 * stands for the stand-in, and should something resolve the package all the same, the override below keeps it off the network.
 */
const alias = { electron: fileURLToPath(new URL('./fakes/electron.ts', import.meta.url)) };
const env = { ELECTRON_OVERRIDE_DIST_PATH: '/nonexistent' };

/** Worst-case times of tests that start real servers, in milliseconds: a machine with other work is slow, and not wrong. */
const withServers = { testTimeout: 60_000, hookTimeout: 120_000, expect: { poll: { timeout: 20_000 } } };

export default defineConfig({
  root,
  test: {
    maxWorkers: 2,
    projects: [
      { root, resolve: { alias }, test: { name: 'unit', include: ['test/unit/**/*.test.{ts,tsx}'], env, testTimeout: 10_000 } },
      { root, resolve: { alias }, test: { name: 'postgres', include: ['test/postgres/**/*.test.ts'], env, ...withServers } },
      { root, resolve: { alias }, test: { name: 'cockroach', include: ['test/cockroach/**/*.test.ts'], env, ...withServers } },
      {
        root,
        resolve: { alias },
        // The heap is looked at after a full collection, here and in the fuzz.
        test: {
          name: 'soak',
          include: ['test/soak/**/*.test.ts'],
          env,
          execArgv: ['--expose-gc'],
          testTimeout: 1_800_000,
          hookTimeout: 120_000,
        },
      },
      {
        root,
        resolve: { alias },
        test: { name: 'faults', include: ['test/faults/**/*.test.ts'], env, testTimeout: 600_000, hookTimeout: 120_000 },
      },
      {
        root,
        resolve: { alias },
        test: {
          name: 'fuzz',
          include: ['test/fuzz/**/*.test.ts'],
          env,
          execArgv: ['--expose-gc'],
          testTimeout: 900_000,
          hookTimeout: 120_000,
        },
      },
      {
        root,
        resolve: { alias },
        test: { name: 'streams', include: ['test/streams/**/*.test.ts'], env, testTimeout: 300_000, hookTimeout: 120_000 },
      },
      {
        root,
        resolve: { alias },
        test: {
          name: 'differential',
          include: ['test/differential/**/*.test.ts'],
          env,
          testTimeout: 900_000,
          hookTimeout: 120_000,
        },
      },
      { root, test: { name: 'package', include: ['test/package/**/*.test.ts'], env, ...withServers } },
    ],
  },
});
