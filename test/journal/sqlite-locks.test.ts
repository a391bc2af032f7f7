// Locks in a database: which rows they take, what a new start makes of them, and that tokens are on the disk before they
// are granted, in relaxed mode too.
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readAnchor } from '../../src/journal/anchor.ts'
import type { SqliteJournalOptions } from '../../src/journal/sqlite.ts'
import { ask, type Database } from '../../src/journal/sqlite-library.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { Directory } from '../../src/state/directory.ts'
import { ShardHarness } from '../support/shard-harness.ts'
import { freshFile, journalOn, query, tamperedDatabase, withDatabase } from '../support/sqlite.ts'

const take = (lock: string, owner = 'w1'): JsonObject => ({ cmd: 'TRY_LOCK', lock, owner, ttl: 10 })
const release = (lock: string, owner = 'w1'): JsonObject => ({ cmd: 'UNLOCK', lock, owner })

async function started(file: string, options: Partial<SqliteJournalOptions> = {}, freeLocksPerShardMax = 2) {
  const harness = await ShardHarness.started({ journal: journalOn(file, options), limits: { freeLocksPerShardMax } })
  return async (command: JsonObject): Promise<JsonObject> => (await harness.call(command)) as JsonObject
}

const rows = (file: string): unknown[] =>
  query(
    file,
    "SELECT tbl || ' ' || routing_key AS place, bytes FROM rows WHERE tbl = 'locks' OR key = 'tokens' ORDER BY 1",
  ).map(({ place, bytes }) => [place, JSON.parse(String(bytes)) as unknown])

describe('the rows of locks', () => {
  it('are one for each name that is remembered, and one fact', async () => {
    const file = freshFile()
    const call = await started(file)
    for (const name of ['a', 'b', 'c', 'd']) await call(take(name))
    for (const name of ['a', 'b', 'c']) await call(release(name))
    expect(rows(file)).toEqual([
      ['facts ', { reserved: 1_000, floor: 1 }],
      ['locks b', { token: 2 }],
      ['locks c', { token: 3 }],
      ['locks d', { token: 4, owner: 'w1', ttl_ms: 10_000 }],
    ])
    expect(query(file, 'SELECT * FROM locks ORDER BY name')).toEqual([
      { name: 'b', token: 2, owner: null, ttl_ms: null },
      { name: 'c', token: 3, owner: null, ttl_ms: null },
      { name: 'd', token: 4, owner: 'w1', ttl_ms: 10_000 },
    ])
  })

  it('bring back who holds what, every token that is remembered, and no token twice', async () => {
    const file = freshFile()
    const call = await started(file)
    for (const name of ['a', 'b', 'c', 'd']) await call(take(name))
    for (const name of ['a', 'b', 'c']) await call(release(name))
    const again = await started(file)
    expect(await again({ cmd: 'GET_LOCK', lock: 'd' })).toMatchObject({
      held: true,
      owner: 'w1',
      token: 4,
      expires_in: 10,
    })
    expect(await again({ cmd: 'GET_LOCK', lock: 'b' })).toMatchObject({ held: false, token: 2 })
    const write = (lock: string, token: number): Promise<JsonObject> =>
      again({ cmd: 'SET_KEY', state: 'k', key: 'k', value: 1, fence: { lock, token } })
    expect(await write('a', 1)).toMatchObject({ code: 'FENCED', newest: 1 })
    expect(await write('b', 2)).toMatchObject({ status: 'ok' })
    expect(await again(take('a'))).toMatchObject({ acquired: true, token: 1_001 })
    // The oldest is forgotten first, by the order of the grants.
    expect(await again(release('a'))).toMatchObject({ released: true })
    expect(rows(file)).toMatchObject([
      ['facts ', { reserved: 2_000, floor: 2 }],
      ['locks a', {}],
      ['locks c', {}],
      ['locks d', {}],
    ])
  })

  it('bring back the counter of tokens over every start, where no lock was ever forgotten, too', async () => {
    const file = freshFile()
    for (const token of [1, 1_001, 2_001]) {
      const call = await started(file)
      expect(await call(take('a'))).toMatchObject({ acquired: true, token })
      await call(release('a'))
    }
  })

  it('are written with an entry of the change log for each grant, release and expiry', async () => {
    const file = freshFile()
    const call = await started(file)
    await call(take('a'))
    await call(release('a'))
    const logged = query(file, 'SELECT bytes FROM batches ORDER BY number').map(
      ({ bytes }) => JSON.parse(String(bytes)) as unknown,
    )
    expect(logged).toEqual([
      [{ lock: 'a', type: 'lock_granted', at: 1_000, token: 1, owner: 'w1' }],
      [{ lock: 'a', type: 'lock_released', at: 1_000, token: 1 }],
    ])
  })

  it('are missed where one is gone, like any other', async () => {
    const file = freshFile()
    const journal = journalOn(file)
    const harness = await ShardHarness.started({ journal })
    await harness.call(take('a'))
    await harness.shard.stop()
    withDatabase(file, (database) => database.exec("DELETE FROM rows WHERE tbl = 'locks'"))
    await expect(journalOn(file).recover(new Directory(10))).rejects.toMatchObject({ name: 'JournalCorrupt' })
  })
})

describe('a grant that needs new tokens', () => {
  it('is on the disk before it is answered in relaxed mode too, and costs that once in a thousand grants', async () => {
    const file = freshFile()
    let database: Database | undefined
    const levels: unknown[] = []
    const before = (sql: string): void => {
      if (sql === 'COMMIT') levels.push(ask(database as Database, 'PRAGMA synchronous')?.synchronous)
    }
    const open = (path: string): Database => (database = tamperedDatabase(path, { before }))
    const call = await started(file, { durability: 'relaxed', open })
    levels.length = 0
    await call({ cmd: 'SET_KEY', state: 'k', key: 'k', value: 1 })
    await call(take('a'))
    const anchored = readAnchor(join(dirname(file), 'shard-0.anchor'))
    await call(release('a'))
    await call(take('a'))
    expect(levels).toEqual([1, 2, 1, 1])
    expect(anchored?.number).toBe(2)
  })
})
