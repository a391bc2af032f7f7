// Which rows of a database a command on keys or on an instance touches, what becomes of the rows that nobody needs any
// more, and how the change log tells of such changes.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import { Directory } from '../../src/state/directory.ts'
import type { ShardHarness } from '../support/shard-harness.ts'
import { freshFile, journalOn, query, shardOn, withDatabase } from '../support/sqlite.ts'

async function run(shard: ShardHarness, ...commands: JsonObject[]): Promise<void> {
  for (const command of commands) {
    const reply = (await shard.call({ state: 's', ...command })) as JsonObject
    expect(reply.status, JSON.stringify(reply)).toBe('ok')
  }
}

/** The rows of contents, by table and key without the epoch. */
function rowsOf(file: string): Map<string, unknown> {
  const rows = query(file, "SELECT tbl, key, bytes FROM rows WHERE tbl NOT IN ('directory', 'facts')")
  return new Map(rows.map(({ tbl, key, bytes }) => [`${String(tbl)} ${String(key).replace(/^\w+\//, '')}`, bytes]))
}

/** The places of the rows that the commands changed, and how. */
async function changed(file: string, shard: ShardHarness, ...commands: JsonObject[]): Promise<JsonObject> {
  const before = rowsOf(file)
  await run(shard, ...commands)
  const after = rowsOf(file)
  const places = [...new Set([...before.keys(), ...after.keys()])].sort()
  const other = places.filter((place) => before.get(place) !== after.get(place))
  return Object.fromEntries(
    other.map((place) => [place, before.has(place) ? (after.has(place) ? 'changed' : 'gone') : 'new']),
  )
}

const count = (file: string, table: string): unknown =>
  query(file, `SELECT count(*) AS n FROM rows WHERE tbl = '${table}'`)[0]?.n
const numbers = (length: number): number[] => Array.from({ length }, (_, index) => index)

describe('the rows of a list', () => {
  async function queue(length = 1_000): Promise<{ file: string; shard: ShardHarness }> {
    const file = freshFile()
    const shard = await shardOn(file)
    await run(shard, { cmd: 'SET_KEY', key: 'other', value: [1] }, { cmd: 'SET_KEY', key: 'k', value: numbers(length) })
    return { file, shard }
  }

  it('are those of its key and of one item for a push or a pop at either end', async () => {
    const { file, shard } = await queue()
    const push = { cmd: 'PUSH_LIST', key: 'k', item: 'x' }
    expect(await changed(file, shard, push)).toEqual({ 'items 12/41000': 'new', 'keys k': 'changed' })
    expect(await changed(file, shard, { ...push, end: 'first' })).toEqual({
      'items 12/-f999999999999999': 'new',
      'keys k': 'changed',
    })
    expect(await changed(file, shard, { cmd: 'POP_LIST', key: 'k' })).toEqual({
      'items 12/41000': 'gone',
      'keys k': 'changed',
    })
  })

  it('are those of its key, the item and the lease for a leased pop, its return and its acknowledgement', async () => {
    const { file, shard } = await queue()
    const pop = { cmd: 'POP_LIST', key: 'k', end: 'first', lease: 60 }
    expect(await changed(file, shard, pop)).toEqual({
      'item_leases 12/13': 'new',
      'items 12/10': 'gone',
      'keys k': 'changed',
    })
    expect(await changed(file, shard, { cmd: 'RETURN_ITEM', key: 'k', token: 3 })).toEqual({
      'item_leases 12/13': 'gone',
      'items 12/10': 'new',
      'keys k': 'changed',
    })
    await run(shard, pop)
    expect(await changed(file, shard, { cmd: 'ACK_ITEM', key: 'k', token: 5 })).toEqual({
      'item_leases 12/15': 'gone',
      'keys k': 'changed',
    })
  })

  it('are none for a new end of its key', async () => {
    const { file, shard } = await queue()
    expect(await changed(file, shard, { cmd: 'SET_TTL', key: 'k', ttl: 9 })).toEqual({ 'keys k': 'changed' })
  })

  it.each<JsonObject>([
    { cmd: 'DELETE_KEY', key: 'k' },
    { cmd: 'SET_KEY', key: 'k', value: 7 },
    { cmd: 'SET_KEY', key: 'k', value: [] },
    { cmd: 'CLEAR_KEYS', pattern: 'k' },
  ])('stay behind when it goes by %j, and are removed with later commits', async (command) => {
    const { file, shard } = await queue()
    await run(shard, { cmd: 'POP_LIST', key: 'k', lease: 60 })
    expect(Object.keys(await changed(file, shard, command))).toEqual(['keys k'])
    const write = { cmd: 'PUSH_LIST', key: 'other', item: 0 }
    await run(shard, write, write)
    expect(count(file, 'items')).toBeGreaterThan(300)
    // What another shard finds of them it goes on to remove.
    const again = await shardOn(file)
    await run(again, write, write, write, write)
    expect([count(file, 'items'), count(file, 'item_leases')]).toEqual([7, 0])
  })

  it('stay behind where all items are on a lease, too', async () => {
    const { file, shard } = await queue(1)
    await run(shard, { cmd: 'POP_LIST', key: 'k', lease: 60 }, { cmd: 'DELETE_KEY', key: 'k' })
    const stored = count(file, 'item_leases')
    await run(shard, { cmd: 'PUSH_LIST', key: 'other', item: 0 })
    expect([stored, count(file, 'item_leases')]).toEqual([1, 0])
  })

  it('go all at once, as far as a reader sees, and are removed with later commits, when all keys go', async () => {
    const { file, shard } = await queue()
    await run(shard, { cmd: 'CLEAR_KEYS' }, { cmd: 'SET_KEY', key: 'k', value: [1, 2] })
    expect(await (await shardOn(file)).call({ cmd: 'LIST_KEYS', state: 's' })).toMatchObject({ keys: ['k'] })
    for (const value of numbers(6)) await run(shard, { cmd: 'SET_KEY', key: 'n', value })
    expect([count(file, 'keys'), count(file, 'items')]).toEqual([2, 2])
  })
})

describe('leases', () => {
  it('begin anew in full when a shard starts again, and keep their tokens', async () => {
    const file = freshFile()
    const shard = await shardOn(file)
    await run(shard, { cmd: 'SET_KEY', key: 'k', value: ['a', 'b'] }, { cmd: 'POP_LIST', key: 'k', lease: 10 })
    shard.advance(9_000)
    const again = await shardOn(file)
    again.advance(9_999)
    expect(await again.call({ cmd: 'LIST_LENGTH', state: 's', key: 'k' })).toMatchObject({ length: 1 })
    again.advance(1)
    expect(await again.call({ cmd: 'GET_KEY', state: 's', key: 'k' })).toMatchObject({ value: ['b', 'a'] })
    expect(await again.call({ cmd: 'ACK_ITEM', state: 's', key: 'k', token: 1 })).toMatchObject({ acknowledged: false })
  })
})

describe('the rows of a machine', () => {
  const definition = {
    initial: 'a',
    states: { a: { on: { GO: 'b' }, after: { 60_000: 'b' } }, b: { on: { GO: 'a' } } },
  }
  const go = { cmd: 'SEND_EVENT', id: 1, event: 'GO' }

  async function machine(history_limit: number): Promise<{ file: string; shard: ShardHarness }> {
    const file = freshFile()
    const shard = await shardOn(file)
    await run(shard, { cmd: 'CREATE_STATE', kind: 'machine', definition, history_limit })
    await run(shard, { cmd: 'CREATE_INSTANCE' }, { cmd: 'CREATE_INSTANCE' })
    return { file, shard }
  }

  it('are two for an event, however long the past is', async () => {
    const { file, shard } = await machine(100)
    for (const _ of numbers(90)) await run(shard, go)
    expect(await changed(file, shard, go)).toEqual({ 'history 11/293': 'new', 'instances 11': 'changed' })
  })

  it('are at most twice as many of the past as are kept', async () => {
    const { file, shard } = await machine(10)
    const counts: unknown[] = []
    for (const _ of numbers(60)) {
      await run(shard, go)
      counts.push(count(file, 'history'))
    }
    expect(Math.max(...(counts as number[]))).toBe(20)
    expect(counts.at(-1)).toBeGreaterThanOrEqual(10)
    await run(shard, { cmd: 'SET_DEFINITION', definition, history_limit: 0 }, go)
    for (const _ of numbers(3)) await run(shard, { ...go, id: 2 })
    expect(count(file, 'history')).toBe(0)
  })

  it('of the past stay behind when the instance goes, and are removed with later commits', async () => {
    const { file, shard } = await machine(300)
    for (const _ of numbers(300)) await run(shard, go)
    expect(await changed(file, shard, { cmd: 'DELETE_INSTANCE', id: 1 })).toEqual({ 'instances 11': 'gone' })
    const again = await shardOn(file)
    await run(again, { ...go, id: 2 }, { ...go, id: 2 })
    expect(count(file, 'history')).toBe(2)
    // The shard that left them removes them as well.
    await run(again, { cmd: 'DELETE_INSTANCE', id: 2 }, { cmd: 'CREATE_INSTANCE' })
    expect(count(file, 'history')).toBe(0)
  })

  it('bring back a timer with the moment at which it fires', async () => {
    const { file } = await machine(5)
    const again = await shardOn(file)
    again.advance(59_999)
    expect(await again.call({ cmd: 'GET_INSTANCE', state: 's', id: 1 })).toMatchObject({ value: 'a' })
    again.advance(1)
    expect(await again.call({ cmd: 'GET_INSTANCE', state: 's', id: 1 })).toMatchObject({ value: 'b' })
  })
})

describe('a table with a field that follows a machine', () => {
  it('holds writes to it after a new start', async () => {
    const file = freshFile()
    const definition = { initial: 'a', states: { a: { on: { GO: 'b' } }, b: {} } }
    const shard = await shardOn(file)
    await run(shard, { cmd: 'CREATE_STATE', machine: { field: 'at', definition } })
    const again = await shardOn(file)
    await run(again, { cmd: 'CREATE_RECORD', data: { n: 1 } }, { cmd: 'PATCH_RECORD', id: 1, data: { at: 'b' } })
    const back = { cmd: 'PATCH_RECORD', state: 's', id: 1, data: { at: 'a' } }
    expect(await again.call(back)).toMatchObject({ code: 'INVALID_TRANSITION' })
  })
})

describe('a database', () => {
  it.each([
    ['an item', "tbl = 'items' AND key LIKE '%/11'", "the table 'items' has 2 rows instead of 3"],
    ['an item on a lease', "tbl = 'item_leases'", "the table 'item_leases' has 0 rows instead of 1"],
    ['a key', "tbl = 'keys' AND key LIKE '%/n'", "state 's' has 1 of its 2 rows"],
    ['an occurrence', "tbl = 'history'", "the table 'history' has 0 rows instead of 1"],
    ['an instance', "tbl = 'instances'", "state 'm' has 0 of its 1 rows"],
  ])('that lacks %s is not served', async (_, place, problem) => {
    const file = freshFile()
    const shard = await shardOn(file)
    const definition = { initial: 'a', states: { a: { on: { GO: 'b' } }, b: {} } }
    await run(
      shard,
      { cmd: 'SET_KEY', key: 'k', value: [1, 2, 3, 4] },
      { cmd: 'POP_LIST', key: 'k', lease: 60 },
      { cmd: 'SET_KEY', key: 'n', value: 1 },
      { cmd: 'CREATE_STATE', state: 'm', kind: 'machine', definition },
      { cmd: 'CREATE_INSTANCE', state: 'm' },
      { cmd: 'SEND_EVENT', state: 'm', id: 1, event: 'GO' },
    )
    await shard.shard.stop()
    await expect(journalOn(file).recover(new Directory(10))).resolves.toBeGreaterThan(0)
    withDatabase(file, (database) => database.exec(`DELETE FROM rows WHERE ${place}`))
    await expect(journalOn(file).recover(new Directory(10))).rejects.toThrow(problem)
  })
})

describe('the change log', () => {
  const logged = (file: string): JsonObject[] =>
    query(file, 'SELECT bytes FROM batches ORDER BY number')
      .flatMap(({ bytes }) => JSON.parse(bytes as string) as JsonObject[])
      .map(({ state: _, version: _version, at: _at, ...rest }) => rest)

  it('tells of keys with what they held and hold, and of lists with the item alone', async () => {
    const file = freshFile()
    const shard = await shardOn(file)
    const key = 'k'
    await run(
      shard,
      { cmd: 'SET_KEY', key, value: null },
      { cmd: 'SET_KEY', key, value: [1] },
      { cmd: 'PUSH_LIST', key, item: 2, end: 'first' },
      { cmd: 'POP_LIST', key },
      { cmd: 'POP_LIST', key, lease: 5 },
      { cmd: 'RETURN_ITEM', key, token: 5 },
      { cmd: 'POP_LIST', key, lease: 5 },
      { cmd: 'ACK_ITEM', key, token: 7 },
      { cmd: 'SET_KEY', key, value: 'text', ttl: 5 },
      { cmd: 'SET_TTL', key, ttl: 6 },
      { cmd: 'DELETE_KEY', key },
      { cmd: 'SET_KEY', key, value: 1, ttl: 5 },
    )
    shard.advance(5_000)
    await run(shard, { cmd: 'SET_KEY', key, value: 2 }, { cmd: 'CLEAR_KEYS' }, { cmd: 'DELETE_STATE' })
    expect(logged(file)).toEqual([
      { type: 'state_created' },
      { type: 'created', key, new_value: null },
      { type: 'updated', key, old_value: null, new_value: [1] },
      { type: 'pushed', key, end: 'first', new_value: 2 },
      { type: 'popped', key, end: 'last', old_value: 1 },
      { type: 'popped', key, end: 'last', old_value: 2 },
      { type: 'pushed', key, end: 'first', new_value: 2 },
      { type: 'popped', key, end: 'last', old_value: 2 },
      { type: 'updated', key },
      { type: 'updated', key, new_value: 'text' },
      { type: 'updated', key, old_value: 'text', new_value: 'text' },
      { type: 'deleted', key, old_value: 'text' },
      { type: 'created', key, new_value: 1 },
      { type: 'expired', key, old_value: 1 },
      { type: 'created', key, new_value: 2 },
      { type: 'cleared' },
      { type: 'state_deleted' },
    ])
  })

  it('tells of instances with where they stood and stand', async () => {
    const file = freshFile()
    const shard = await shardOn(file)
    const definition = { initial: 'a', states: { a: { on: { GO: 'b' } }, b: { type: 'final' } } }
    await run(
      shard,
      { cmd: 'CREATE_STATE', kind: 'machine', definition },
      { cmd: 'CREATE_INSTANCE', id: 'i' },
      { cmd: 'SEND_EVENT', id: 'i', event: 'GO', data: { n: 1 } },
      { cmd: 'SET_DEFINITION', definition },
      { cmd: 'DELETE_INSTANCE', id: 'i' },
    )
    const begun = { value: 'a', context: {}, done: false }
    const ended = { value: 'b', context: { n: 1 }, done: true }
    expect(logged(file)).toEqual([
      { type: 'state_created' },
      { type: 'created', id: 'i', new_value: begun },
      { type: 'updated', id: 'i', old_value: begun, new_value: ended },
      { type: 'altered' },
      { type: 'deleted', id: 'i', old_value: ended },
    ])
  })
})
