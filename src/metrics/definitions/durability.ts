// The metrics of what is kept: commits, the disk, and replies that are kept to be given again. See definitions.ts, which joins
// them to the others.
import { type MetricDefinition, shardCounter, shardGauge, shardHistogram } from '../reading.ts'

export const durabilityMetrics: readonly MetricDefinition[] = [
  shardCounter('holdfast_commits_total', 'Batches that a shard committed to its journal.', ({ commits }) => commits),
  shardHistogram(
    'holdfast_commit_duration_seconds',
    'Time in which a batch was committed to the journal.',
    ({ commitSeconds }) => commitSeconds,
  ),
  shardHistogram(
    'holdfast_sync_duration_seconds',
    'Time in which a shard forced onto the disk what it had written: at each commit in strict mode, now and then in relaxed.',
    ({ syncSeconds }) => syncSeconds,
  ),
  shardGauge(
    'holdfast_storage_full',
    '1 while the disk of a shard is full, and it admits only reads and what frees space.',
    ({ storageFull }) => (storageFull ? 1 : 0),
  ),
  shardGauge(
    'holdfast_retry_sessions',
    'Clients whose write messages a shard remembers, so that none is run twice.',
    ({ sessions }) => sessions,
  ),
  shardGauge('holdfast_replies_kept', 'Replies kept to be given again.', ({ repliesKept }) => repliesKept),
  shardCounter(
    'holdfast_retries_answered_total',
    'Writes that came again and were answered without being run again.',
    ({ retriesAnswered }) => retriesAnswered,
  ),
]
