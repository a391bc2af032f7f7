// How fast can one Node process change one field of a record when no reply may leave before its change is on the disk?
//
// Ours: `holdfast serve --data DIR --durability strict --shards 1`, and beside it `relaxed`, by `connect()` with its
// defaults. Peer: `redis-server --appendonly yes --appendfsync always`, which forces all commands of a turn of its event
// loop to the disk at once, by ioredis with `enableAutoPipelining: true`. Both folders lie side by side. The commits that
// our 512 in flight share are in `holdfast_commits_total`.
import { compare, type Row } from './report.ts'
import { closedContestant, type DriverName, Generator } from './support/generator.ts'
import { redisVersion, startRedis } from './support/peers.ts'
import { onStage, type Question, type Stage } from './support/question.ts'
import { inTurns } from './support/rounds.ts'
import { type Server, startDaemon } from './support/servers.ts'

const records = 1_000

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
      for (const inFlight of [1, 64, 512]) {
        const contestants = parties.map(({ name, generator, server }) =>
          closedContestant(name, [generator], server.process, 'patch', inFlight),
        )
        const [ours, ourRelaxed, peer] = await inTurns(contestants, context)
        if (ours === undefined || ourRelaxed === undefined) continue
        rows.push(compare({ what: `patch, ${inFlight} in flight, strict` }, ours, peer))
        rows.push(compare({ what: `patch, ${inFlight} in flight, relaxed` }, ourRelaxed))
      }
      return { rows, notes: hasPeer ? [] : ['Redis is not installed, or not wanted: nothing is compared with it.'] }
    }),
}

async function party(stage: Stage, name: string, driver: DriverName, server: Server) {
  const generator = await stage.begin(Generator.start(driver, { endpoint: server.endpoint, records }))
  await generator.once('fill')
  return { name, generator, server }
}
