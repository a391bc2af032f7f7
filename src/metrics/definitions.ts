// Every metric of the engine, as data: what it is called, what it means, and where its value comes from. The scrape, the
// table in the README, the drift tests of dashboards and alerts are made of this list. Names follow Prometheus: base units,
// `_total` for counters only. Labels have few values; names of states only where the operator asked for some of them.
import { backupMetrics } from './definitions/backups.ts'
import { clientMetrics } from './definitions/clients.ts'
import { contentMetrics } from './definitions/contents.ts'
import { coordinationMetrics } from './definitions/coordination.ts'
import { durabilityMetrics } from './definitions/durability.ts'
import { engineMetrics } from './definitions/engine.ts'
import { feedMetrics } from './definitions/feed.ts'
import { hookMetrics } from './definitions/hooks.ts'
import { shardMetrics } from './definitions/shards.ts'
import { snapshotMetrics } from './definitions/snapshots.ts'
import type { MetricDefinition } from './reading.ts'

export { deathReasons } from './definitions/shards.ts'

export const metricDefinitions: readonly MetricDefinition[] = [
  ...engineMetrics,
  ...shardMetrics,
  ...contentMetrics,
  ...durabilityMetrics,
  ...coordinationMetrics,
  ...feedMetrics,
  ...snapshotMetrics,
  ...backupMetrics,
  ...hookMetrics,
  ...clientMetrics,
]
