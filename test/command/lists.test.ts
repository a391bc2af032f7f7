// Lists and work queues: both ends, leases, and what becomes of items that are out.
import { describe, expect, it } from 'vitest'
import type { CommandName } from '../../src/protocol/commands.ts'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { type Session, session } from '../support/session.ts'

const key = 'jobs'

async function listOf(...items: JsonValue[]): Promise<Session> {
  const t = await session()
  await t.ok('SET_KEY', { key, value: items })
  return t
}

async function items(t: Session): Promise<JsonValue> {
  return (await t.ok('GET_KEY', { key })).value ?? null
}

describe('a list', () => {
  it('is pushed to, and popped from, at the last end unless told otherwise', async () => {
    const t = await session()
    expect(await t.ok('PUSH_LIST', { key, item: 1 })).toEqual({ length: 1, state_version: 1 })
    expect(await t.ok('PUSH_LIST', { key, item: { a: 2 } })).toEqual({ length: 2, state_version: 2 })
    expect(await t.ok('PUSH_LIST', { key, item: [0], end: 'first' })).toEqual({ length: 3, state_version: 3 })
    expect(await items(t)).toEqual([[0], 1, { a: 2 }])
    expect(await t.ok('POP_LIST', { key })).toEqual({ item: { a: 2 }, state_version: 4 })
    expect(await t.ok('POP_LIST', { key, end: 'first' })).toEqual({ item: [0], state_version: 5 })
    expect(await t.ok('LIST_LENGTH', { key })).toEqual({ length: 1, state_version: 5 })
    expect(await t.ok('POP_LIST', { key, end: 'last' })).toEqual({ item: 1, state_version: 6 })
  })

  it('stays an empty list when it is emptied, and answers null', async () => {
    const t = await listOf('only')
    await t.ok('POP_LIST', { key })
    expect(await t.ok('POP_LIST', { key })).toEqual({ item: null, state_version: 2 })
    expect(await items(t)).toEqual([])
    expect(await t.ok('KEY_EXISTS', { key })).toMatchObject({ exists: true })
    expect(await t.ok('POP_LIST', { key: 'none' })).toEqual({ item: null, state_version: 2 })
    expect(await t.ok('LIST_LENGTH', { key: 'none' })).toEqual({ length: 0, state_version: 2 })
  })

  it('gives a keyspace that is not there nothing, and does not create it', async () => {
    const t = await session()
    expect(await t.ok('POP_LIST', { key })).toEqual({ item: null, state_version: 0 })
    expect(await t.ok('ACK_ITEM', { key, token: 1 })).toEqual({ acknowledged: false, state_version: 0 })
    expect(await t.ok('LIST_STATES')).toEqual({ states: [] })
  })

  it('raises the version of its key with every push and pop', async () => {
    const t = await listOf(1, 2)
    await t.ok('PUSH_LIST', { key, item: 3 })
    await t.ok('POP_LIST', { key })
    expect(await t.ok('GET_VERSION', { key })).toEqual({ version: 3, revision: 3, state_version: 3 })
  })

  it.each<[CommandName, JsonObject]>([
    ['PUSH_LIST', { item: 1 }],
    ['POP_LIST', {}],
    ['LIST_LENGTH', {}],
    ['ACK_ITEM', { token: 1 }],
    ['RETURN_ITEM', { token: 1 }],
  ])('is not what any other value is: %s', async (name, fields) => {
    const t = await session()
    for (const value of ['text', 5, null, {}]) {
      await t.ok('SET_KEY', { key, value })
      expect(await t.refused(name, { key, ...fields })).toEqual({
        code: 'WRONG_TYPE',
        message: "The value of key 'jobs' is not a list",
        key,
        expected: 'a list',
      })
    }
  })

  it('takes an item of 1 MiB and none that is larger, while all of it may be larger', async () => {
    const t = await session({ limits: { valueBytesMax: 1_000 } })
    for (let count = 0; count < 5; count += 1)
      await t.ok('PUSH_LIST', { key, item: 'x'.repeat(998 - (count === 0 ? 2 : 0)) })
    expect(await t.refused('PUSH_LIST', { key, item: 'x'.repeat(999) })).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      what: 'The size of an item in bytes',
    })
    expect(((await items(t)) as JsonValue[]).length).toBe(5)
  })

  it('of thousands of items is read in one piece, in its order', async () => {
    const all = Array.from({ length: 5_000 }, (_, index) => index)
    const t = await listOf(...all)
    expect(await items(t)).toEqual(all)
    for (let count = 0; count < 3; count += 1) await t.ok('POP_LIST', { key, end: 'first' })
    expect(await items(t)).toEqual(all.slice(3))
  })
})

describe('an item on a lease', () => {
  it('is out of the list, and gone for good once it is acknowledged', async () => {
    const t = await listOf('a', 'b')
    const popped = await t.ok('POP_LIST', { key, end: 'first', lease: 60 })
    expect(popped).toEqual({ item: 'a', token: 2, deliveries: 1, state_version: 2 })
    expect(await items(t)).toEqual(['b'])
    expect(await t.ok('LIST_LENGTH', { key })).toMatchObject({ length: 1 })
    expect(await t.ok('ACK_ITEM', { key, token: 2 })).toEqual({ acknowledged: true, state_version: 3 })
    expect(await t.ok('ACK_ITEM', { key, token: 2 })).toEqual({ acknowledged: false, state_version: 3 })
    expect(await t.ok('RETURN_ITEM', { key, token: 2 })).toEqual({ returned: false, state_version: 3 })
    expect(await items(t)).toEqual(['b'])
  })

  it('goes back to the first end when it is returned, and counts its deliveries', async () => {
    const t = await listOf('a', 'b', 'c')
    const { token } = await t.ok('POP_LIST', { key, lease: 60 })
    expect(await t.ok('RETURN_ITEM', { key, token: token as number })).toEqual({ returned: true, state_version: 3 })
    expect(await items(t)).toEqual(['c', 'a', 'b'])
    expect(await t.ok('POP_LIST', { key, end: 'first', lease: 60 })).toMatchObject({ item: 'c', deliveries: 2 })
    expect(await t.ok('ACK_ITEM', { key, token: token as number })).toMatchObject({ acknowledged: false })
  })

  it('is null on an empty list, without a token', async () => {
    const t = await listOf()
    expect(await t.ok('POP_LIST', { key, lease: 60 })).toEqual({ item: null, state_version: 1 })
  })

  it.each<[string, CommandName, JsonObject]>([
    ['deleted', 'DELETE_KEY', {}],
    ['written anew', 'SET_KEY', { value: ['new'] }],
    ['swapped', 'COMPARE_SWAP', { old: [], new: ['new'] }],
    ['cleared', 'CLEAR_KEYS', {}],
  ])('goes with its key when that is %s', async (_what, name, fields) => {
    const t = await listOf('a')
    const { token } = await t.ok('POP_LIST', { key, lease: 60 })
    await t.ok(name, { ...(name !== 'CLEAR_KEYS' && { key }), ...fields })
    const before = await t.ok('LIST_LENGTH', { key })
    expect(await t.ok('RETURN_ITEM', { key, token: token as number })).toMatchObject({ returned: false })
    expect(await t.ok('ACK_ITEM', { key, token: token as number })).toMatchObject({ acknowledged: false })
    expect(await t.ok('LIST_LENGTH', { key })).toEqual(before)
  })

  it('keeps its token over a new time to live of its key', async () => {
    const t = await listOf('a')
    const { token } = await t.ok('POP_LIST', { key, lease: 60 })
    await t.ok('SET_TTL', { key, ttl: 60 })
    expect(await t.ok('ACK_ITEM', { key, token: token as number })).toMatchObject({ acknowledged: true })
  })
})
