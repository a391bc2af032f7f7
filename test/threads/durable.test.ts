// Shards that keep their states: they come back with them after every kind of death, callers are told no lie about what
// nobody can know, and one damaged shard does not keep the others from serving.
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type Engine, type EngineOptions, openEngine } from '../../src/engine.ts'
import type { Fault } from '../../src/protocol/control.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { eventually } from '../support/eventually.ts'
import { namesOnShard } from '../support/shards.ts'
import { folderOfTest, openDatabase, withDatabase } from '../support/sqlite.ts'

const shards = 2
const [victim = ''] = namesOnShard(0, shards, 1)
const [bystander = ''] = namesOnShard(1, shards, 1)

let engine: Engine
afterEach(() => engine.close())

async function open(data: string, options: EngineOptions = {}): Promise<void> {
  engine = await openEngine({ shards, data, faultsEnabled: true, ...options })
}

const create = (state: string): Promise<JsonObject> => engine.call({ cmd: 'CREATE_STATE', state })
const write = (state: string): Promise<JsonObject> => engine.call({ cmd: 'CREATE_RECORD', state, data: { a: 1 } })
const info = (state: string): Promise<JsonObject> => engine.call({ cmd: 'GET_STATE_INFO', state })

async function writeMany(state: string, count: number): Promise<void> {
  const replies = await Promise.all(Array.from({ length: count }, () => write(state)))
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set(['ok']))
}

describe.each<Fault>(['throw', 'exit', 'out-of-memory', 'endless-loop'])('a shard that ends by %s', (fault) => {
  it('comes back with everything that was acknowledged', async () => {
    const shardSilenceMsMax = fault === 'endless-loop' ? 500 : 10_000
    await open(folderOfTest(), { limits: { shardHeapMegabytesMax: 64, shardSilenceMsMax } })
    await create(victim)
    await create(bystander)
    await writeMany(victim, 300)
    const { instance } = engine.router
    await engine.injectFault(0, fault)
    expect(await write(victim)).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    await eventually('the shard serves again', async () => (await info(victim)).status === 'ok')
    expect(await info(victim)).toMatchObject({ current_length: 300, version: 300, durability: 'strict' })
    expect(await write(victim)).toMatchObject({ status: 'ok', id: 301, version: 301 })
    expect(await info(bystander)).toMatchObject({ status: 'ok' })
    expect(engine.router.instance, 'nothing was lost, so clients are told nothing').toBe(instance)
  })
})

describe.each([0, shards])('with %i shards, a commit whose outcome nobody knows', (count) => {
  it('ends the shard, which then tells the truth', async () => {
    await open(folderOfTest(), { shards: count })
    await create(victim)
    await engine.injectFault(0, 'lost-answer')
    expect(await write(victim)).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    await eventually('the shard serves again', async () => (await info(victim)).status === 'ok')
    expect(await info(victim)).toMatchObject({ current_length: 1, version: 1 })
    expect(engine.deaths()).toEqual([{ shard: 0, reason: 'failed', count: 1 }])
    expect(await write(victim)).toMatchObject({ status: 'ok', version: 2 })
  })
})

describe('a shard whose disk does not answer', () => {
  it('is not ready and is left alone, for as long as it takes, and then goes on', async () => {
    const data = folderOfTest()
    await open(data, { limits: { shardSilenceMsMax: 300 } })
    for (const state of [victim, bystander]) await create(state)
    const stalled = { isReady: false, notes: ['shard 0 is stalled'] }
    const other = openDatabase(join(data, 'shard-0.db'))
    // Another connection that writes keeps the shard inside SQLite, which tries again for a second.
    other.exec('BEGIN IMMEDIATE')
    let writing: Promise<unknown> | undefined
    await eventually('the shard stands still inside its database', () => {
      writing ??= write(victim).finally(() => {
        writing = undefined
      })
      return !engine.router.isReady
    })
    expect(engine.router.readiness()).toEqual(stalled)
    expect(await write(bystander)).toMatchObject({ status: 'ok' })
    other.close()
    await writing
    await eventually('the shard goes on', () => engine.router.isReady)
    expect(await write(victim)).toMatchObject({ status: 'ok' })
    expect(engine.deaths()).toEqual([])
  })
})

describe('an engine that is opened again', () => {
  it('has all states of all shards, without being told how many there are', async () => {
    const data = folderOfTest()
    await open(data, { durability: 'relaxed' })
    for (const state of [victim, bystander]) {
      await create(state)
      await writeMany(state, 50)
    }
    await engine.close()
    engine = await openEngine({ data })
    expect(engine.shards).toBe(shards)
    for (const state of [victim, bystander])
      expect(await info(state)).toMatchObject({ version: 50, durability: 'strict' })
  })

  it('is refused the folder that another one has, also in the same process', async () => {
    const data = folderOfTest()
    await open(data)
    await expect(openEngine({ data })).rejects.toThrow('is in use by another holdfast')
    await engine.close()
    await open(data)
  })
})

describe.each([0, shards])('with %i shards, a shard whose database is damaged', (count) => {
  it('names what is lost, and the other shards serve', async () => {
    const data = folderOfTest()
    await open(data, { shards: count })
    for (const state of [victim, bystander]) {
      await create(state)
      await writeMany(state, 5)
    }
    await engine.close()
    withDatabase(join(data, 'shard-0.db'), (database) => {
      database.exec(`UPDATE rows SET bytes = '[1,{"id":3,"a":2}]' WHERE routing_key = '${victim}' AND key LIKE '%/13'`)
    })
    await open(data, { shards: count })
    const lost = [`the row 11/13 in records of state '${victim}' is damaged`, `state '${victim}' has 4 of its 5 rows`]
    expect(await info(victim)).toMatchObject({ status: 'error', code: 'SHARD_CORRUPT', shard: 0, lost })
    expect(await write(victim)).toMatchObject({ code: 'SHARD_CORRUPT' })
    expect(engine.router.isReady).toBe(true)
    if (count > 0) expect(await info(bystander)).toMatchObject({ status: 'ok', version: 5 })
    expect(engine.deaths()).toEqual([])
  })
})
