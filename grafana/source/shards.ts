// The dashboard of shards: how each stands, how busy it is, what waits before it, and what it holds.
import { type DashboardSource, metric, quantile, rateBy } from './panels.ts'

const each = 'shard {{shard}}'

export const shards: DashboardSource = {
  uid: 'holdfast-shards',
  title: 'Holdfast / Shards',
  description: 'How each shard stands, how busy it is, what waits before it, and what it holds.',
  rows: [
    {
      title: 'Lives',
      panels: [
        {
          title: 'Answers',
          description: '1 if the shard answered the scrape in time, 0 if it hangs or is down.',
          unit: 'none',
          targets: { [each]: metric('holdfast_shard_up') },
        },
        {
          title: 'Condition',
          description:
            'What a shard is that does not serve: recovering, stalled, corrupt or quarantined. Nothing is shown for those that serve.',
          unit: 'none',
          targets: { [`${each} {{condition}}`]: metric('holdfast_shard_condition', 'condition!="serving"') },
        },
        {
          title: 'Deaths',
          description:
            'Deaths within five minutes, by reason. The third within a minute leaves the shard down until RELEASE_SHARD.',
          unit: 'short',
          targets: {
            [`${each} {{reason}}`]: `sum by (shard, reason) (increase(${metric('holdfast_shard_deaths_total')}[5m]))`,
          },
        },
        {
          title: 'Starts',
          description: 'How often the shard has begun to serve: one more than its restarts.',
          unit: 'short',
          targets: { [each]: `sum by (shard) (increase(${metric('holdfast_shard_starts_total')}[$__range]))` },
        },
        {
          title: 'Time of the last start',
          description: 'For how long the shard read what it had stored.',
          unit: 's',
          targets: { [each]: metric('holdfast_shard_recovery_seconds') },
        },
        {
          title: 'Commands',
          description:
            'Commands that a shard answers in a second. Names of states hash to shards: one that has far more than the others owns a hot state.',
          unit: 'ops',
          targets: { [each]: rateBy('shard', 'holdfast_shard_commands_total') },
        },
      ],
    },
    {
      title: 'Load',
      panels: [
        {
          title: 'Busy',
          description:
            'The share of its time for which the event loop of a shard is not idle. Near 1 the shard is the bottleneck.',
          unit: 'percentunit',
          targets: { [each]: rateBy('shard', 'holdfast_shard_busy_seconds_total') },
        },
        {
          title: 'Mailbox',
          description: 'Requests that a shard has not answered, those that wait for a lock or a key among them.',
          unit: 'short',
          targets: { [each]: metric('holdfast_mailbox_depth') },
        },
        {
          title: 'Mailbox, how full',
          description: 'From 1 on requests are refused with OVERLOADED.',
          unit: 'percentunit',
          targets: {
            [each]: `${metric('holdfast_mailbox_depth')} / on (job, instance) group_left () ${metric('holdfast_mailbox_depth_max')}`,
          },
        },
        {
          title: 'Bytes in the mailbox',
          description: 'About how many bytes the requests have that a shard has not answered.',
          unit: 'bytes',
          targets: { [each]: metric('holdfast_mailbox_bytes') },
        },
        {
          title: 'Wait in the mailbox, 99 %',
          description: 'For how long requests lie before their shard takes them up.',
          unit: 's',
          targets: { [each]: quantile(0.99, 'shard', 'holdfast_mailbox_wait_seconds') },
        },
        {
          title: 'Waiting inside',
          description: 'Requests that wait inside a shard, most of them behind a big command on their state.',
          unit: 'short',
          targets: { [each]: metric('holdfast_shard_waiting') },
        },
        {
          title: 'Commands in a batch',
          description: 'The median. Batches grow with the load by themselves.',
          unit: 'short',
          targets: { [each]: quantile(0.5, 'shard', 'holdfast_batch_commands') },
        },
        {
          title: 'Time to decide, 99 %',
          description: 'In which a batch is decided: about two milliseconds, unless one command takes longer.',
          unit: 's',
          targets: { [each]: quantile(0.99, 'shard', 'holdfast_decide_duration_seconds') },
        },
        {
          title: 'Time of a batch, 99 %',
          description: 'From the first decision to the replies, the commit included.',
          unit: 's',
          targets: { [each]: quantile(0.99, 'shard', 'holdfast_batch_duration_seconds') },
        },
        {
          title: 'Slices, 99 %',
          description: 'For how long a shard does not look at its mailbox.',
          unit: 's',
          targets: { [each]: quantile(0.99, 'shard', 'holdfast_slice_duration_seconds') },
        },
        {
          title: 'Longest slice',
          description:
            'The longest time for which a shard did not look at its mailbox, since its last start. Long ones come from hooks, garbage collection or a starved machine.',
          unit: 's',
          targets: { [each]: metric('holdfast_slice_longest_seconds') },
        },
        {
          title: 'Heap',
          description: 'Heap in use, and the bound beyond which a shard dies of out_of_memory (0 without threads).',
          unit: 'bytes',
          targets: {
            [each]: metric('holdfast_shard_heap_bytes'),
            [`${each}, at most`]: metric('holdfast_shard_heap_max_bytes'),
          },
        },
        {
          title: 'Memory outside of the heap',
          description: 'Buffers and the like that the objects of a shard hold.',
          unit: 'bytes',
          targets: { [each]: metric('holdfast_shard_external_bytes') },
        },
      ],
    },
    {
      title: 'Contents',
      panels: [
        {
          title: 'States',
          description: 'States by kind.',
          unit: 'short',
          targets: { '{{kind}}': `sum by (kind) (${metric('holdfast_states')})` },
        },
        {
          title: 'Entries',
          description: 'Records, keys, items of lists, and instances, over all shards.',
          unit: 'short',
          targets: {
            records: `sum(${metric('holdfast_records')})`,
            keys: `sum(${metric('holdfast_keys')})`,
            'list items': `sum(${metric('holdfast_list_items')})`,
            instances: `sum(${metric('holdfast_instances')})`,
          },
        },
        {
          title: 'Bytes',
          description: 'About how many bytes they take as JSON text; in memory it is several times as much.',
          unit: 'bytes',
          targets: {
            records: `sum(${metric('holdfast_record_bytes')})`,
            keys: `sum(${metric('holdfast_key_bytes')})`,
            instances: `sum(${metric('holdfast_instance_bytes')})`,
          },
        },
        {
          title: 'Keys that expire',
          description: 'Keys removed in a second because their time was over.',
          unit: 'ops',
          targets: { [each]: rateBy('shard', 'holdfast_expired_keys_total') },
        },
        {
          title: 'Largest states',
          description:
            'About how many bytes the largest states take. Empty unless the daemon runs with --metrics-largest.',
          unit: 'bytes',
          targets: { '{{state}}': metric('holdfast_largest_state_bytes') },
        },
        {
          title: 'Entries of the largest states',
          description:
            'Records, keys or instances of these states. Empty unless the daemon runs with --metrics-largest.',
          unit: 'short',
          targets: { '{{state}}': metric('holdfast_largest_state_entries') },
        },
      ],
    },
  ],
}
