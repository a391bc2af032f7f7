// Statistics of a shard that has done nothing, but for what a test says.
import { countBounds, durationBounds, Histogram } from '../../src/base/histogram.ts'
import type { ShardStatistics } from '../../src/protocol/statistics.ts'

export function statisticsOf(given: Partial<ShardStatistics>): ShardStatistics {
  return {
    shard: 0,
    startedAt: 0,
    tables: 0,
    keyspaces: 0,
    machines: 0,
    instances: 0,
    instanceBytes: 0,
    records: 0,
    recordBytes: 0,
    keys: 0,
    keyBytes: 0,
    listItems: 0,
    pendingItems: 0,
    expiries: 0,
    commands: [],
    batchCommands: new Histogram(countBounds).snapshot(),
    batchSeconds: new Histogram(durationBounds).snapshot(),
    sliceSeconds: new Histogram(durationBounds).snapshot(),
    sliceSecondsMax: 0,
    waiting: 0,
    waiters: 0,
    changesKept: 0,
    changeBytesKept: 0,
    commits: 0,
    hooks: [],
    hookSeconds: new Histogram(durationBounds).snapshot(),
    heapBytes: 0,
    ...given,
  }
}
