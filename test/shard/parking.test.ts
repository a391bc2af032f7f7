// POP_LIST with `wait`: who is served, in which order, when; and what a journal, a deadline or a drain make of it.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import { committed, KeepingJournal, Store } from '../support/keeping-journal.ts'
import { ShardHarness } from '../support/shard-harness.ts'

const state = 'k'
const pop = (fields: JsonObject = {}): JsonObject => ({ cmd: 'POP_LIST', state, key: 'q', wait: 10, ...fields })
const push = (item: number): JsonObject => ({ cmd: 'PUSH_LIST', state, key: 'q', item })

async function started(limits = {}) {
  const journal = new KeepingJournal(new Store())
  const harness = await ShardHarness.started({ journal, limits })
  const post = async (...commands: JsonObject[]): Promise<number[]> => {
    const ids = harness.post(...commands)
    await harness.idle()
    return ids
  }
  const replies = (ids: readonly number[]): unknown[] => ids.map((id) => harness.reply(id))
  return { harness, journal, post, replies }
}

const item = (value: unknown): unknown => expect.objectContaining({ status: 'ok', item: value })

describe('a pop that waits', () => {
  it('is answered at once where there is an item', async () => {
    const { harness } = await started()
    await harness.call(push(1))
    expect(await harness.call(pop())).toEqual({ status: 'ok', item: 1, state_version: 2 })
  })

  it('is answered when an item comes, first come first served', async () => {
    const { harness, post, replies } = await started()
    const ids = await post(pop(), pop({ end: 'first' }), pop({ lease: 5 }), pop())
    expect(replies(ids)).toEqual([null, null, null, null])
    expect(harness.shard.statistics()).toMatchObject({ waiters: 4, keyspaces: 0 })
    await post(push(1), push(2))
    expect(replies(ids)).toEqual([item(1), item(2), null, null])
    await post({ cmd: 'SET_KEY', state, key: 'q', value: [7, 8, 9] })
    expect(harness.reply(ids[2] as number)).toMatchObject({ item: 9, deliveries: 1 })
    expect(harness.reply(ids[3] as number)).toMatchObject({ item: 8 })
    expect(await harness.call({ cmd: 'GET_KEY', state, key: 'q' })).toMatchObject({ value: [7] })
    expect(harness.shard.statistics()).toMatchObject({ waiters: 0 })
    // What they were given is a version each, and nobody else's.
    const versions = ids.map((id) => (harness.reply(id) as { state_version: number }).state_version)
    expect(new Set(versions).size).toBe(4)
  })

  it('comes before a pop that is sent after the item', async () => {
    const { post, replies } = await started()
    const [first] = await post(pop())
    const ids = await post(push(1), pop({ wait: 0 }))
    expect(replies([first as number, ...ids])).toMatchObject([{ item: 1 }, { length: 1 }, { item: null }])
  })

  it('waits for its own key of its own state only', async () => {
    const { post, replies } = await started()
    const ids = await post(pop(), pop({ key: 'other' }), pop({ state: 'other' }))
    await post({ ...push(1), key: 'other' })
    expect(replies(ids)).toEqual([null, item(1), null])
    await post({ ...push(2), state: 'other' })
    expect(replies(ids)).toEqual([null, item(1), item(2)])
  })

  it('answers null once its time is over, with the version that stands', async () => {
    const { harness, post } = await started()
    const [id] = await post(pop())
    await post({ cmd: 'SET_KEY', state, key: 'other', value: 1 })
    harness.advance(9_999)
    await harness.idle()
    expect(harness.reply(id as number)).toBeNull()
    harness.advance(100)
    await harness.idle()
    expect(harness.reply(id as number)).toEqual({ status: 'ok', item: null, state_version: 1 })
    await post(push(5))
    expect(await harness.call({ cmd: 'LIST_LENGTH', state, key: 'q' })).toMatchObject({ length: 1 })
  })

  it('is given an item whose lease is over, before its own time is', async () => {
    const { harness, post } = await started()
    await post(push(1), pop({ lease: 10 }))
    const [id] = await post(pop({ lease: 60 }))
    harness.advance(10_050)
    await harness.idle()
    expect(harness.reply(id as number)).toMatchObject({ item: 1, deliveries: 2 })
  })

  it('is given an item that is returned', async () => {
    const { harness, post } = await started()
    await post(push(1))
    const { token } = (await harness.call(pop({ lease: 10 }))) as { token: number }
    const [id] = await post(pop())
    await post({ cmd: 'RETURN_ITEM', state, key: 'q', token })
    expect(harness.reply(id as number)).toMatchObject({ item: 1 })
  })

  it.each<[string, JsonObject, JsonObject]>([
    ['text is written', { cmd: 'SET_KEY', state, key: 'q', value: 'text' }, { code: 'WRONG_TYPE' }],
    ['a table is created', { cmd: 'CREATE_STATE', state }, { code: 'WRONG_KIND' }],
  ])('is refused when %s where it waits', async (_what, command, refusal) => {
    const { harness, post } = await started()
    const [id] = await post(pop())
    await post(command)
    expect(harness.reply(id as number)).toMatchObject(refusal)
  })

  it('goes on waiting over a key and a state that go', async () => {
    const { harness, post } = await started()
    await post(push(1), pop({ wait: 0 }))
    const [id] = await post(pop())
    await post(
      { cmd: 'DELETE_KEY', state, key: 'q' },
      { cmd: 'CLEAR_KEYS', state },
      { cmd: 'DELETE_STATE', state },
      { cmd: 'SET_KEY', state, key: 'q', value: [] },
    )
    expect(harness.reply(id as number)).toBeNull()
    await post(push(2))
    expect(harness.reply(id as number)).toMatchObject({ item: 2 })
  })

  it('is refused beside other commands, and where too many wait', async () => {
    const { harness, post, replies } = await started({ waitersPerShardMax: 2 })
    expect(await harness.call([pop(), push(1)])).toMatchObject([
      { code: 'INVALID_REQUEST', reason: 'a command that waits must be the only one of its message' },
      { status: 'ok' },
    ])
    await post(pop({ wait: 0 }))
    const ids = await post(pop(), pop(), pop())
    expect(replies(ids)).toEqual([null, null, expect.objectContaining({ code: 'OVERLOADED' })])
    await post(push(1))
    expect(replies(await post(pop()))).toEqual([null])
  })

  it('is the only one of an array, if it comes in one', async () => {
    const { harness, post } = await started()
    const [id] = harness.post([pop()])
    await harness.idle()
    await post(push(1))
    expect(harness.reply(id as number)).toEqual([item(1)])
  })
})

describe('a journal that refuses', () => {
  const full = { outcome: 'refused', code: 'STORAGE_FULL' } as const

  it('leaves whoever was to be served in its place', async () => {
    const { harness, journal, post, replies } = await started()
    const waiting = await post(pop(), pop(), pop())
    journal.plan = () => full
    expect(replies(await post(push(1), push(2)))).toMatchObject([{ code: 'STORAGE_FULL' }, { code: 'STORAGE_FULL' }])
    expect(replies(waiting)).toEqual([null, null, null])
    journal.plan = () => committed
    await post(push(3))
    await post(push(4), push(5))
    expect(replies(waiting)).toEqual([item(3), item(4), item(5)])
    expect(harness.order.filter((id) => waiting.includes(id)).length).toBe(6)
  })

  it('has a command that was parked in the refused batch wait all the same, behind those before it', async () => {
    const { journal, post, replies } = await started()
    const [first] = await post(pop())
    journal.plan = () => full
    const [second] = await post(pop(), { cmd: 'SET_KEY', state, key: 'x', value: 1 }, push(9))
    journal.plan = () => committed
    await post(push(1))
    expect(replies([first, second] as number[])).toEqual([item(1), null])
    await post(push(2))
    expect(replies([first, second] as number[])).toEqual([item(1), item(2)])
  })

  it('does not keep a caller from hearing that its time is over', async () => {
    const { harness, journal, post } = await started()
    const [id] = await post(pop())
    await post({ cmd: 'SET_KEY', state, key: 'x', value: 1, ttl: 10 })
    journal.plan = () => full
    harness.advance(10_100)
    await harness.idle()
    harness.advance(100)
    await harness.idle()
    expect(harness.reply(id as number)).toMatchObject({ item: null })
  })
})

describe('a notice of the router', () => {
  it('holds though the journal refuses what came with it', async () => {
    const { harness, journal, post, replies } = await started()
    const [gone, drained] = await post(pop(), pop())
    journal.plan = () => ({ outcome: 'refused', code: 'STORAGE_FULL' })
    const [late] = harness.postEntries([['values', state, pop()]])
    harness.postEntries([['values', state, { cmd: 'SET_KEY', state, key: 'x', value: 1 }]])
    harness.shard.receive({
      number: 99,
      entries: [
        [gone as number, 'cancel', state, null],
        [0, 'drain', '', null],
      ],
    })
    await harness.idle()
    expect(replies([gone, drained, late] as number[])).toEqual([
      item(null),
      expect.objectContaining({ code: 'SHUTTING_DOWN' }),
      expect.objectContaining({ code: 'SHUTTING_DOWN' }),
    ])
    expect(harness.shard.statistics()).toMatchObject({ waiters: 0 })
  })

  it('that a caller is gone takes it out of the queue', async () => {
    const { harness, post, replies } = await started()
    const ids = await post(pop(), pop())
    harness.shard.receive({ number: 99, entries: [[ids[0] as number, 'cancel', state, null]] })
    harness.shard.receive({ number: 100, entries: [[12_345, 'cancel', state, null]] })
    await post(push(1))
    expect(replies(ids)).toEqual([item(null), item(1)])
    expect(harness.shard.statistics()).toMatchObject({ waiters: 0 })
  })

  it('that it drains refuses all who wait, and whoever would', async () => {
    const { harness, post, replies } = await started()
    const ids = await post(pop(), pop({ key: 'other' }))
    harness.shard.receive({ number: 99, entries: [[0, 'drain', '', null]] })
    await harness.idle()
    expect(replies(ids)).toMatchObject([{ code: 'SHUTTING_DOWN' }, { code: 'SHUTTING_DOWN' }])
    expect(await harness.call(pop())).toMatchObject({ code: 'SHUTTING_DOWN' })
    expect(await harness.call(pop({ wait: 0 }))).toMatchObject({ item: null })
  })
})
