// The same operation by our client and by Redis's, with one, 64, 512 and 2,048 promises in flight from one Node process.
// One daemon for all of it, one Redis for all of it, a process for each client.
import { compare, type Goal, type Row } from '../report.ts'
import { closedContestant, type DriverName, Generator } from './generator.ts'
import { redisVersion, startRedis } from './peers.ts'
import type { Process } from './processes.ts'
import { type Context, type Findings, onStage, type Stage } from './question.ts'
import { inTurns, type Side } from './rounds.ts'
import { type Server, startDaemon } from './servers.ts'

const defaultRecords = 1_000

export interface RedisGoals {
  /** By the number of promises in flight. */
  readonly threads: Readonly<Partial<Record<number, Goal>>>
  readonly inline?: Goal
  readonly embedded?: Goal
}

export interface RedisComparison {
  readonly operation: string
  /** What its rows are called. */
  readonly what: string
  /** The operation that fills a server before. Default: `fill`. */
  readonly fill?: string
  /** How many records or keys there are. Default: 1,000. */
  readonly records?: number
  /** The clients of Redis that know the operation, the one that goals are against first. Default: both. */
  readonly clients?: readonly RedisClient[]
  readonly goals: RedisGoals
}

type RedisClient = 'ioredis' | 'node-redis'

interface Filling {
  readonly fill: string
  readonly records: number
}

interface Party {
  readonly name: string
  readonly generator: Generator
  readonly server: Process | undefined
}

export function againstRedis(comparison: RedisComparison, context: Context): Promise<Findings> {
  const { operation, what, goals, fill = 'fill', records = defaultRecords, clients } = comparison
  const filling = { fill, records }
  return onStage(async (stage) => {
    const threads = await ours(stage, 'one shard thread', 1, filling)
    const inline = await ours(stage, '--shards 0', 0, filling)
    const embedded = await party(stage, 'embedded, shards: 0', 'embedded', undefined, filling)
    const peers = await peerParties(stage, context, clients ?? ['ioredis', 'node-redis'], filling)
    const ioredis = peers.find(({ name }) => name === 'ioredis')

    const rows: Row[] = []
    for (const inFlight of [1, 64, 512, 2_048]) {
      const own = inFlight === 1 ? [threads, inline, embedded] : [threads, inline]
      const sides = await measured([...own, ...peers], operation, inFlight, context)
      const sideOf = ({ name }: Party): Side => sides.find((side) => side.name === name) as Side
      for (const each of own) {
        const goal =
          each === inline && inFlight === 1
            ? goals.inline
            : each === embedded
              ? goals.embedded
              : goals.threads[inFlight]
        const title = `${what}, ${inFlight} in flight, ${each.name}`
        rows.push(compare({ what: title, goal }, sideOf(each), ioredis && sideOf(ioredis)))
      }
      const others = peers.filter((peer) => peer !== ioredis)
      for (const other of others) {
        rows.push(compare({ what: `${what}, ${inFlight} in flight, ${threads.name}` }, sideOf(threads), sideOf(other)))
      }
    }
    const isMissing = context.peers !== 'none' && redisVersion() === undefined
    return { rows, notes: isMissing ? ['Redis is not installed, so nothing is compared with it.'] : [] }
  })
}

async function ours(stage: Stage, name: string, shards: number, filling: Filling): Promise<Party> {
  return party(stage, name, 'holdfast', await stage.begin(startDaemon({ shards })), filling)
}

async function peerParties(
  stage: Stage,
  { peers }: Context,
  clients: readonly RedisClient[],
  filling: Filling,
): Promise<Party[]> {
  if (peers === 'none' || redisVersion() === undefined) return []
  const redis = await stage.begin(startRedis())
  const wanted = clients.filter((name) => peers === 'all' || peers === (name === 'ioredis' ? 'redis' : name))
  const parties: Party[] = []
  for (const name of wanted) parties.push(await party(stage, name, name, redis, filling))
  return parties
}

async function party(
  stage: Stage,
  name: string,
  driver: DriverName,
  server: Server | undefined,
  { fill, records }: Filling,
): Promise<Party> {
  const generator = await stage.begin(Generator.start(driver, { endpoint: server?.endpoint ?? '', records }))
  await generator.once(fill)
  return { name, generator, server: server?.process }
}

function measured(parties: readonly Party[], operation: string, inFlight: number, context: Context): Promise<Side[]> {
  const contestants = parties.map(({ name, generator, server }) =>
    closedContestant(name, [generator], server, operation, inFlight),
  )
  return inTurns(contestants, context)
}
