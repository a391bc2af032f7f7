// What do plain JSON messages cost, one command in each, as a client in any language sends them?
//
// Ours: `holdfast serve --memory` with one shard thread, and with `--shards 0`. Peer: a bare echo on the same zeromq.js,
// which parses nothing and does nothing. No settings can make it better; it is what is left of a daemon when all its work
// is taken out, so the ratio shows that work. Both are asked by the same client, a DEALER with 64 messages in flight, and
// by a REQ socket of pyzmq, one after another.
//
// The goals were set against a daemon in Python, which is not here, but was measured beside such an echo: it took 3.3
// times the echo's processor time for each command, and answered pyzmq at 0.78 of the echo's rate. Ours is to be 1.4 and
// 1.1 times as good as that.
import { compare, type Row } from './report.ts'
import { closedContestant, Generator } from './support/generator.ts'
import { pyzmqVersion, startPyzmq } from './support/peers.ts'
import { onStage, type Question, type Stage } from './support/question.ts'
import { type Contestant, inTurns, type Sample, type Side } from './support/rounds.ts'
import { type Server, startDaemon, startEcho } from './support/servers.ts'

const records = 1_000
const inFlight = 64
const cpuGoal = { bound: 'at most', value: 3.3 / 1.4 } as const
const serialGoal = { bound: 'at least', value: 0.78 * 1.1 } as const

const serverMicros = (sample: Sample): number | undefined => sample.serverMicros

export const plain: Question = {
  name: 'plain',
  question: 'plain JSON messages, one command each',
  answer: (context) =>
    onStage(async (stage) => {
      const servers: [name: string, server: Server][] = [
        ['one shard thread', await stage.begin(startDaemon({ shards: 1 }))],
        ['--shards 0', await stage.begin(startDaemon({ shards: 0 }))],
        ['bare echo', await stage.begin(startEcho())],
      ]
      const rows: Row[] = []
      const generators = await dealers(stage, servers)
      for (const operation of ['patch', 'get']) {
        const contestants = servers.map(([name, { process }], index) =>
          closedContestant(name, [generators[index] as Generator], process, operation, inFlight),
        )
        rows.push(...againstEcho(await inTurns(contestants, context), operation))
      }
      const version = pyzmqVersion()
      if (version === undefined) return { rows, notes: ['pyzmq is not installed, so no REQ socket was tried.'] }
      const contestants: Contestant[] = []
      for (const [name, { endpoint, process }] of servers) {
        const generator = await stage.begin(startPyzmq(endpoint))
        contestants.push(closedContestant(name, [generator], process, 'get', 1))
      }
      const sides = await inTurns(contestants, context)
      const echo = sides.at(-1)
      for (const side of sides.slice(0, -1)) {
        rows.push(compare({ what: `get, pyzmq REQ, ${side.name}`, goal: serialGoal }, side, echo))
      }
      return { rows, notes: [`The REQ socket is of pyzmq ${version}.`] }
    }),
}

/** A client for each server; the tables of those that have any are filled. */
async function dealers(stage: Stage, servers: readonly [string, Server][]): Promise<Generator[]> {
  const generators: Generator[] = []
  for (const [name, { endpoint }] of servers) {
    const generator = await stage.begin(Generator.start('plain', { endpoint, records }))
    if (name !== 'bare echo') await generator.once('fill')
    generators.push(generator)
  }
  return generators
}

/** The last side is the echo. */
function againstEcho(sides: readonly Side[], operation: string): Row[] {
  const echo = sides.at(-1)
  return sides.slice(0, -1).flatMap((side) => {
    const what = `${operation}, ${inFlight} in flight, ${side.name}`
    const speed = compare({ what }, side, echo)
    if (speed.oursCpu?.serverMicros === undefined) return [speed]
    return [speed, compare({ what, unit: 'µs of server CPU', value: serverMicros, goal: cpuGoal }, side, echo)]
  })
}
