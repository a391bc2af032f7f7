// The metrics of shards as actors: their work, their mailboxes, their threads and their lives. See definitions.ts, which joins
// them to the others.
import { shardConditions } from '../../protocol/statistics.ts'
import {
  fromMailboxes,
  type MetricDefinition,
  shardCounter,
  shardGauge,
  shardHistogram,
  unlabelled,
} from '../reading.ts'

/** Why a shard can die. Listed so that each of these counters stands at 0 before the first death: a rise can be seen. */
export const deathReasons: readonly string[] = ['failed', 'hung', 'out_of_memory', 'exited']

export const shardMetrics: readonly MetricDefinition[] = [
  shardCounter('holdfast_shard_commands_total', 'Commands that a shard answered, refused ones too.', ({ commands }) =>
    commands.reduce((sum, { count }) => sum + count, 0),
  ),
  shardHistogram(
    'holdfast_mailbox_wait_seconds',
    'Time for which requests lay before their shard: one observation for each message of the router.',
    ({ mailboxSeconds }) => mailboxSeconds,
  ),
  shardHistogram(
    'holdfast_batch_commands',
    'Commands that a shard decided in one batch.',
    (counts) => counts.batchCommands,
  ),
  shardHistogram(
    'holdfast_batch_duration_seconds',
    'Time from the first decision of a batch to its replies, the commit included.',
    ({ batchSeconds }) => batchSeconds,
  ),
  shardHistogram(
    'holdfast_decide_duration_seconds',
    'Time in which a batch was decided.',
    (counts) => counts.decideSeconds,
  ),
  shardHistogram(
    'holdfast_slice_duration_seconds',
    'Time for which a shard did not look at its mailbox.',
    ({ sliceSeconds }) => sliceSeconds,
  ),
  shardGauge(
    'holdfast_slice_longest_seconds',
    'The longest time for which a shard did not look at its mailbox, since its last start.',
    ({ sliceSecondsMax }) => sliceSecondsMax,
  ),
  shardCounter(
    'holdfast_slow_requests_total',
    'Requests that took their shard longer than the threshold of the slow log; SLOWLOG tells of them.',
    ({ slowRequests }) => slowRequests,
  ),
  {
    name: 'holdfast_mailbox_depth',
    type: 'gauge',
    help: 'Requests that a shard has not answered.',
    labels: ['shard'],
    samples: fromMailboxes(({ mailboxDepth }) => mailboxDepth),
  },
  {
    name: 'holdfast_mailbox_depth_max',
    type: 'gauge',
    help: 'So many requests a mailbox takes; more are refused with OVERLOADED.',
    labels: [],
    samples: ({ mailboxDepthMax }) => unlabelled(mailboxDepthMax),
  },
  {
    name: 'holdfast_mailbox_bytes',
    type: 'gauge',
    help: 'About how many bytes the requests have that a shard has not answered.',
    labels: ['shard'],
    samples: fromMailboxes(({ mailboxBytes }) => mailboxBytes),
  },
  shardGauge(
    'holdfast_shard_waiting',
    'Requests that wait inside a shard, most of them behind a big command on their state.',
    ({ waiting }) => waiting,
  ),
  shardCounter(
    'holdfast_shard_busy_seconds_total',
    'Time for which the event loop of a shard was not idle: the rate is its utilisation. Without threads, that of the process.',
    ({ busySeconds }) => busySeconds,
  ),
  shardGauge(
    'holdfast_shard_heap_bytes',
    'Heap in use by the thread of a shard; without threads, by the whole process.',
    ({ heapBytes }) => heapBytes,
  ),
  shardGauge(
    'holdfast_shard_heap_max_bytes',
    'The heap beyond which a shard dies; 0 without threads.',
    ({ heapBytesMax }) => heapBytesMax,
  ),
  shardGauge(
    'holdfast_shard_external_bytes',
    'Memory outside of its heap that the objects of a shard hold.',
    ({ externalBytes }) => externalBytes,
  ),
  {
    name: 'holdfast_shard_up',
    type: 'gauge',
    help: '1 if the shard answered this scrape in time, 0 if it did not or is down.',
    labels: ['shard'],
    samples: fromMailboxes(({ statistics }) => (statistics === undefined ? 0 : 1)),
  },
  {
    name: 'holdfast_shard_condition',
    type: 'gauge',
    help: '1 for the condition of a shard, 0 for the others: serving, recovering, stalled, corrupt or quarantined.',
    labels: ['shard', 'condition'],
    samples: ({ shards }) =>
      shards.flatMap(({ shard, condition: stands }) =>
        shardConditions.map((condition) => ({ labels: { shard, condition }, value: condition === stands ? 1 : 0 })),
      ),
  },
  {
    name: 'holdfast_shard_starts_total',
    type: 'counter',
    help: 'Times that a shard began to serve: one more than its restarts.',
    labels: ['shard'],
    samples: fromMailboxes(({ lives }) => lives),
  },
  shardGauge(
    'holdfast_shard_recovery_seconds',
    'Time in which a shard read what it had stored, at its last start.',
    ({ recoverySeconds }) => recoverySeconds,
  ),
  {
    name: 'holdfast_shard_deaths_total',
    type: 'counter',
    help: 'Deaths of a shard: it failed, hung and was ended, ran out of memory, or its thread exited by itself.',
    labels: ['shard', 'reason'],
    samples: ({ shards, deaths }) =>
      shards.flatMap(({ shard }) =>
        deathReasons.map((reason) => ({
          labels: { shard, reason },
          value: deaths.find((death) => death.shard === shard && death.reason === reason)?.count ?? 0,
        })),
      ),
  },
  {
    name: 'holdfast_state_losses_total',
    type: 'counter',
    help: 'Times that a shard lost its states, because nothing is kept in memory mode.',
    labels: [],
    samples: ({ durability, deaths }) =>
      unlabelled(durability === 'memory' ? deaths.reduce((sum, { count }) => sum + count, 0) : 0),
  },
]
