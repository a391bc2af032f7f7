// What does it cost to change two states at once, on one shard and on two?
//
// Ours against ourselves: one daemon with two shard threads in memory mode, one client. A transaction raises a counter in
// each of two keyspaces out of some hundred; the peer of one over two shards is the same on one shard, where it needs no
// votes, and the peer of that are single increments on one shard. Latencies are those of a closed loop with so many in flight,
// counted from the call to the resolved promise. Nothing waits for a disk: with `--durability strict` a transaction over two
// shards also waits for its promise and its decision to be on it.
import { compare, type Row, rowOf } from './report.ts'
import { closedContestant, Generator } from './support/generator.ts'
import { onStage, type Question } from './support/question.ts'
import { inTurns, type Side } from './support/rounds.ts'
import { startDaemon } from './support/servers.ts'

const kinds = [
  ['transactions over two shards', 'transactOnTwoShards'],
  ['transactions on one shard', 'transactOnOneShard'],
  ['single increments', 'incrementAlone'],
] as const

export const transactions: Question = {
  name: 'transactions',
  question: 'two states are changed at once, on two shards and on one',
  answer: (context) =>
    onStage(async (stage) => {
      const daemon = await stage.begin(startDaemon({ shards: 2 }))
      const { endpoint, process } = daemon
      const generator = await stage.begin(Generator.start('holdfast', { endpoint, records: 1 }))
      const rows: Row[] = []
      for (const inFlight of [1, 64]) {
        const contestants = kinds.map(([name, operation]) =>
          closedContestant(name, [generator], process, operation, inFlight),
        )
        const sides = (await inTurns(contestants, context)) as [Side, Side, Side]
        const what = (name: string): string => `${name}, ${inFlight} in flight`
        rows.push(compare({ what: what(kinds[0][0]) }, sides[0], sides[1]))
        rows.push(compare({ what: what(kinds[1][0]) }, sides[1], sides[2]))
        for (const [name, operation] of kinds) {
          const { median, p99 } = await generator.latencies(operation, inFlight, context.rounds * context.seconds)
          rows.push(rowOf({ what: `${what(name)}: p50`, unit: 'ms' }, { name, values: [median] }))
          rows.push(rowOf({ what: `${what(name)}: p99`, unit: 'ms' }, { name, values: [p99] }))
        }
      }
      return { rows }
    }),
}
