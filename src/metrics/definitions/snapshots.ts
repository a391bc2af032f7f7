// The metrics of snapshots: how many there are, what they take, and how long they took. See definitions.ts, which joins them
// to the others.
import { fromStatistics, type MetricDefinition } from '../reading.ts'

export const snapshotMetrics: readonly MetricDefinition[] = [
  {
    name: 'holdfast_snapshots',
    type: 'gauge',
    help: 'Snapshots that can be restored, counted by the shard that knows of all.',
    labels: ['shard'],
    samples: fromStatistics(({ snapshots }) => snapshots),
  },
  {
    name: 'holdfast_snapshot_bytes',
    type: 'gauge',
    help: 'Bytes that a shard stores for snapshots, compressed.',
    labels: ['shard'],
    samples: fromStatistics(({ snapshotBytes }) => snapshotBytes),
  },
  {
    name: 'holdfast_snapshot_duration_seconds',
    type: 'histogram',
    help: 'Time that it took to make or restore a snapshot, of those that came about.',
    labels: ['operation'],
    samples: ({ snapshotSeconds: { create, restore } }) => [
      { labels: { operation: 'create' }, value: create },
      { labels: { operation: 'restore' }, value: restore },
    ],
  },
]
