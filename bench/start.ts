// How long does it take to start with a million records of four fields on the disk, until they can be read?
//
// Ours: `holdfast serve --data DIR --durability strict --shards 1`, from the start of the process until /readyz says that
// every shard serves. Peer: `redis-server --appendonly yes`, until it says that it accepts connections, which is once its
// file is loaded. The file was rewritten by BGREWRITEAOF, so that it holds each record once: as commands
// (`--aof-use-rdb-preamble no`) and, in the other row, as a snapshot (`yes`, Redis's default). Both were stopped in order,
// and what they read is in the system's cache.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { type Goal, type Row, rowOf, type Values } from './report.ts'
import { Generator } from './support/generator.ts'
import { type RedisKeeping, redisVersion, startRedis } from './support/peers.ts'
import { onStage, type Question } from './support/question.ts'
import { type Server, startDaemon } from './support/servers.ts'

const records = 1_000_000
const pollMs = 5

/** Something that was filled once, and is started again and again. */
interface Party {
  readonly name: string
  fill(folder: string): Promise<void>
  /** Resolves once everything can be read. */
  start(folder: string): Promise<Server>
}

export const start: Question = {
  name: 'start',
  question: 'a start with a million records on the disk, until they can be read',
  async answer({ rounds, peers }) {
    const hasPeer = peers !== 'none' && redisVersion() !== undefined
    const parties = hasPeer ? [ours, redis('as commands'), redis('as a snapshot')] : [ours]
    const folders = parties.map(() => mkdtempSync(join(tmpdir(), 'bench-start-')))
    try {
      for (const [index, party] of parties.entries()) await party.fill(folders[index] as string)
      const values: number[][] = parties.map(() => [])
      for (let round = 0; round < rounds; round += 1) {
        const order = [...parties.entries()]
        if (round % 2 === 1) order.reverse()
        for (const [index, party] of order) values[index]?.push(await msToStart(party, folders[index] as string))
      }
      const sides = parties.map(({ name }, index): Values => ({ name, values: values[index] ?? [] }))
      const notes = hasPeer ? [] : ['Redis is not there, so nothing is compared with it.']
      return { rows: rowsOf(sides), notes }
    } finally {
      for (const folder of folders) rmSync(folder, { recursive: true, force: true })
    }
  },
}

function rowsOf([mine, asCommands, asSnapshot]: readonly Values[]): Row[] {
  if (mine === undefined) return []
  const row = (what: string, peer?: Values, goal?: Goal): Row => rowOf({ what, unit: 'ms', goal }, mine, peer)
  if (asCommands === undefined) return [row('1 M records')]
  return [
    row('1 M records', asCommands, { bound: 'at most', value: 1 }),
    row('1 M records, beside a snapshot', asSnapshot),
  ]
}

async function msToStart(party: Party, folder: string): Promise<number> {
  const startedAt = performance.now()
  const server = await party.start(folder)
  const tookMs = performance.now() - startedAt
  await server.end()
  return tookMs
}

async function fillAt(driver: 'holdfast' | 'ioredis', { endpoint }: Server): Promise<void> {
  await onStage(async (stage) => {
    const generator = await stage.begin(Generator.start(driver, { endpoint, records }))
    await generator.once('fillContacts')
  })
}

const ours: Party = {
  name: 'holdfast',
  fill: (folder) =>
    onStage(async (stage) => {
      await fillAt('holdfast', await stage.begin(startDaemon({ shards: 1, durability: 'relaxed', folder })))
    }),
  async start(folder) {
    const metrics = '127.0.0.1:0'
    const server = await startDaemon({ shards: 1, durability: 'strict', folder, metrics })
    while (!(await isReady(server))) await new Promise((resolve) => setTimeout(resolve, pollMs))
    return server
  },
}

/** The address stands in the log, which may come after the line that says where the daemon runs. */
async function isReady({ process }: Server): Promise<boolean> {
  const address = /"metrics":"([^"]+)"/.exec(process.errors)?.[1]
  return address !== undefined && (await fetch(`http://${address}/readyz`)).ok
}

function redis(kept: RedisKeeping): Party {
  return {
    name: `Redis, ${kept}`,
    fill: (folder) =>
      onStage(async (stage) => {
        const server = await stage.begin(startRedis(kept, folder))
        await fillAt('ioredis', server)
        const client = new Redis(server.endpoint)
        await client.bgrewriteaof()
        while (/aof_rewrite_(in_progress|scheduled):1/.test(await client.info('persistence'))) {
          await new Promise((resolve) => setTimeout(resolve, pollMs))
        }
        await client.quit()
      }),
    start: (folder) => startRedis(kept, folder),
  }
}
