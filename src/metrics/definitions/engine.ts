// The metrics of the engine as a whole: what runs, and the golden signals of its commands. See definitions.ts, which joins
// them to the others.
import { serverVersion } from '../../base/version.ts'
import { commandFamilies } from '../../protocol/families.ts'
import { type MetricDefinition, type Sample, transactionsOver, unlabelled } from '../reading.ts'

export const engineMetrics: readonly MetricDefinition[] = [
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
    name: 'holdfast_ready',
    type: 'gauge',
    help: '1 if commands are taken up, 0 while the daemon drains or a shard is starting or waits for its disk.',
    labels: [],
    samples: ({ isReady }) => unlabelled(isReady ? 1 : 0),
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
    name: 'holdfast_command_duration_seconds',
    type: 'histogram',
    help: 'Time from the arrival of commands at their shard to their replies, commit included; a wait for a lock, a key or changes is not.',
    labels: ['family'],
    samples: ({ commandSeconds }) =>
      commandFamilies.flatMap((family): Sample<(typeof commandSeconds)[number]['histogram']>[] => {
        const found = commandSeconds.find(({ name }) => name === family)
        return found === undefined ? [] : [{ labels: { family }, value: found.histogram }]
      }),
  },
  {
    name: 'holdfast_transactions_total',
    type: 'counter',
    help: 'Transactions over one shard or many, by outcome: ok, or the code of the refusal.',
    labels: ['shards', 'outcome'],
    samples: ({ transactions }) => ['one', 'many'].flatMap((span) => transactionsOver(span, transactions)),
  },
  {
    name: 'holdfast_transaction_duration_seconds',
    type: 'histogram',
    help: 'Time from the arrival of a transaction at the router to its reply.',
    labels: [],
    samples: ({ transactionSeconds }) => unlabelled(transactionSeconds),
  },
  {
    name: 'holdfast_request_duration_seconds',
    type: 'histogram',
    help: 'Time from the arrival of a request at the router to the reply of its shard.',
    labels: [],
    samples: ({ requestSeconds }) => unlabelled(requestSeconds),
  },
  {
    name: 'holdfast_router_busy_seconds_total',
    type: 'counter',
    help: 'Time for which the event loop of the router was not idle: the rate is its utilisation.',
    labels: [],
    samples: ({ routerBusySeconds }) => unlabelled(routerBusySeconds),
  },
]
