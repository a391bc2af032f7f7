// What do more shards bring?
//
// Ours against ourselves with one shard: the same daemon with 0, 1, 2 and then twice as many shards, as far as there are
// cores. Two load generators for each shard thread, up to half of the cores, ask for records of as many tables as there
// are shards, one on each; 512 promises in flight for each table keep all batches equally large. With few cores the
// generators and the shards share them, and nothing can be won.
import { availableParallelism } from 'node:os'
import { shardOf } from '../src/base/placement.ts'
import { compare, type Row } from './report.ts'
import { closedContestant, Generator } from './support/generator.ts'
import { onStage, type Question, type Stage } from './support/question.ts'
import { type Contestant, inTurns } from './support/rounds.ts'
import { startDaemon } from './support/servers.ts'

const records = 1_000
const inFlightPerTable = 512
/** The goal is for eight shards on at least as many cores. */
const goals: Readonly<Record<number, number>> = { 8: 6 }

export const shards: Question = {
  name: 'shards',
  question: 'throughput by the number of shards',
  answer: (context) =>
    onStage(async (stage) => {
      const cores = availableParallelism()
      const counts = [0, 1, 2, 4, 8, 16, 32].filter((count) => count <= Math.max(2, cores))
      const clients = Math.max(1, Math.floor(cores / 2))
      const parties: Party[] = []
      for (const count of counts) parties.push(await party(stage, count, Math.min(clients, Math.max(1, count * 2))))
      const rows: Row[] = []
      for (const operation of ['patch', 'get']) {
        const contestants = parties.map((each) => each.contestant(operation))
        const sides = await inTurns(contestants, context)
        const one = sides[counts.indexOf(1)]
        for (const [index, count] of counts.entries()) {
          const factor = goals[count]
          const goal =
            factor === undefined || cores < count ? undefined : ({ bound: 'at least', value: factor } as const)
          const side = sides[index]
          if (count === 1 || side === undefined) continue
          rows.push(compare({ what: `${operation}, ${side.name}`, goal }, side, one))
        }
      }
      return { rows, notes: [`${cores} cores for up to ${clients} load generators, the router and the shards.`] }
    }),
}

interface Party {
  contestant(operation: string): Contestant
}

async function party(stage: Stage, shardCount: number, clientCount: number): Promise<Party> {
  const daemon = await stage.begin(startDaemon({ shards: shardCount }))
  const tables = namesOnAllShards(Math.max(1, shardCount))
  const generators: Generator[] = []
  for (let client = 0; client < clientCount; client += 1) {
    const options = { endpoint: daemon.endpoint, records, tables }
    generators.push(await stage.begin(Generator.start('holdfast', options)))
  }
  await generators[0]?.once('fill')
  const inFlight = Math.ceil((inFlightPerTable * tables.length) / clientCount)
  return {
    contestant: (operation) =>
      closedContestant(`${shardCount} shards`, generators, daemon.process, operation, inFlight),
  }
}

/** Names of tables, one for each shard. */
function namesOnAllShards(count: number): string[] {
  const names = new Map<number, string>()
  for (let number = 1; names.size < count; number += 1) {
    const name = `leads-${number}`
    if (!names.has(shardOf(name, count))) names.set(shardOf(name, count), name)
  }
  return [...names.values()]
}
