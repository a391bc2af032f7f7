// The metrics of what clients agree on by way of the engine: locks, leases, and whoever waits. See definitions.ts, which joins
// them to the others.
import { type MetricDefinition, named, shardCounter, shardGauge } from '../reading.ts'

export const coordinationMetrics: readonly MetricDefinition[] = [
  shardGauge(
    'holdfast_waiters',
    'Commands that wait in a shard for something to come to their key, for a lock, or for changes.',
    ({ waiters }) => waiters,
  ),
  {
    name: 'holdfast_wait_duration_seconds',
    type: 'histogram',
    help: 'Time for which commands waited by their own wish until they were answered: for a lock, a key or changes.',
    labels: ['shard', 'awaited'],
    samples: named('awaited', ({ waitSeconds }) => waitSeconds),
  },
  shardGauge('holdfast_locks', 'Locks of a shard that are held.', ({ locks }) => locks),
  shardGauge('holdfast_lock_waiters', 'Commands that wait in a shard for a lock.', ({ lockWaiters }) => lockWaiters),
  shardCounter('holdfast_lock_grants_total', 'Locks that were granted.', ({ lockGrants }) => lockGrants),
  shardCounter(
    'holdfast_lock_expiries_total',
    'Locks that were not released before their time was over.',
    ({ lockExpiries }) => lockExpiries,
  ),
  shardCounter(
    'holdfast_fenced_total',
    'Writes and transactions that were refused because a token of theirs was not the newest of its lock.',
    ({ fenced }) => fenced,
  ),
  shardGauge(
    'holdfast_pending_items',
    'Items that were popped on a lease, and are neither acknowledged nor back in their list.',
    ({ pendingItems }) => pendingItems,
  ),
  shardCounter('holdfast_items_leased_total', 'Items that were popped on a lease.', ({ itemsLeased }) => itemsLeased),
  shardCounter(
    'holdfast_items_returned_total',
    'Items that came back to their list to be given again: their lease was over, or they were returned.',
    ({ itemsReturned }) => itemsReturned,
  ),
]
