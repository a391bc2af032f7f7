// How fast can one Node process change one field of a record when no reply may leave before its change is on the disk?
//
// Ours: `holdfast serve --data DIR --durability strict --shards 1`, and beside it `relaxed`, by `connect()` with its
// defaults. Peer: `redis-server --appendonly yes --appendfsync always`, which forces all commands of a turn of its event
// loop to the disk at once, by ioredis with `enableAutoPipelining: true`. Both folders lie side by side. How many of our
// commands share a barrier is counted on a third daemon, in whose process fsync and fdatasync are counted as well.
import { compare, type Row, rowOf } from './report.ts'
import { BarrierCounter } from './support/barriers.ts'
import { closedContestant, type DriverName, Generator } from './support/generator.ts'
import { redisVersion, startRedis } from './support/peers.ts'
import { type Context, onStage, type Question, type Stage } from './support/question.ts'
import { inTurns } from './support/rounds.ts'
import { type Server, startDaemon } from './support/servers.ts'

const records = 1_000
const flights = [1, 64, 512] as const
/** What is wanted of the ratio where many commands may share what one of them costs. */
const goals: Readonly<Partial<Record<number, number>>> = { 512: 1.5 }

export const durable: Question = {
  name: 'durable',
  question: 'one field of a three-field record is changed, and is on the disk before the reply leaves',
  answer: (context) =>
    onStage(async (stage) => {
      const hasPeer = context.peers !== 'none' && redisVersion() !== undefined
      const strict = await stage.begin(startDaemon({ shards: 1, durability: 'strict' }))
      const relaxed = await stage.begin(startDaemon({ shards: 1, durability: 'relaxed' }))
      const redis = hasPeer ? await stage.begin(startRedis('every reply')) : undefined
      const parties = [
        await party(stage, 'strict', 'holdfast', strict),
        await party(stage, 'relaxed', 'holdfast', relaxed),
        ...(redis === undefined ? [] : [await party(stage, 'ioredis', 'ioredis', redis)]),
      ]
      const rows: Row[] = []
      for (const inFlight of flights) {
        const contestants = parties.map(({ name, generator, server }) =>
          closedContestant(name, [generator], server.process, 'patch', inFlight),
        )
        const [ours, ourRelaxed, peer] = await inTurns(contestants, context)
        if (ours === undefined || ourRelaxed === undefined) continue
        const wanted = goals[inFlight]
        const goal = wanted === undefined ? undefined : { bound: 'at least' as const, value: wanted }
        rows.push(compare({ what: `patch, ${inFlight} in flight, strict`, goal }, ours, peer))
        rows.push(compare({ what: `patch, ${inFlight} in flight, relaxed` }, ourRelaxed))
      }
      const counted = await countBarriers(stage, context)
      return {
        rows: [...rows, ...counted],
        notes: [
          ...(hasPeer ? [] : ['Redis is not installed, or not wanted: nothing is compared with it.']),
          ...(counted.length > 0 ? [] : ['gcc is not installed: barriers are not counted.']),
        ],
      }
    }),
}

async function party(stage: Stage, name: string, driver: DriverName, server: Server) {
  const generator = await stage.begin(Generator.start(driver, { endpoint: server.endpoint, records }))
  await generator.once('fill')
  return { name, generator, server }
}

async function countBarriers(stage: Stage, { rounds, seconds }: Context): Promise<Row[]> {
  const counter = BarrierCounter.open()
  if (counter === undefined) return []
  await stage.begin(Promise.resolve(counter))
  const server = await stage.begin(startDaemon({ shards: 1, durability: 'strict', environment: counter.environment }))
  const { generator } = await party(stage, 'strict', 'holdfast', server)
  const rows: Row[] = []
  for (const inFlight of flights) {
    const values: number[] = []
    for (let round = 0; round < rounds; round += 1) {
      const before = counter.read()
      const { operations } = await generator.closedLoop('patch', inFlight, seconds)
      values.push(((counter.read() - before) / operations) * 1_000)
    }
    rows.push(
      rowOf({ what: `patch, ${inFlight} in flight, strict`, unit: 'fsyncs/1,000' }, { name: 'holdfast', values }),
    )
  }
  return rows
}
