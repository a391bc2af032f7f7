// What a shard finds when it starts again on its database: exactly what it had committed, whatever was done to it before,
// and nothing of what was never shown.
import { copyFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { migrate } from '../../src/journal/sqlite-schema.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import type { ShardHarness } from '../support/shard-harness.ts'
import { freshFile, query, shardOn, withDatabase } from '../support/sqlite.ts'

const rows = (count: number): JsonObject[] => Array.from({ length: count }, (_, index) => ({ n: index }))

/** All that a reader of the shard can see. */
async function contents(shard: ShardHarness): Promise<JsonObject> {
  const { states } = (await shard.call({ cmd: 'LIST_STATES' })) as { states: string[] }
  const seen: JsonObject = {}
  for (const state of states) {
    const parts = ['GET_STATE_INFO', 'GET_SCHEMA', 'LIST_RECORDS'].map((cmd) => shard.call({ cmd, state }))
    seen[state] = structuredClone(Object.assign({}, ...(await Promise.all(parts)))) as JsonObject
  }
  return seen
}

async function run(shard: ShardHarness, ...commands: JsonObject[]): Promise<void> {
  for (const command of commands) {
    const reply = (await shard.call({ state: 'a', ...command })) as JsonObject
    expect(reply.status, JSON.stringify(reply)).toBe('ok')
  }
}

const storedRecords = (file: string): unknown =>
  query(file, "SELECT count(*) AS n FROM rows WHERE tbl = 'records'")[0]?.n

describe('a shard that starts again', () => {
  it('begins anew where the making of its database was cut short', async () => {
    const unfinished = freshFile()
    const file = freshFile()
    withDatabase(unfinished, (database) => {
      // A transaction that does not fit into the cache reaches the file before it ends.
      database.exec('PRAGMA cache_size = 1; BEGIN; CREATE TABLE half (text)')
      const insert = database.prepare('INSERT INTO half VALUES (?)')
      for (let row = 0; row < 100; row += 1) insert.run('x'.repeat(1_000))
      for (const ending of ['', '-journal']) copyFileSync(`${unfinished}${ending}`, `${file}${ending}`)
    })
    await run(await shardOn(file), { cmd: 'CREATE_STATE' }, { cmd: 'CREATE_RECORD', data: { n: 1 } })
    expect(await contents(await shardOn(file))).toMatchObject({ a: { records: [{ id: 1, n: 1 }], version: 1 } })
  })

  it('begins anew where it was cut short between the tables and what they hold', async () => {
    const file = freshFile()
    withDatabase(file, migrate)
    await run(await shardOn(file), { cmd: 'CREATE_STATE' }, { cmd: 'CREATE_RECORD', data: { n: 1 } })
    expect(await contents(await shardOn(file))).toMatchObject({ a: { records: [{ id: 1, n: 1 }], version: 1 } })
  })

  it('has the records in their order, ids, counters, schemas and versions', async () => {
    const file = freshFile()
    const shard = await shardOn(file)
    const schema = { properties: { n: { type: 'integer' }, '2': {}, '10': {} } }
    await run(
      shard,
      { cmd: 'CREATE_STATE', max_length: 100, schema },
      { cmd: 'CREATE_RECORD', data: { n: 1, id: 40 } },
      { cmd: 'CREATE_RECORD', data: { n: -0, '2': '\u{1f600}\0', '10': [null, { a: 1e300 }] } },
      { cmd: 'CREATE_RECORD', data: { n: 3, id: 'x' } },
      { cmd: 'CREATE_RECORD', data: { n: 4, id: 2 } },
      { cmd: 'PATCH_RECORD', id: 40, data: { n: 5 } },
      { cmd: 'DELETE_RECORD', id: 41 },
      { cmd: 'ALTER_STATE', add_fields: { extra: 1 }, drop_fields: ['10'] },
      { cmd: 'CREATE_STATE', state: 'empty' },
      { cmd: 'CREATE_STATE', state: 'bounded', max_length: 3 },
    )
    const before = await contents(shard)
    const again = await shardOn(file)
    expect(await contents(again)).toEqual(before)
    await run(again, { cmd: 'CREATE_RECORD', data: { n: 1, extra: 2 } })
    expect(await again.call({ cmd: 'GET_RECORD', state: 'a', id: 42 })).toMatchObject({ version: 8, revision: 8 })
    expect(await again.call({ cmd: 'CREATE_RECORD', state: 'a', data: { n: 'text', extra: 2 } })).toMatchObject({
      code: 'SCHEMA_MISMATCH',
    })
  })

  it('has lists of thousands, and what was written to them in the same commit', async () => {
    const file = freshFile()
    const shard = await shardOn(file)
    await run(shard, { cmd: 'CREATE_STATE' })
    shard.post(
      { cmd: 'CREATE_RECORD', state: 'a', data: { n: 0 } },
      { cmd: 'SET_STATE', state: 'a', data: rows(2_500) },
      { cmd: 'PATCH_RECORD', state: 'a', id: 7, data: { n: 'patched' } },
      { cmd: 'DELETE_RECORD', state: 'a', id: 8 },
      { cmd: 'SET_STATE', state: 'a', data: rows(900) },
      { cmd: 'PATCH_RECORD', state: 'a', id: 900, data: { n: 'last' } },
      { cmd: 'ALTER_STATE', state: 'a', add_fields: { more: true } },
      { cmd: 'SET_STATE', state: 'a', data: rows(3).map((row) => ({ ...row, more: 0 })) },
      { cmd: 'ALTER_STATE', state: 'a', max_length: 5_000 },
      { cmd: 'SET_STATE', state: 'a', data: rows(4_000).map((row) => ({ ...row, more: 0 })) },
      { cmd: 'DELETE_RECORD', state: 'a', id: 1 },
    )
    await shard.idle()
    const before = await contents(shard)
    expect(before.a).toMatchObject({ version: 11, current_length: 3_999 })
    expect(await contents(await shardOn(file))).toEqual(before)
  })

  it('has nothing of a list that was refused at its end, and removes what it had stored of it', async () => {
    const file = freshFile()
    const shard = await shardOn(file)
    await run(shard, { cmd: 'CREATE_STATE' }, { cmd: 'SET_STATE', data: rows(10) })
    const before = await contents(shard)
    const bad = [...rows(3_000), { strange: 1 }]
    expect(await shard.call({ cmd: 'SET_STATE', state: 'a', data: bad })).toMatchObject({ code: 'SCHEMA_MISMATCH' })
    expect(storedRecords(file)).toBeGreaterThan(1_000)
    const again = await shardOn(file)
    expect(await contents(again)).toEqual(before)
    for (let n = 0; n < 20; n += 1) await run(again, { cmd: 'PATCH_RECORD', id: 1, data: { n } })
    expect(storedRecords(file)).toBe(10)
    expect(await contents(await shardOn(file))).toEqual(await contents(again))
  })

  it('knows nothing of the records of a state that was deleted, also where the name came back', async () => {
    const file = freshFile()
    const shard = await shardOn(file)
    await run(
      shard,
      { cmd: 'CREATE_STATE' },
      { cmd: 'SET_STATE', data: rows(2_000) },
      { cmd: 'DELETE_STATE' },
      { cmd: 'CREATE_STATE' },
      { cmd: 'CREATE_RECORD', data: { n: 'new' } },
    )
    const again = await shardOn(file)
    expect(await again.call({ cmd: 'LIST_RECORDS', state: 'a' })).toMatchObject({
      records: [{ id: 1, n: 'new' }],
      version: 4,
    })
    for (let n = 0; n < 10; n += 1) await run(again, { cmd: 'PATCH_RECORD', id: 1, data: { n } })
    expect(storedRecords(file)).toBe(1)
  })

  it('goes on with the versions of deleted names, and above those that it has forgotten', async () => {
    const file = freshFile()
    const limits = { deletedNamesPerShardMax: 2 }
    let shard = await shardOn(file, {}, limits)
    for (const state of ['one', 'two', 'three']) {
      await run(shard, { cmd: 'CREATE_STATE', state }, { cmd: 'CREATE_RECORD', state, data: { n: 1 } })
    }
    await run(shard, { cmd: 'CREATE_RECORD', state: 'one', data: { n: 2 } })
    for (const state of ['one', 'two', 'three']) await run(shard, { cmd: 'DELETE_STATE', state })
    shard = await shardOn(file, {}, limits)
    expect(query(file, 'SELECT name FROM deleted_states').map(({ name }) => name)).toEqual(['three', 'two'])
    const versions = await Promise.all(
      ['one', 'two', 'three', 'four'].map(async (state) => {
        return ((await shard.call({ cmd: 'CREATE_STATE', state })) as JsonObject).version
      }),
    )
    expect(versions).toEqual([4, 3, 3, 4])
  })

  it('reads a little at a time, and tells how far it is', async () => {
    const file = freshFile()
    const shard = await shardOn(file)
    await run(shard, { cmd: 'CREATE_STATE' }, { cmd: 'SET_STATE', data: rows(30_000) })
    await shard.shard.stop()
    const progress: number[] = []
    let turns = 0
    const timer = setInterval(() => (turns += 1), 1)
    await shardOn(file, { onProgress: (count) => progress.push(count) })
    clearInterval(timer)
    expect(progress.length).toBeGreaterThan(3)
    expect(progress).toEqual([...progress].sort((a, b) => a - b))
    expect(progress.at(-1)).toBeGreaterThanOrEqual(30_000)
    expect(turns).toBeGreaterThan(0)
  })

  it('says when it is inside the database, and when it is not', async () => {
    const calls: boolean[] = []
    const shard = await shardOn(freshFile(), { onCall: (isInside) => calls.push(isInside) })
    await run(shard, { cmd: 'CREATE_STATE' })
    await shard.shard.stop()
    expect(calls.length).toBeGreaterThan(4)
    expect(calls).toEqual(calls.map((_, index) => index % 2 === 0))
  })
})
