// Every alert, as data: when it fires, how bad that is, and one sentence for whoever is woken. The rules, their unit tests and
// the drift tests are made of this list; docs/runbooks has a page for each name.
// Invariant: an alert names what is wrong for a client or for the data, not a number that is merely unusual.

export interface Alert {
  readonly name: string
  readonly expression: string
  /** How long it has to be so, in Prometheus's words. */
  readonly lasting: string
  /** `critical`: somebody acts now. `warning`: somebody looks today. */
  readonly severity: 'critical' | 'warning'
  readonly summary: string
  /** For the unit test: series with which it fires, in the notation of promtool with a sample each minute. */
  readonly example: Readonly<Record<string, string>>
  /** The labels of the alert that then fires, besides severity, job and instance. */
  readonly labels?: Readonly<Record<string, string>>
}

/** A counter has risen within ten minutes; one that was not there before has risen from nothing. */
function risen(counter: string): string {
  return `increase(${counter}[10m]) > 0 or (${counter} unless ${counter} offset 10m) > 0`
}

const steady = '1x30'
/** Nothing for ten minutes, then one. */
const once = '0x12 1x18'

export const alerts: readonly Alert[] = [
  {
    name: 'HoldfastDown',
    expression: 'up{job="holdfast"} == 0',
    lasting: '1m',
    severity: 'critical',
    summary: 'Holdfast on {{ $labels.instance }} does not answer its scrapes.',
    example: { up: '0x30' },
  },
  {
    name: 'HoldfastNotReady',
    expression: 'holdfast_ready == 0',
    lasting: '2m',
    severity: 'critical',
    summary: 'Holdfast on {{ $labels.instance }} takes up no commands, or some of its shards do not.',
    example: { holdfast_ready: '0x30' },
  },
  {
    name: 'HoldfastShardDown',
    expression:
      'holdfast_shard_up == 0 unless on (job, instance, shard) holdfast_shard_condition{condition="quarantined"} == 1',
    lasting: '1m',
    severity: 'critical',
    summary: 'Shard {{ $labels.shard }} on {{ $labels.instance }} hangs or does not start.',
    example: { 'holdfast_shard_up{shard="1"}': '0x30' },
    labels: { shard: '1' },
  },
  {
    name: 'HoldfastShardCorrupt',
    expression: 'holdfast_shard_condition{condition="corrupt"} == 1',
    lasting: '0m',
    severity: 'critical',
    summary: 'What shard {{ $labels.shard }} on {{ $labels.instance }} had stored is damaged, and it does not serve.',
    example: { 'holdfast_shard_condition{shard="1", condition="corrupt"}': steady },
    labels: { shard: '1', condition: 'corrupt' },
  },
  {
    name: 'HoldfastShardQuarantined',
    expression: 'holdfast_shard_condition{condition="quarantined"} == 1',
    lasting: '0m',
    severity: 'critical',
    summary: 'Shard {{ $labels.shard }} on {{ $labels.instance }} died too often and is left down.',
    example: { 'holdfast_shard_condition{shard="1", condition="quarantined"}': steady },
    labels: { shard: '1', condition: 'quarantined' },
  },
  {
    name: 'HoldfastShardDies',
    expression: risen('holdfast_shard_deaths_total'),
    lasting: '0m',
    severity: 'warning',
    summary: 'Shard {{ $labels.shard }} on {{ $labels.instance }} died ({{ $labels.reason }}) and was started again.',
    example: { 'holdfast_shard_deaths_total{shard="1", reason="failed"}': once },
    labels: { shard: '1', reason: 'failed' },
  },
  {
    name: 'HoldfastStatesLost',
    expression: risen('holdfast_state_losses_total'),
    lasting: '0m',
    severity: 'critical',
    summary: 'A shard on {{ $labels.instance }} lost its states: it runs in memory mode, which keeps nothing.',
    example: { holdfast_state_losses_total: once },
  },
  {
    name: 'HoldfastStorageFull',
    expression: 'holdfast_storage_full == 1',
    lasting: '0m',
    severity: 'critical',
    summary: 'The disk of shard {{ $labels.shard }} on {{ $labels.instance }} is full: writes are refused.',
    example: { 'holdfast_storage_full{shard="1"}': steady },
    labels: { shard: '1' },
  },
  {
    name: 'HoldfastOutcomesUnknown',
    expression: risen('holdfast_commands_total{outcome="OUTCOME_UNKNOWN"}'),
    lasting: '0m',
    severity: 'warning',
    summary: 'Callers of {{ $labels.command }} on {{ $labels.instance }} were told that nobody knows whether it ran.',
    example: { 'holdfast_commands_total{command="SET_KEY", outcome="OUTCOME_UNKNOWN"}': once },
    labels: { command: 'SET_KEY', outcome: 'OUTCOME_UNKNOWN' },
  },
  {
    name: 'HoldfastMailboxFilling',
    expression: 'holdfast_mailbox_depth / on (job, instance) group_left () holdfast_mailbox_depth_max > 0.5',
    lasting: '2m',
    severity: 'warning',
    summary: 'The mailbox of shard {{ $labels.shard }} on {{ $labels.instance }} is more than half full.',
    example: { 'holdfast_mailbox_depth{shard="1"}': '80x30', holdfast_mailbox_depth_max: '100x30' },
    labels: { shard: '1' },
  },
  {
    name: 'HoldfastOverloaded',
    expression: risen('holdfast_commands_total{outcome="OVERLOADED"}'),
    lasting: '0m',
    severity: 'warning',
    summary: 'Holdfast on {{ $labels.instance }} refuses {{ $labels.command }} with OVERLOADED.',
    example: { 'holdfast_commands_total{command="SET_KEY", outcome="OVERLOADED"}': once },
    labels: { command: 'SET_KEY', outcome: 'OVERLOADED' },
  },
  {
    name: 'HoldfastCommandsSlow',
    expression: 'holdfast:command_duration_seconds:p99_5m > 0.25',
    lasting: '5m',
    severity: 'warning',
    summary: 'One command in a hundred of the family {{ $labels.family }} takes more than a quarter of a second.',
    example: {
      'holdfast_command_duration_seconds_bucket{family="keys", le="0.25"}': '0x30',
      'holdfast_command_duration_seconds_bucket{family="keys", le="0.5"}': '0+60x30',
      'holdfast_command_duration_seconds_bucket{family="keys", le="+Inf"}': '0+60x30',
    },
    labels: { family: 'keys' },
  },
  {
    name: 'HoldfastCommitsSlow',
    expression: 'holdfast:commit_duration_seconds:p99_5m > 0.1',
    lasting: '5m',
    severity: 'warning',
    summary: 'One commit in a hundred of shard {{ $labels.shard }} on {{ $labels.instance }} takes more than 100 ms.',
    example: {
      'holdfast_commit_duration_seconds_bucket{shard="1", le="0.1"}': '0x30',
      'holdfast_commit_duration_seconds_bucket{shard="1", le="0.25"}': '0+60x30',
      'holdfast_commit_duration_seconds_bucket{shard="1", le="+Inf"}': '0+60x30',
    },
    labels: { shard: '1' },
  },
  {
    name: 'HoldfastHeapFilling',
    expression: 'holdfast_shard_heap_bytes / (holdfast_shard_heap_max_bytes > 0) > 0.8',
    lasting: '5m',
    severity: 'warning',
    summary: 'The heap of shard {{ $labels.shard }} on {{ $labels.instance }} is more than 80 % of what it may be.',
    example: { 'holdfast_shard_heap_bytes{shard="1"}': '90x30', 'holdfast_shard_heap_max_bytes{shard="1"}': '100x30' },
    labels: { shard: '1' },
  },
  {
    name: 'HoldfastClientsDoNotRead',
    expression: risen('holdfast_requests_ignored_total'),
    lasting: '0m',
    severity: 'warning',
    summary: 'A client of {{ $labels.instance }} does not read its replies, and its requests are ignored.',
    example: { holdfast_requests_ignored_total: once },
  },
  {
    name: 'HoldfastWatchersTooSlow',
    expression: risen('holdfast_commands_total{command="GET_CHANGES", outcome="COMPACTED"}'),
    lasting: '0m',
    severity: 'warning',
    summary: 'A watcher of {{ $labels.instance }} is behind what is kept of the changes, and missed some.',
    example: { 'holdfast_commands_total{command="GET_CHANGES", outcome="COMPACTED"}': once },
    labels: { command: 'GET_CHANGES', outcome: 'COMPACTED' },
  },
  {
    name: 'HoldfastSubscriptionsRefused',
    expression: risen('holdfast_feed_subscriptions_refused_total'),
    lasting: '0m',
    severity: 'warning',
    summary: 'Too many states are watched on {{ $labels.instance }}: some subscriptions hear nothing from the feed.',
    example: { holdfast_feed_subscriptions_refused_total: once },
  },
  {
    name: 'HoldfastLocksRunOut',
    expression: 'increase(holdfast_lock_expiries_total[10m]) > 5',
    lasting: '0m',
    severity: 'warning',
    summary: 'Locks of shard {{ $labels.shard }} on {{ $labels.instance }} run out instead of being released.',
    example: { 'holdfast_lock_expiries_total{shard="1"}': '0+1x30' },
    labels: { shard: '1' },
  },
  {
    name: 'HoldfastWritesFenced',
    expression: risen('holdfast_fenced_total'),
    lasting: '0m',
    severity: 'warning',
    summary: 'A holder that had lost its lock tried to write on shard {{ $labels.shard }} of {{ $labels.instance }}.',
    example: { 'holdfast_fenced_total{shard="1"}': once },
    labels: { shard: '1' },
  },
  {
    name: 'HoldfastItemsComeBack',
    expression:
      'rate(holdfast_items_returned_total[10m]) / (rate(holdfast_items_leased_total[10m]) > 0) > 0.2 and increase(holdfast_items_returned_total[10m]) > 5',
    lasting: '5m',
    severity: 'warning',
    summary:
      'More than a fifth of the items leased from shard {{ $labels.shard }} on {{ $labels.instance }} come back.',
    example: {
      'holdfast_items_leased_total{shard="1"}': '0+10x30',
      'holdfast_items_returned_total{shard="1"}': '0+5x30',
    },
    labels: { shard: '1' },
  },
  {
    name: 'HoldfastHooksFail',
    expression: risen('holdfast_hook_calls_total{outcome="failed"}'),
    lasting: '0m',
    severity: 'warning',
    summary: 'A hook of kind {{ $labels.hook }} fails on shard {{ $labels.shard }} of {{ $labels.instance }}.',
    example: { 'holdfast_hook_calls_total{shard="1", hook="onChange", outcome="failed"}': once },
    labels: { shard: '1', hook: 'onChange', outcome: 'failed' },
  },
]

export interface Recording {
  readonly name: string
  readonly expression: string
}

/** What several look at, or what would be dear to work out each time. */
export const recordings: readonly Recording[] = [
  {
    name: 'holdfast:commands:rate5m',
    expression: 'sum by (job, instance) (rate(holdfast_commands_total[5m]))',
  },
  {
    name: 'holdfast:refusals:rate5m',
    expression: 'sum by (job, instance, outcome) (rate(holdfast_commands_total{outcome!="ok"}[5m]))',
  },
  {
    name: 'holdfast:command_duration_seconds:p99_5m',
    expression:
      'histogram_quantile(0.99, sum by (job, instance, family, le) (rate(holdfast_command_duration_seconds_bucket[5m])))',
  },
  {
    name: 'holdfast:commit_duration_seconds:p99_5m',
    expression:
      'histogram_quantile(0.99, sum by (job, instance, shard, le) (rate(holdfast_commit_duration_seconds_bucket[5m])))',
  },
  {
    name: 'holdfast:mailbox_wait_seconds:p99_5m',
    expression:
      'histogram_quantile(0.99, sum by (job, instance, shard, le) (rate(holdfast_mailbox_wait_seconds_bucket[5m])))',
  },
  {
    name: 'holdfast:shard_busy:rate5m',
    expression: 'rate(holdfast_shard_busy_seconds_total[5m])',
  },
]
