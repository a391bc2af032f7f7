// Keyspaces on a database: keys, counters and lists come back as they were, items on a lease too, and a list that went
// leaves nothing behind for good.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import { freshFile, query, shardOn } from '../support/sqlite.ts'

const key = (cmd: string, fields: JsonObject): JsonObject => ({ cmd, state: 'k', ...fields })
const storedItems = (file: string): unknown =>
  query(file, "SELECT count(*) AS n FROM rows WHERE tbl IN ('items', 'item_leases')")[0]?.n

describe('a keyspace that is read back', () => {
  it('has its keys with values, versions, ends and encodings, and its lists with what is on a lease', async () => {
    const file = freshFile()
    const shard = await shardOn(file)
    for (const command of [
      key('SET_KEY', { key: '/a/b', value: { x: [1, null] } }),
      key('SET_KEY', { key: 'bytes', value: 'AAEC', encoding: 'base64', ttl: 1_000 }),
      key('INCREMENT_KEY', { key: 'n', by: 41 }),
      key('INCREMENT_KEY', { key: 'n' }),
      key('SET_KEY', { key: 'list', value: [2, 3, { four: 4 }] }),
      key('PUSH_LIST', { key: 'list', item: 1, end: 'first' }),
      key('PUSH_LIST', { key: 'list', item: 0, end: 'first' }),
      key('POP_LIST', { key: 'list' }),
      key('POP_LIST', { key: 'list', end: 'first', lease: 60 }),
      key('SET_KEY', { key: 'gone', value: 1 }),
      key('DELETE_KEY', { key: 'gone' }),
    ]) {
      expect(await shard.call(command)).toMatchObject({ status: 'ok' })
    }
    const reads = ['/a/b', 'bytes', 'n', 'list', 'gone'].map((name) => key('GET_KEY', { key: name }))
    const read = async (from: typeof shard): Promise<unknown[]> =>
      structuredClone(await Promise.all(reads.map((each) => from.call(each))))
    const before = await read(shard)
    expect(before[3]).toMatchObject({ value: [1, 2, 3] })

    const again = await shardOn(file)
    expect(await read(again)).toEqual(before)
    const token = 9
    expect(await again.call(key('RETURN_ITEM', { key: 'list', token }))).toMatchObject({ returned: true })
    expect(await again.call(key('POP_LIST', { key: 'list', end: 'first', lease: 60 }))).toMatchObject({
      item: 0,
      deliveries: 2,
    })
    expect(query(file, 'SELECT key, value FROM keys')).toContainEqual({ key: 'n', value: '42' })
  })

  it('does not keep the items of lists that were replaced, deleted or cleared', async () => {
    const file = freshFile()
    const shard = await shardOn(file)
    const many = Array.from({ length: 600 }, (_, index) => index)
    await shard.call(key('SET_KEY', { key: 'one', value: many }))
    await shard.call(key('SET_KEY', { key: 'two', value: many }))
    await shard.call(key('SET_KEY', { key: 'one', value: [1, 2] }))
    await shard.call(key('DELETE_KEY', { key: 'two' }))
    const again = await shardOn(file)
    expect(await again.call(key('GET_KEY', { key: 'one' }))).toMatchObject({ value: [1, 2] })
    expect(await again.call(key('GET_KEY', { key: 'two' }))).toMatchObject({ version: 0 })
    for (let n = 0; n < 10; n += 1) await again.call(key('SET_KEY', { key: 'n', value: n }))
    expect(storedItems(file)).toBe(2)
    await again.call(key('CLEAR_KEYS', {}))
    await again.call(key('SET_KEY', { key: 'n', value: 'new' }))
    const last = await shardOn(file)
    expect(await last.call(key('LIST_KEYS', {}))).toMatchObject({ keys: ['n'] })
    expect(storedItems(file)).toBe(0)
  })
})
