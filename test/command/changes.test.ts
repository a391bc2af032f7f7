// GET_CHANGES: what it tells of each kind of state, from where to where, and what it refuses. How it waits is in
// test/shard/watching.test.ts.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import { type Session, session, table } from '../support/session.ts'

const at = expect.any(Number)

async function changes(t: Session, since: number, more: JsonObject = {}): Promise<JsonObject[]> {
  return (await t.ok('GET_CHANGES', { since, ...more })).changes as JsonObject[]
}

describe('GET_CHANGES', () => {
  it('tells of records with what they were and are, in order', async () => {
    const t = await table({ name: 'Ann' })
    await t.ok('PATCH_RECORD', { id: 1, data: { name: 'Bob' } })
    await t.ok('SET_RECORD', { id: 'b', data: { name: 'Eve' } })
    await t.ok('DELETE_RECORD', { id: 1 })
    await t.ok('SET_STATE', { data: [{ name: 'Sue' }] })
    await t.ok('ALTER_STATE', { add_fields: { age: 1 } })
    const ann = { id: 1, name: 'Ann' }
    const bob = { id: 1, name: 'Bob' }
    expect(await t.ok('GET_CHANGES', { since: -1 })).toEqual({
      changes: [
        { version: 0, type: 'state_created', at },
        { version: 1, type: 'created', id: 1, new_value: ann, revision: 1, at },
        { version: 2, type: 'updated', id: 1, old_value: ann, new_value: bob, revision: 2, at },
        { version: 3, type: 'created', id: 'b', new_value: { id: 'b', name: 'Eve' }, revision: 3, at },
        { version: 4, type: 'deleted', id: 1, old_value: bob, at },
        { version: 5, type: 'replaced', at },
        { version: 6, type: 'altered', at },
      ],
      scanned_to: 6,
      version: 6,
    })
  })

  it('tells of keys, and of lists with the item alone and the end at which it came or went', async () => {
    const t = await session()
    const key = 'k'
    const on = { state: 'leads', key }
    await t.ok('SET_KEY', { ...on, value: [1] })
    await t.ok('PUSH_LIST', { ...on, item: 2, end: 'first' })
    const { token } = await t.ok('POP_LIST', { ...on, lease: 60 })
    await t.ok('RETURN_ITEM', { ...on, token: token as number })
    await t.ok('POP_LIST', { ...on, lease: 60 })
    await t.ok('ACK_ITEM', { ...on, token: 5 })
    await t.ok('SET_KEY', { ...on, value: 'text' })
    await t.ok('CLEAR_KEYS', { state: 'leads' })
    expect(await changes(t, 0)).toEqual([
      { version: 1, type: 'created', key, new_value: [1], revision: 1, at },
      { version: 2, type: 'pushed', key, end: 'first', new_value: 2, revision: 2, at },
      { version: 3, type: 'popped', key, end: 'last', old_value: 1, revision: 3, at },
      { version: 4, type: 'pushed', key, end: 'first', new_value: 1, revision: 4, at },
      { version: 5, type: 'popped', key, end: 'last', old_value: 2, revision: 5, at },
      { version: 6, type: 'updated', key, revision: 6, at },
      { version: 7, type: 'updated', key, new_value: 'text', revision: 7, at },
      { version: 8, type: 'cleared', at },
    ])
  })

  it('tells of instances with where they stood and stand', async () => {
    const t = await session()
    const definition = { initial: 'a', states: { a: { on: { GO: 'b' } }, b: { type: 'final' } } }
    await t.ok('CREATE_STATE', { kind: 'machine', definition })
    await t.ok('CREATE_INSTANCE')
    await t.ok('SEND_EVENT', { id: 1, event: 'GO', data: { n: 1 } })
    const begun = { value: 'a', context: {}, done: false }
    const ended = { value: 'b', context: { n: 1 }, done: true }
    expect(await changes(t, 1)).toEqual([
      { version: 2, type: 'updated', id: 1, old_value: begun, new_value: ended, revision: 2, at },
    ])
  })

  it('sees the writes before it in the same message', async () => {
    const t = await table()
    const [, reply] = await Promise.all([t.ok('CREATE_RECORD', { data: { n: 1 } }), t.ok('GET_CHANGES', { since: 0 })])
    expect(reply).toMatchObject({ changes: [{ version: 1, type: 'created' }], scanned_to: 1, version: 1 })
  })

  it('tells page by page, each going on where the last one ended', async () => {
    const t = await table()
    for (let n = 1; n <= 10; n += 1) await t.ok('CREATE_RECORD', { data: { n } })
    const first = await t.ok('GET_CHANGES', { since: 0, limit: 4 })
    expect(first).toMatchObject({ scanned_to: 4, version: 10 })
    const versions = (await changes(t, first.scanned_to as number, { limit: 100 })).map(({ version }) => version)
    expect(versions).toEqual([5, 6, 7, 8, 9, 10])
  })

  it('cuts a page of large changes before it gets too long, and always tells one', async () => {
    const t = await session()
    const value = 'x'.repeat(1_000_000)
    for (let n = 0; n < 12; n += 1) await t.ok('SET_KEY', { state: 'leads', key: 'k', value })
    let since = 0
    let pages = 0
    for (; since < 12; pages += 1) {
      const { changes: page, scanned_to: scannedTo } = await t.ok('GET_CHANGES', { since })
      expect((page as JsonObject[]).length).toBe((scannedTo as number) - since)
      expect((page as JsonObject[]).length).toBeGreaterThan(0)
      since = scannedTo as number
    }
    expect(pages).toBeGreaterThan(4)
  })

  it('tells of names with a prefix only, and of what happens to the whole', async () => {
    const t = await session()
    for (const key of ['a/1', 'b/1', 'a/2', 'b/2']) await t.ok('SET_KEY', { state: 'leads', key, value: 1 })
    expect(await changes(t, 0, { prefix: 'a/' })).toMatchObject([{ key: 'a/1' }, { key: 'a/2' }])
    expect(await t.ok('GET_CHANGES', { since: 0, prefix: 'c' })).toEqual({ changes: [], scanned_to: 4, version: 4 })
    expect(await t.ok('GET_CHANGES', { since: 0, prefix: 'a/', limit: 1 })).toMatchObject({ scanned_to: 2 })
    await t.ok('CLEAR_KEYS', { state: 'leads' })
    expect(await changes(t, 4, { prefix: 'c' })).toMatchObject([{ type: 'cleared' }])
  })

  it('looks at a bounded number of changes, and says how far it came', async () => {
    const t = await session({ limits: { changesUnreadPerShardMax: 100_000 } })
    for (let burst = 0; burst < 12; burst += 1) {
      await Promise.all(Array.from({ length: 1_000 }, () => t.ok('INCREMENT_KEY', { state: 'leads', key: 'n' })))
    }
    expect(await t.ok('GET_CHANGES', { since: 0, prefix: 'x', wait: 60 })).toEqual({
      changes: [],
      scanned_to: 10_000,
      version: 12_000,
    })
  })

  it('refuses what is not known any more, and never the version that stands', async () => {
    const t = await session({ limits: { changesLoggedPerShardMax: 5 } })
    for (let n = 1; n <= 8; n += 1) await t.ok('SET_KEY', { state: 'leads', key: 'k', value: n })
    expect(await t.refused('GET_CHANGES', { since: 2 })).toMatchObject({
      code: 'COMPACTED',
      since: 2,
      oldest: 4,
      version: 8,
    })
    expect((await changes(t, 3)).map(({ version }) => version)).toEqual([4, 5, 6, 7, 8])
    for (let n = 1; n <= 8; n += 1) await t.ok('SET_KEY', { state: 'other', key: 'k', value: n })
    expect(await t.refused('GET_CHANGES', { since: 7 })).toMatchObject({ code: 'COMPACTED', oldest: 9, version: 8 })
    expect(await t.ok('GET_CHANGES', { since: 8 })).toEqual({ changes: [], scanned_to: 8, version: 8 })
  })

  it('keeps no more bytes than it may', async () => {
    const t = await session({ limits: { changeLogBytesPerShardMax: 10_000 } })
    for (let n = 1; n <= 40; n += 1) await t.ok('SET_KEY', { state: 'leads', key: 'k', value: 'x'.repeat(1_000) })
    const { oldest } = await t.refused('GET_CHANGES', { since: 0 })
    expect(oldest).toBeGreaterThan(34)
    expect(oldest).toBeLessThan(38)
  })

  it('refuses a version that is still to come', async () => {
    const t = await table({ n: 1 })
    expect(await t.refused('GET_CHANGES', { since: 2 })).toMatchObject({
      code: 'VERSION_CONFLICT',
      expected: 2,
      found: 1,
    })
  })

  it('tells of a state from before its first creation, over its end, to its next', async () => {
    const t = await session()
    expect(await t.ok('GET_CHANGES', { since: -1 })).toEqual({ changes: [], scanned_to: -1, version: 0 })
    await t.ok('CREATE_STATE')
    await t.ok('CREATE_RECORD', { data: { n: 1 } })
    await t.ok('DELETE_STATE')
    expect(await t.ok('GET_CHANGES', { since: 1 })).toMatchObject({
      changes: [{ version: 2, type: 'state_deleted' }],
      scanned_to: 2,
    })
    // As it is read, a keyspace that is not there stands where it would begin.
    expect(await t.ok('GET_KEY', { state: 'leads', key: 'k' })).toMatchObject({ state_version: 3 })
    expect(await t.ok('GET_CHANGES', { since: 3 })).toMatchObject({ changes: [], scanned_to: 3 })
    expect(await t.refused('GET_CHANGES', { since: 4 })).toMatchObject({ code: 'VERSION_CONFLICT' })
    await t.ok('SET_KEY', { state: 'leads', key: 'k', value: 1 })
    expect(await changes(t, 2)).toMatchObject([
      { version: 3, type: 'state_created' },
      { version: 4, type: 'created', key: 'k' },
    ])
  })

  it.each([[{ since: -2 }], [{ since: 1.5 }], [{ since: '1' }], [{ wait: -1 }], [{ limit: 0 }], [{ prefix: 1 }]])(
    'refuses %j',
    async (fields) => {
      const t = await table()
      expect(await t.refused('GET_CHANGES', { since: 0, ...(fields as JsonObject) })).toMatchObject({
        code: 'INVALID_REQUEST',
      })
    },
  )
})
