// The dashboard that is opened first: whether it is well, what it does for its clients, and who they are.
import { type DashboardSource, metric, quantile, rate, rateBy } from './panels.ts'

export const overview: DashboardSource = {
  uid: 'holdfast-overview',
  title: 'Holdfast / Overview',
  description: 'Whether Holdfast is well, and what it does for its clients. Open this first.',
  rows: [
    {
      title: 'Is it well?',
      panels: [
        {
          title: 'Ready',
          description: '1 if commands are taken up. 0: it drains, or a shard is starting or waits for its disk.',
          unit: 'none',
          targets: { '{{instance}}': metric('holdfast_ready') },
          stat: { bad: 1, good: 'high' },
        },
        {
          title: 'Shards that do not serve',
          description:
            'Shards that are recovering, stalled, corrupt or quarantined. The dashboard of shards says which.',
          unit: 'none',
          targets: { shards: `sum(${metric('holdfast_shard_condition', 'condition!="serving"')})` },
          stat: { bad: 1 },
        },
        {
          title: 'Shards with a full disk',
          description: 'These admit only reads and what frees space.',
          unit: 'none',
          targets: { shards: `sum(${metric('holdfast_storage_full')})` },
          stat: { bad: 1 },
        },
        {
          title: 'Commands',
          description: 'Commands answered in a second, refused ones too.',
          unit: 'ops',
          targets: { commands: `sum(${rate('holdfast_commands_total')})` },
          stat: {},
        },
        {
          title: 'Refused',
          description: 'The share of commands that were refused, whatever the code.',
          unit: 'percentunit',
          targets: {
            refused: `(sum(${rate('holdfast_commands_total', 'outcome!="ok"')}) or vector(0)) / sum(${rate('holdfast_commands_total')})`,
          },
          stat: { bad: 0.05 },
        },
        {
          title: 'Clients',
          description: 'Clients that are connected and have sent something.',
          unit: 'none',
          targets: { clients: `sum(${metric('holdfast_peers')})` },
          stat: {},
        },
        {
          title: 'Running since',
          description: 'How long the process runs.',
          unit: 's',
          targets: { '{{instance}}': `time() - ${metric('process_start_time_seconds')}` },
          stat: {},
        },
        {
          title: 'Durability',
          description: 'The mode: strict and relaxed keep states on disk, memory keeps nothing.',
          unit: 'none',
          targets: { '{{mode}}': metric('holdfast_durability_info') },
          stat: {},
        },
        {
          title: 'Version',
          description: 'The version of the server and of Node.js.',
          unit: 'none',
          targets: { '{{version}} on {{node}}': metric('holdfast_build_info') },
          stat: {},
        },
        {
          title: 'Memory',
          description: 'What the whole process holds of the machine.',
          unit: 'bytes',
          targets: { '{{instance}}': metric('process_resident_memory_bytes') },
          stat: {},
        },
        {
          title: 'States',
          description: 'States of any kind.',
          unit: 'short',
          targets: { states: `sum(${metric('holdfast_states')})` },
          stat: {},
        },
        {
          title: 'Lost states',
          description: 'How often a shard lost its states since the start: only in memory mode, where nothing is kept.',
          unit: 'none',
          targets: { losses: `sum(increase(${metric('holdfast_state_losses_total')}[$__range]))` },
          stat: { bad: 1 },
        },
      ],
    },
    {
      title: 'Commands',
      panels: [
        {
          title: 'Commands by name',
          description: 'Commands answered in a second. TRANSACTION counts once, whatever it runs.',
          unit: 'ops',
          targets: { '{{command}}': rateBy('command', 'holdfast_commands_total') },
        },
        {
          title: 'Refusals by code',
          description:
            'Commands that were refused in a second. README.md has the table of codes: which may have run, which to try again.',
          unit: 'ops',
          targets: { '{{outcome}}': rateBy('outcome', 'holdfast_commands_total', 'outcome!="ok"') },
        },
        {
          title: 'Time by family, 99 %',
          description:
            'From the arrival at the shard to the reply, the commit included. Waits for a lock, a key or changes are not in it.',
          unit: 's',
          targets: { '{{family}}': quantile(0.99, 'family', 'holdfast_command_duration_seconds') },
        },
        {
          title: 'Time by family, mean',
          description: 'The same, on average.',
          unit: 's',
          targets: {
            '{{family}}': `${rateBy('family', 'holdfast_command_duration_seconds_sum')} / (${rateBy('family', 'holdfast_command_duration_seconds_count')} > 0)`,
          },
        },
        {
          title: 'Requests at the router',
          description:
            'From the arrival of a request at the router to the reply of its shard, deliberate waits included.',
          unit: 's',
          targets: {
            '50 %': quantile(0.5, '', 'holdfast_request_duration_seconds'),
            '99 %': quantile(0.99, '', 'holdfast_request_duration_seconds'),
          },
        },
        {
          title: 'Slow requests',
          description:
            'Requests over the threshold of the slow log, in a second. `holdfast call \'{"cmd":"SLOWLOG"}\'` tells of them.',
          unit: 'ops',
          targets: { 'shard {{shard}}': rateBy('shard', 'holdfast_slow_requests_total') },
        },
        {
          title: 'Transactions',
          description: 'Transactions in a second, over one shard or many, by outcome.',
          unit: 'ops',
          targets: { '{{shards}} {{outcome}}': rateBy('shards, outcome', 'holdfast_transactions_total') },
        },
        {
          title: 'Time of transactions',
          description: 'From the arrival of a transaction at the router to its reply.',
          unit: 's',
          targets: {
            '50 %': quantile(0.5, '', 'holdfast_transaction_duration_seconds'),
            '99 %': quantile(0.99, '', 'holdfast_transaction_duration_seconds'),
          },
        },
        {
          title: 'Router',
          description:
            'The share of its time for which the event loop of the router is not idle: it carries all messages.',
          unit: 'percentunit',
          targets: { '{{instance}}': rate('holdfast_router_busy_seconds_total') },
        },
      ],
    },
    {
      title: 'Clients',
      panels: [
        {
          title: 'Messages',
          description: 'Messages received, and replies sent, in a second. A message may hold many commands.',
          unit: 'cps',
          targets: {
            received: `sum(${rate('holdfast_messages_received_total')})`,
            replies: `sum(${rate('holdfast_replies_sent_total')})`,
          },
        },
        {
          title: 'Traffic',
          description: 'Bytes received from clients and sent to them.',
          unit: 'Bps',
          targets: {
            received: `sum(${rate('holdfast_received_bytes_total')})`,
            sent: `sum(${rate('holdfast_sent_bytes_total')})`,
          },
        },
        {
          title: 'Clients',
          description: 'Clients that are connected and have sent something.',
          unit: 'short',
          targets: { '{{instance}}': metric('holdfast_peers') },
        },
        {
          title: 'Replies that wait for their client',
          description: 'A client that does not read has its replies wait; beyond a bound they are dropped.',
          unit: 'short',
          targets: { '{{instance}}': metric('holdfast_replies_queued') },
        },
        {
          title: 'Bytes that wait for their client',
          description: 'What these replies take.',
          unit: 'bytes',
          targets: { '{{instance}}': metric('holdfast_replies_queued_bytes') },
        },
        {
          title: 'Lost on clients',
          description:
            'Replies that reached nobody, messages that were refused as a whole, and requests that were ignored as their client does not read.',
          unit: 'ops',
          targets: {
            'dropped, {{reason}}': rateBy('reason', 'holdfast_replies_dropped_total'),
            refused: `sum(${rate('holdfast_messages_refused_total')})`,
            ignored: `sum(${rate('holdfast_requests_ignored_total')})`,
          },
        },
        {
          title: 'Large messages',
          description: 'Messages that are being parsed outside of the main thread.',
          unit: 'short',
          targets: { '{{instance}}': metric('holdfast_large_messages') },
        },
        {
          title: 'Calls of hooks',
          description: 'Calls of an extension or a hook in a second, by outcome.',
          unit: 'ops',
          targets: { '{{hook}} {{outcome}}': rateBy('hook, outcome', 'holdfast_hook_calls_total') },
        },
        {
          title: 'Time in hooks, 99 %',
          description: 'For how long a call of a hook keeps its shard.',
          unit: 's',
          targets: { 'shard {{shard}}': quantile(0.99, 'shard', 'holdfast_hook_duration_seconds') },
        },
      ],
    },
  ],
}
