// Every metric of the engine, as data: what it is called, what it means, and where its value comes from. The scrape, the
// table in the README and the tests are made of this list. Names follow Prometheus: base units, `_total` for counters
// only. No state, key or record is ever a label, so that the number of series is bounded.
import { serverVersion } from '../base/version.ts'
import { hookNames } from '../protocol/hooks.ts'
import { shardConditions } from '../protocol/statistics.ts'
import { commitMetrics } from './commit-definitions.ts'
import {
  fromCounts,
  fromFrontEnd,
  fromStatistics,
  type MetricDefinition,
  type Sample,
  shardGauge,
  transactionsOver,
  unlabelled,
} from './reading.ts'
import type { ShardCounts } from './totals.ts'
import { watchMetrics } from './watch-definitions.ts'

/** Why a shard can die. Listed so that each of these counters stands at 0 before the first death: a rise can be seen. */
export const deathReasons: readonly string[] = ['failed', 'hung', 'out_of_memory', 'exited']

/** What becomes of calls of hooks, each from 0 on for the same reason. */
const hookOutcomes = ['ok', 'slow', 'refused', 'failed', 'skipped']
const hookSeries = hookNames.flatMap((hook) => hookOutcomes.map((outcome) => ({ hook, outcome })))

export const metricDefinitions: readonly MetricDefinition[] = [
  {
    name: 'holdfast_build_info',
    type: 'gauge',
    help: 'Always 1; its labels name the version of the server and of Node.js.',
    labels: ['version', 'node'],
    samples: () => [{ labels: { version: serverVersion, node: process.version }, value: 1 }],
  },
  {
    name: 'holdfast_durability_info',
    type: 'gauge',
    help: 'Always 1; its label names the durability mode.',
    labels: ['mode'],
    samples: ({ durability }) => [{ labels: { mode: durability }, value: 1 }],
  },
  {
    name: 'holdfast_commands_total',
    type: 'counter',
    help: 'Commands answered by the shards and by the router, by outcome: ok, or the code of the refusal.',
    labels: ['command', 'outcome'],
    samples: ({ commands }) =>
      commands.map(({ command, outcome, count }) => ({
        labels: { command: command === '' ? 'unknown' : command, outcome },
        value: count,
      })),
  },
  {
    name: 'holdfast_transactions_total',
    type: 'counter',
    help: 'Transactions over one shard or many, by outcome: ok, or the code of the refusal.',
    labels: ['shards', 'outcome'],
    samples: ({ transactions }) => ['one', 'many'].flatMap((span) => transactionsOver(span, transactions)),
  },
  {
    name: 'holdfast_request_duration_seconds',
    type: 'histogram',
    help: 'Time from the arrival of a request at the router to the reply of its shard.',
    labels: [],
    samples: ({ requestSeconds }) => unlabelled(requestSeconds),
  },
  {
    name: 'holdfast_batch_commands',
    type: 'histogram',
    help: 'Commands that a shard decided in one batch.',
    labels: ['shard'],
    samples: fromCounts(({ batchCommands }) => batchCommands),
  },
  {
    name: 'holdfast_batch_duration_seconds',
    type: 'histogram',
    help: 'Time from the first decision of a batch to its replies, the commit included.',
    labels: ['shard'],
    samples: fromCounts(({ batchSeconds }) => batchSeconds),
  },
  {
    name: 'holdfast_slice_duration_seconds',
    type: 'histogram',
    help: 'Time for which a shard did not look at its mailbox.',
    labels: ['shard'],
    samples: fromCounts(({ sliceSeconds }) => sliceSeconds),
  },
  {
    name: 'holdfast_slice_longest_seconds',
    type: 'gauge',
    help: 'The longest time for which a shard did not look at its mailbox, since its last start.',
    labels: ['shard'],
    samples: fromStatistics(({ sliceSecondsMax }) => sliceSecondsMax),
  },
  {
    name: 'holdfast_commits_total',
    type: 'counter',
    help: 'Batches that a shard committed to its journal.',
    labels: ['shard'],
    samples: fromCounts(({ commits }) => commits),
  },
  {
    name: 'holdfast_mailbox_depth',
    type: 'gauge',
    help: 'Requests that a shard has not answered.',
    labels: ['shard'],
    samples: ({ shards }) => shards.map(({ shard, mailboxDepth }) => ({ labels: { shard }, value: mailboxDepth })),
  },
  {
    name: 'holdfast_shard_waiting',
    type: 'gauge',
    help: 'Requests that wait inside a shard, most of them behind a big command on their state.',
    labels: ['shard'],
    samples: fromStatistics(({ waiting }) => waiting),
  },
  {
    name: 'holdfast_states',
    type: 'gauge',
    help: 'States that a shard owns.',
    labels: ['shard', 'kind'],
    samples: (reading) => [
      ...fromStatistics(({ tables }) => tables, { kind: 'table' })(reading),
      ...fromStatistics(({ keyspaces }) => keyspaces, { kind: 'keys' })(reading),
      ...fromStatistics(({ machines }) => machines, { kind: 'machine' })(reading),
    ],
  },
  {
    name: 'holdfast_records',
    type: 'gauge',
    help: 'Records in the tables of a shard.',
    labels: ['shard'],
    samples: fromStatistics(({ records }) => records),
  },
  {
    name: 'holdfast_record_bytes',
    type: 'gauge',
    help: 'About how many bytes the records of a shard take as JSON text.',
    labels: ['shard'],
    samples: fromStatistics(({ recordBytes }) => recordBytes),
  },
  {
    name: 'holdfast_instances',
    type: 'gauge',
    help: 'Instances of the machines of a shard.',
    labels: ['shard'],
    samples: fromStatistics(({ instances }) => instances),
  },
  {
    name: 'holdfast_instance_bytes',
    type: 'gauge',
    help: 'About how many bytes the instances of a shard take as JSON text, their history not counted.',
    labels: ['shard'],
    samples: fromStatistics(({ instanceBytes }) => instanceBytes),
  },
  {
    name: 'holdfast_keys',
    type: 'gauge',
    help: 'Keys in the keyspaces of a shard.',
    labels: ['shard'],
    samples: fromStatistics(({ keys }) => keys),
  },
  {
    name: 'holdfast_key_bytes',
    type: 'gauge',
    help: 'About how many bytes the keys of a shard and their values take as JSON text.',
    labels: ['shard'],
    samples: fromStatistics(({ keyBytes }) => keyBytes),
  },
  {
    name: 'holdfast_list_items',
    type: 'gauge',
    help: 'Items in the lists of a shard.',
    labels: ['shard'],
    samples: fromStatistics(({ listItems }) => listItems),
  },
  {
    name: 'holdfast_pending_items',
    type: 'gauge',
    help: 'Items that were popped on a lease, and are neither acknowledged nor back in their list.',
    labels: ['shard'],
    samples: fromStatistics(({ pendingItems }) => pendingItems),
  },
  shardGauge(
    'holdfast_waiters',
    'Commands that wait in a shard for something to come to their key, or for a lock.',
    ({ waiters }) => waiters,
  ),
  shardGauge(
    'holdfast_retry_sessions',
    'Clients whose write messages a shard remembers, so that none is run twice.',
    ({ sessions }) => sessions,
  ),
  shardGauge('holdfast_replies_kept', 'Replies kept to be given again.', ({ repliesKept }) => repliesKept),
  {
    name: 'holdfast_retries_answered_total',
    type: 'counter',
    help: 'Writes that came again and were answered without being run again.',
    labels: ['shard'],
    samples: fromCounts(({ retriesAnswered }) => retriesAnswered),
  },
  ...commitMetrics,
  ...watchMetrics,
  {
    name: 'holdfast_expired_keys_total',
    type: 'counter',
    help: 'Keys that were removed because their time was over.',
    labels: ['shard'],
    samples: fromCounts(({ expiries }) => expiries),
  },
  {
    name: 'holdfast_locks',
    type: 'gauge',
    help: 'Locks of a shard that are held.',
    labels: ['shard'],
    samples: fromStatistics(({ locks }) => locks),
  },
  {
    name: 'holdfast_lock_waiters',
    type: 'gauge',
    help: 'Commands that wait in a shard for a lock.',
    labels: ['shard'],
    samples: fromStatistics(({ lockWaiters }) => lockWaiters),
  },
  {
    name: 'holdfast_lock_grants_total',
    type: 'counter',
    help: 'Locks that were granted.',
    labels: ['shard'],
    samples: fromCounts(({ lockGrants }) => lockGrants),
  },
  {
    name: 'holdfast_lock_expiries_total',
    type: 'counter',
    help: 'Locks that were not released before their time was over.',
    labels: ['shard'],
    samples: fromCounts(({ lockExpiries }) => lockExpiries),
  },
  {
    name: 'holdfast_fenced_total',
    type: 'counter',
    help: 'Writes that were refused because their token was not the newest of its lock.',
    labels: ['shard'],
    samples: fromCounts(({ fenced }) => fenced),
  },
  {
    name: 'holdfast_hook_calls_total',
    type: 'counter',
    help: 'Calls of hooks by outcome: ok, slow, refused, failed, or skipped where too many promises are unfinished.',
    labels: ['shard', 'hook', 'outcome'],
    samples: ({ shards }) =>
      shards.flatMap(({ shard, counts }) =>
        counts === undefined ? [] : hookSeries.map((series) => hookSample(shard, counts, series)),
      ),
  },
  {
    name: 'holdfast_hook_duration_seconds',
    type: 'histogram',
    help: 'Time for which a call of a hook kept its shard.',
    labels: ['shard'],
    samples: fromCounts(({ hookSeconds }) => hookSeconds),
  },
  {
    name: 'holdfast_shard_heap_bytes',
    type: 'gauge',
    help: 'Heap in use by the thread of a shard; without threads, by the whole process.',
    labels: ['shard'],
    samples: fromStatistics(({ heapBytes }) => heapBytes),
  },
  {
    name: 'holdfast_storage_full',
    type: 'gauge',
    help: '1 while the disk of a shard is full, and it admits only reads and what frees space.',
    labels: ['shard'],
    samples: fromStatistics(({ storageFull }) => (storageFull ? 1 : 0)),
  },
  {
    name: 'holdfast_shard_up',
    type: 'gauge',
    help: '1 if the shard answered this scrape in time, 0 if it did not or is down.',
    labels: ['shard'],
    samples: ({ shards }) =>
      shards.map(({ shard, statistics }) => ({ labels: { shard }, value: statistics === undefined ? 0 : 1 })),
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
  {
    name: 'holdfast_peers',
    type: 'gauge',
    help: 'Clients that are connected and have sent something.',
    labels: [],
    samples: fromFrontEnd(({ peers }) => peers),
  },
  {
    name: 'holdfast_messages_received_total',
    type: 'counter',
    help: 'Messages received from clients.',
    labels: [],
    samples: fromFrontEnd(({ messagesReceived }) => messagesReceived),
  },
  {
    name: 'holdfast_received_bytes_total',
    type: 'counter',
    help: 'Bytes of the messages received from clients.',
    labels: [],
    samples: fromFrontEnd(({ bytesReceived }) => bytesReceived),
  },
  {
    name: 'holdfast_messages_refused_total',
    type: 'counter',
    help: 'Messages that were refused as a whole, before any of their commands was looked at.',
    labels: [],
    samples: fromFrontEnd(({ messagesRefused }) => messagesRefused),
  },
  {
    name: 'holdfast_requests_ignored_total',
    type: 'counter',
    help: 'Requests that were neither run nor answered, because their client does not read its replies.',
    labels: [],
    samples: fromFrontEnd(({ requestsIgnored }) => requestsIgnored),
  },
  {
    name: 'holdfast_large_messages',
    type: 'gauge',
    help: 'Messages that are being parsed outside of the main thread.',
    labels: [],
    samples: fromFrontEnd(({ largeMessages }) => largeMessages),
  },
  {
    name: 'holdfast_replies_sent_total',
    type: 'counter',
    help: 'Replies sent to clients.',
    labels: [],
    samples: fromFrontEnd(({ repliesSent }) => repliesSent),
  },
  {
    name: 'holdfast_sent_bytes_total',
    type: 'counter',
    help: 'Bytes of the replies sent to clients.',
    labels: [],
    samples: fromFrontEnd(({ bytesSent }) => bytesSent),
  },
  {
    name: 'holdfast_replies_queued',
    type: 'gauge',
    help: 'Replies that wait because their client does not read.',
    labels: [],
    samples: fromFrontEnd(({ repliesQueued }) => repliesQueued),
  },
  {
    name: 'holdfast_replies_queued_bytes',
    type: 'gauge',
    help: 'Bytes of the replies that wait because their client does not read.',
    labels: [],
    samples: fromFrontEnd(({ replyBytesQueued }) => replyBytesQueued),
  },
  {
    name: 'holdfast_replies_dropped_total',
    type: 'counter',
    help: 'Replies that reached nobody: the client was gone, or did not read until its queue was full.',
    labels: ['reason'],
    samples: ({ frontEnd }) =>
      Object.entries(frontEnd?.repliesDropped ?? {}).map(([reason, value]) => ({ labels: { reason }, value })),
  },
]

function hookSample(shard: number, { hooks }: ShardCounts, series: (typeof hookSeries)[number]): Sample<number> {
  const found = hooks.find(({ command, outcome }) => command === series.hook && outcome === series.outcome)
  return { labels: { shard, ...series }, value: found?.count ?? 0 }
}
