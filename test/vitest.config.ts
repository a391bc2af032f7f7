// The test runner's settings, kept here so that the top level stays small.
// Forks, not threads: the ZeroMQ addon aborts the process when a worker thread that holds a socket ends.
// No retries: a test that passes on its second try hides a race in the product or in itself.

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['dist/**', 'node_modules/**'],
    pool: 'forks',
    reporters: ['default'],
    retry: 0,
    // Many files wait for processes and disks more than they compute: on two cores one worker would leave one idle.
    maxWorkers: '100%',
    testTimeout: 20_000,
    hookTimeout: 20_000,
    teardownTimeout: 10_000,
    // Without a cache nothing is written into node_modules, which copies of the tree share by a link.
    cache: false,
  },
})
