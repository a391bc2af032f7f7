// How soon has everybody heard? One writer, 100 watchers, and a write is over when each of them was told of it.
//
// Ours: one daemon with one shard thread; 100 clients in one Node process, each with a connection and a watch of the same
// key, told by the feed; every event is checked to follow the one before, as every watch does. Peer: Redis without
// persistence by ioredis with `enableAutoPipelining: true`; 100 connections in one process subscribe to a channel, and the
// writer sets the key and publishes the same event as JSON. Redis promises no delivery and has no versions.
import { compare, type Row } from './report.ts'
import { closedContestant, Generator } from './support/generator.ts'
import { redisVersion, startRedis } from './support/peers.ts'
import { onStage, type Question } from './support/question.ts'
import { inTurns } from './support/rounds.ts'
import { startDaemon } from './support/servers.ts'

/** Alone, a write is as quick as the slowest of 200 ways through ZeroMQ; what counts is what many watchers get done. */
const goals = { 64: { bound: 'at least', value: 1 } } as const

export const watch: Question = {
  name: 'watch',
  question: 'one writer and 100 watchers, each write told to all of them',
  answer: (context) =>
    onStage(async (stage) => {
      const daemon = await stage.begin(startDaemon({ shards: 1 }))
      const ours = await stage.begin(Generator.start('holdfast', { endpoint: daemon.endpoint, records: 1 }))
      await ours.once('fillWatchers')
      const hasRedis = context.peers !== 'none' && redisVersion() !== undefined
      const redis = hasRedis ? await stage.begin(startRedis()) : undefined
      const peer = redis && (await stage.begin(Generator.start('ioredis', { endpoint: redis.endpoint, records: 1 })))
      await peer?.once('fillWatchers')
      const rows: Row[] = []
      for (const inFlight of [1, 64] as const) {
        const contestants = [
          closedContestant('holdfast', [ours], daemon.process, 'deliver', inFlight),
          ...(peer === undefined ? [] : [closedContestant('ioredis', [peer], redis?.process, 'deliver', inFlight)]),
        ]
        const [own, other] = await inTurns(contestants, context)
        if (own === undefined) continue
        const goal = inFlight === 64 ? goals[inFlight] : undefined
        rows.push(
          compare({ what: `writes told to 100 watchers, ${inFlight} in flight`, unit: 'writes/s', goal }, own, other),
        )
      }
      const isMissing = context.peers !== 'none' && !hasRedis
      return { rows, notes: isMissing ? ['Redis is not installed, so nothing is compared with it.'] : [] }
    }),
}
