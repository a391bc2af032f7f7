// How much memory does a million records of four fields take, the whole process counted?
//
// Ours: `holdfast serve --memory --shards 1`, filled with one CREATE_RECORD for each record. Peer: `redis-server --save ''
// --appendonly no`, one hash of four fields for each record, which it keeps as a listpack, its most compact form for what
// can be patched field by field. What counts is what the system says that the process holds (VmRSS) one second after the
// last reply, what the program itself needs and what its garbage takes included. Each round starts new servers.
import { rowOf } from './report.ts'
import { Generator } from './support/generator.ts'
import { redisVersion, startRedis } from './support/peers.ts'
import { onStage, type Question } from './support/question.ts'
import { type Server, startDaemon } from './support/servers.ts'

const records = 1_000_000
/** Every round fills both servers, which takes long, and hardly anything differs between two of them. */
const roundsMax = 3
const settlingMs = 1_000

export const memory: Question = {
  name: 'memory',
  question: 'a million records of four fields, the whole process',
  async answer({ rounds, peers }) {
    const hasPeer = peers !== 'none' && redisVersion() !== undefined
    const ours: number[] = []
    const redis: number[] = []
    for (let round = 0; round < Math.min(rounds, roundsMax); round += 1) {
      ours.push(await bytesPerRecord(startDaemon({ shards: 1 }), 'holdfast'))
      if (hasPeer) redis.push(await bytesPerRecord(startRedis(), 'ioredis'))
    }
    const row = rowOf(
      { what: '1 M records', unit: 'bytes a record', goal: hasPeer ? { bound: 'at most', value: 1 } : undefined },
      { name: 'holdfast', values: ours },
      hasPeer ? { name: 'Redis', values: redis } : undefined,
    )
    return { rows: [row], notes: hasPeer ? [] : ['Redis is not there, so nothing is compared with it.'] }
  },
}

function bytesPerRecord(starting: Promise<Server>, driver: 'holdfast' | 'ioredis'): Promise<number> {
  return onStage(async (stage) => {
    const server = await stage.begin(starting)
    const generator = await stage.begin(Generator.start(driver, { endpoint: server.endpoint, records }))
    await generator.once('fillContacts')
    await new Promise((resolve) => setTimeout(resolve, settlingMs))
    return (server.process.residentBytes() ?? Number.NaN) / records
  })
}
