// Commands under idempotency keys: the same one is answered again and runs once, for some minutes, over restarts.
import { describe, expect, it } from 'vitest'
import { MemoryJournal } from '../../src/journal/memory.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { committed, KeepingJournal, Store } from '../support/keeping-journal.ts'
import { ShardHarness } from '../support/shard-harness.ts'

const state = 'k'
const key = { idempotency_key: 'order-7' }
const increment = { cmd: 'INCREMENT_KEY', state, key: 'n' }
const pop = { cmd: 'POP_LIST', state, key: 'q', wait: 10 }
const push = { cmd: 'PUSH_LIST', state, key: 'q', item: 1 }

async function started(store = new Store(), limits = {}) {
  const journal = new KeepingJournal(store)
  const harness = await ShardHarness.started({ journal, limits })
  const call = async (command: JsonObject): Promise<JsonObject> => (await harness.call(command)) as JsonObject
  const counter = async (): Promise<unknown> => (await call({ cmd: 'GET_KEY', state, key: 'n' })).value
  const post = async (command: JsonObject): Promise<number> => {
    const [id] = harness.post(command)
    await harness.idle()
    return id as number
  }
  return { harness, journal, call, counter, post, store }
}

describe('a command under an idempotency key', () => {
  it('runs once, and its reply is given again, with the number of who asks', async () => {
    const { harness, call, counter } = await started()
    const first = await call({ ...increment, ...key })
    expect(first).toMatchObject({ status: 'ok', value: 1, state_version: 1 })
    await call(increment)
    expect(await call({ ...increment, ...key, request_id: 9 })).toEqual({ ...first, request_id: 9 })
    expect(await counter()).toBe(2)
    expect(harness.shard.statistics()).toMatchObject({ repliesKept: 1, retriesAnswered: 1 })
  })

  it('is the same command in whatever order its fields stand, and in whatever case its name', async () => {
    const { call } = await started()
    await call({ cmd: 'SET_KEY', state, key: 'v', value: { a: 1, b: [{ c: 1, d: 2 }] }, ...key })
    const again = { ...key, value: { b: [{ d: 2, c: 1 }], a: 1 }, key: 'v', state, cmd: 'set_key' }
    expect(await call(again)).toMatchObject({ status: 'ok', version: 1 })
  })

  it.each<[string, JsonObject]>([
    ['another command', { cmd: 'DECREMENT_KEY', state, key: 'n' }],
    ['other arguments', { ...increment, by: 2 }],
  ])('is refused with %s', async (_, other) => {
    const { call, counter } = await started()
    await call({ ...increment, ...key })
    expect(await call({ ...other, ...key })).toMatchObject({ code: 'KEY_REUSED', idempotency_key: 'order-7' })
    expect(await counter()).toBe(1)
  })

  it('is on its own state only', async () => {
    const { call } = await started()
    await call({ ...increment, ...key })
    expect(await call({ ...increment, state: 'other', ...key })).toMatchObject({ value: 1, state_version: 1 })
  })

  it('twice in one batch runs once', async () => {
    const { harness, counter } = await started()
    const ids = harness.post({ ...increment, ...key }, { ...increment, ...key })
    await harness.idle()
    expect(ids.map((id) => harness.reply(id))).toMatchObject([{ value: 1 }, { value: 1 }])
    expect(await counter()).toBe(1)
  })

  it('runs again after a refusal', async () => {
    const { call } = await started()
    const create = { cmd: 'CREATE_KEY', state, key: 'c', value: 1, ...key }
    await call({ cmd: 'SET_KEY', state, key: 'c', value: 0 })
    expect(await call(create)).toMatchObject({ code: 'KEY_EXISTS' })
    await call({ cmd: 'DELETE_KEY', state, key: 'c' })
    expect(await call(create)).toMatchObject({ status: 'ok' })
  })

  it('that changed nothing is answered again, too', async () => {
    const first = await started()
    const remove = { cmd: 'DELETE_KEY', state, key: 'n', ...key }
    expect(await first.call(remove)).toMatchObject({ deleted: false })
    await first.call(increment)
    const { call, counter } = await started(first.store)
    expect(await call(remove)).toMatchObject({ deleted: false })
    expect(await counter()).toBe(1)
  })

  it('with steps runs once', async () => {
    const { call, store } = await started()
    await call({ cmd: 'CREATE_STATE', state: 't' })
    const data = Array.from({ length: 3_000 }, (_, n) => ({ n }))
    const set = { cmd: 'SET_STATE', state: 't', data, ...key }
    const first = await call(set)
    expect(await call(set)).toEqual(first)
    expect(store.states.get('t')?.version).toBe(1)
    expect(await call({ ...set, data: data.slice(1) })).toMatchObject({ code: 'KEY_REUSED' })
  })

  it('is known to the next life of the shard', async () => {
    const first = await started()
    const reply = await first.call({ ...increment, ...key })
    const { call, counter } = await started(first.store)
    expect(await call({ ...increment, ...key })).toEqual(reply)
    expect(await call({ ...increment, by: 2, ...key })).toMatchObject({ code: 'KEY_REUSED' })
    expect(await counter()).toBe(1)
  })

  it('runs where nothing is kept for one life of the shard, once', async () => {
    const harness = await ShardHarness.started({ journal: new MemoryJournal() })
    expect(await harness.call({ ...increment, ...key })).toMatchObject({ value: 1 })
    expect(await harness.call({ ...increment, ...key })).toMatchObject({ value: 1 })
  })

  it('leaves nothing behind if the journal refuses', async () => {
    const { journal, call, store, counter } = await started()
    journal.plan = () => ({ outcome: 'refused', code: 'STORAGE_FULL' })
    expect(await call({ ...increment, ...key })).toMatchObject({ code: 'STORAGE_FULL' })
    expect(store.kept.size).toBe(0)
    journal.plan = () => committed
    expect(await call({ ...increment, ...key })).toMatchObject({ value: 1 })
    expect(await counter()).toBe(1)
  })
})

describe('an idempotency key', () => {
  it('is forgotten by age only, in the order in which keys came, also after a restart', async () => {
    const limits = { idempotencyKeyMs: 1_000 }
    const first = await started(new Store(), limits)
    await first.call({ ...increment, idempotency_key: 'z' })
    first.harness.advance(500)
    await first.call({ ...increment, idempotency_key: 'a' })
    const { harness, call, counter, store } = await started(first.store, limits)
    harness.advance(1_000)
    expect(await call({ ...increment, idempotency_key: 'a' })).toMatchObject({ value: 2 })
    expect(await call({ ...increment, idempotency_key: 'z' })).toMatchObject({ value: 3 })
    expect([...store.kept.values()].map((row) => row.key).sort()).toEqual(['a', 'z'])
    expect(await counter()).toBe(3)
  })

  it('too many is refused, and its command not run', async () => {
    const { call, counter } = await started(new Store(), { idempotencyKeysPerShardMax: 1 })
    await call({ ...increment, idempotency_key: 'a' })
    expect(await call({ ...increment, idempotency_key: 'b' })).toMatchObject({ code: 'OVERLOADED' })
    expect(await call({ ...increment, idempotency_key: 'a' })).toMatchObject({ value: 1 })
    expect(await counter()).toBe(1)
  })

  it.each<[string, JsonObject]>([
    ['on a read', { cmd: 'GET_KEY', state, key: 'n', ...key }],
    ['that is no string', { ...increment, idempotency_key: 7 }],
    ['that is empty', { ...increment, idempotency_key: '' }],
    ['of 65 bytes', { ...increment, idempotency_key: 'é'.repeat(32) + 'x' }],
    ['with a control character', { ...increment, idempotency_key: 'a\nb' }],
  ])('%s is refused', async (_, command) => {
    const { call } = await started()
    expect(await call(command)).toMatchObject({ code: 'INVALID_REQUEST' })
  })
})

describe('a command that waits under an idempotency key', () => {
  it('gives its place to the same command that comes again', async () => {
    const { harness, post, call } = await started()
    const first = await post({ ...pop, ...key })
    const other = await post(pop)
    const again = await post({ ...pop, ...key })
    expect(harness.reply(first)).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    expect([again, other].map((id) => harness.reply(id))).toEqual([null, null])
    await call(push)
    expect(harness.reply(again)).toMatchObject({ status: 'ok', item: 1 })
    expect(harness.reply(other)).toBeNull()
    expect(await call({ ...pop, ...key })).toMatchObject({ status: 'ok', item: 1 })
  })

  it('does not give it to another command', async () => {
    const { harness, post, call } = await started()
    const first = await post({ ...pop, ...key })
    expect(await call({ ...pop, wait: 20, ...key })).toMatchObject({ code: 'KEY_REUSED' })
    await call(push)
    expect(harness.reply(first)).toMatchObject({ item: 1 })
  })

  it('runs anew when it comes again after its time was over', async () => {
    const { harness, post, call } = await started()
    const first = await post({ ...pop, ...key })
    harness.advance(10_100)
    await harness.idle()
    expect(harness.reply(first)).toMatchObject({ item: null })
    await call(push)
    expect(await call({ ...pop, ...key })).toMatchObject({ item: 1 })
  })
})
