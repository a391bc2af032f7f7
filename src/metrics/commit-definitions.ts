// The metrics of the two halves of a batch: deciding, and the commit with its wait for the disk. See definitions.ts, which
// joins them to the others.
import { fromCounts, type MetricDefinition } from './reading.ts'

export const commitMetrics: readonly MetricDefinition[] = [
  {
    name: 'holdfast_decide_duration_seconds',
    type: 'histogram',
    help: 'Time from the first decision of a batch to its last.',
    labels: ['shard'],
    samples: fromCounts(({ decideSeconds }) => decideSeconds),
  },
  {
    name: 'holdfast_commit_duration_seconds',
    type: 'histogram',
    help: 'Time of a commit, the wait for the disk included.',
    labels: ['shard'],
    samples: fromCounts(({ commitSeconds }) => commitSeconds),
  },
]
