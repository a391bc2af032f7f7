// The metrics of what shards hold. See definitions.ts, which joins them to the others. The names of states are labels of one
// of them only, of as many states as the operator has said.
import { fromStatistics, type MetricDefinition, shardCounter, shardGauge } from '../reading.ts'

export const contentMetrics: readonly MetricDefinition[] = [
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
  shardGauge('holdfast_records', 'Records in the tables of a shard.', ({ records }) => records),
  shardGauge(
    'holdfast_record_bytes',
    'About how many bytes the records of a shard take as JSON text.',
    ({ recordBytes }) => recordBytes,
  ),
  shardGauge('holdfast_instances', 'Instances of the machines of a shard.', ({ instances }) => instances),
  shardGauge(
    'holdfast_instance_bytes',
    'About how many bytes the instances of a shard take as JSON text, their history not counted.',
    ({ instanceBytes }) => instanceBytes,
  ),
  shardGauge('holdfast_keys', 'Keys in the keyspaces of a shard.', ({ keys }) => keys),
  shardGauge(
    'holdfast_key_bytes',
    'About how many bytes the keys of a shard and their values take as JSON text.',
    ({ keyBytes }) => keyBytes,
  ),
  shardGauge('holdfast_list_items', 'Items in the lists of a shard.', ({ listItems }) => listItems),
  shardCounter(
    'holdfast_expired_keys_total',
    'Keys that were removed because their time was over.',
    ({ expiries }) => expiries,
  ),
  {
    name: 'holdfast_largest_state_bytes',
    type: 'gauge',
    help: 'About how many bytes the largest states take as JSON text; of as many as `--metrics-largest` says, by default of none.',
    labels: ['state', 'kind', 'shard'],
    samples: ({ largest }) =>
      largest.map(({ state, kind, shard, bytes }) => ({ labels: { state, kind, shard }, value: bytes })),
  },
  {
    name: 'holdfast_largest_state_entries',
    type: 'gauge',
    help: 'Records, keys or instances of these states.',
    labels: ['state', 'kind', 'shard'],
    samples: ({ largest }) =>
      largest.map(({ state, kind, shard, entries }) => ({ labels: { state, kind, shard }, value: entries })),
  },
]
