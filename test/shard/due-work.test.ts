// What time brings about: keys that expire, leases that end, and the timer that sees to both. The clock is the test's.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import { committed, KeepingJournal, Store } from '../support/keeping-journal.ts'
import { ShardHarness } from '../support/shard-harness.ts'

const state = 'k'

async function ok(harness: ShardHarness, cmd: string, fields: JsonObject = {}): Promise<JsonObject> {
  const { status, ...reply } = (await harness.call({ cmd, state, ...fields })) as JsonObject
  expect(status, JSON.stringify(reply)).toBe('ok')
  return reply
}

async function started(store = new Store()): Promise<{ harness: ShardHarness; journal: KeepingJournal; store: Store }> {
  const journal = new KeepingJournal(store)
  return { harness: await ShardHarness.started({ journal }), journal, store }
}

function changeTypes(store: Store): string[] {
  return store.commits.flatMap(({ changes }) => changes.map(({ type }) => type))
}

describe('a key that has come to its end', () => {
  it('is removed by the shard itself within a tenth of a second, with a change of its own', async () => {
    const { harness, store } = await started()
    await ok(harness, 'SET_KEY', { key: 'a', value: 1, ttl: 10 })
    harness.advance(9_999)
    await harness.idle()
    expect(harness.shard.statistics()).toMatchObject({ keys: 1, expiries: 0 })
    harness.advance(100)
    await harness.idle()
    expect(harness.shard.statistics()).toMatchObject({ keys: 0, expiries: 1, keyBytes: 0 })
    expect(changeTypes(store)).toEqual(['state_created', 'created', 'expired'])
    expect(harness.timers).toBe(0)
  })

  it('is seen by nobody from that very moment on, and the next write begins anew', async () => {
    const { harness, store } = await started()
    await ok(harness, 'SET_KEY', { key: 'a', value: 1, ttl: 10 })
    harness.advance(9_999)
    expect(await ok(harness, 'GET_TTL', { key: 'a' })).toEqual({ ttl: 0.001, state_version: 1 })
    harness.advance(1)
    expect(await ok(harness, 'SET_KEY', { key: 'a', value: 2 })).toEqual({ version: 1, revision: 3, state_version: 3 })
    expect(changeTypes(store)).toEqual(['state_created', 'created', 'expired', 'created'])
  })

  it.each<[string, JsonObject, JsonObject]>([
    ['GET_KEY', { key: 'a', default: 'none' }, { value: 'none', version: 0 }],
    ['KEY_EXISTS', { key: 'a' }, { exists: false }],
    ['GET_TTL', { key: 'a' }, { ttl: -2 }],
    ['LIST_KEYS', {}, { keys: ['b'] }],
    ['LIST_LENGTH', { key: 'a' }, { length: 0 }],
    ['POP_LIST', { key: 'a' }, { item: null }],
    ['DELETE_KEY', { key: 'a' }, { deleted: false }],
    ['SET_TTL', { key: 'a', ttl: 5 }, { updated: false }],
    ['CREATE_KEY', { key: 'a', value: 1 }, { version: 1 }],
    ['COMPARE_AND_SET', { key: 'a', value: 1, version: 0 }, { version: 1 }],
    ['INCREMENT_KEY', { key: 'a' }, { value: 1 }],
    ['CLEAR_KEYS', { pattern: 'a' }, { cleared: 0 }],
  ])('is none for %s, though more is due than one batch brings about', async (cmd, fields, reply) => {
    const { harness } = await started()
    await ok(harness, 'SET_KEY', { key: 'b', value: 1 })
    for (let index = 0; index < 2_500; index += 1) {
      harness.post({ cmd: 'SET_KEY', state, key: `c${index}`, value: 1, ttl: 5 })
    }
    harness.post({ cmd: 'SET_KEY', state, key: 'a', value: [1], ttl: 10 })
    await harness.idle()
    harness.advance(10_000)
    // Those that end before it fill the heads of the first two batches: that of the timer, and that of the command.
    expect(await ok(harness, cmd, fields)).toMatchObject(reply)
    await harness.idle()
    expect(harness.shard.statistics()).toMatchObject({ expiries: 2_501 })
  })

  it('leaves nothing behind where its end was moved or taken away', async () => {
    const { harness } = await started()
    for (let ttl = 1; ttl <= 50; ttl += 1) await ok(harness, 'SET_KEY', { key: 'a', value: 1, ttl })
    await ok(harness, 'SET_TTL', { key: 'a', ttl: 500 })
    harness.advance(499_000)
    await harness.idle()
    expect(await ok(harness, 'GET_TTL', { key: 'a' })).toMatchObject({ ttl: 1 })
    await ok(harness, 'SET_KEY', { key: 'a', value: 1 })
    harness.advance(1e9)
    await harness.idle()
    expect(await ok(harness, 'KEY_EXISTS', { key: 'a' })).toMatchObject({ exists: true })
  })

  it('waits on one timer, however many keys have an end, and on none for longer than a minute', async () => {
    const { harness } = await started()
    for (let index = 0; index < 500; index += 1) {
      harness.post({ cmd: 'SET_KEY', state: `s${index % 7}`, key: `${index}`, value: 1, ttl: 1e12 - index })
    }
    await harness.idle()
    expect(harness.timers).toBe(1)
    harness.advance(60_050)
    await harness.idle()
    expect(harness.timers).toBe(1)
    expect(harness.shard.statistics()).toMatchObject({ keys: 500, expiries: 0 })
  })

  it('does not go while a command takes its steps over its keyspace', async () => {
    const { harness, store } = await started()
    for (let index = 0; index < 30_000; index += 1) {
      harness.post({ cmd: 'SET_KEY', state, key: `${index}`, value: 1, ttl: 10 })
    }
    await harness.idle()
    const before = store.commits.length
    const [clear] = harness.post({ cmd: 'CLEAR_KEYS', state, pattern: '*' })
    harness.advance(20_000)
    await harness.idle()
    expect(store.commits.length - before, 'it takes more than one turn').toBeGreaterThan(1)
    // It was asked when all of them were still there.
    expect(harness.reply(clear as number)).toMatchObject({ cleared: 30_000 })
    expect(harness.shard.statistics()).toMatchObject({ keys: 0, expiries: 0 })
  })
})

describe('a lease whose time is over', () => {
  it('puts its item back to the first end within a tenth of a second, one delivery on', async () => {
    const { harness, store } = await started()
    await ok(harness, 'SET_KEY', { key: 'q', value: ['a', 'b', 'c'] })
    const { token } = await ok(harness, 'POP_LIST', { key: 'q', end: 'last', lease: 30 })
    harness.advance(29_999)
    await harness.idle()
    expect(await ok(harness, 'LIST_LENGTH', { key: 'q' })).toMatchObject({ length: 2 })
    harness.advance(100)
    await harness.idle()
    expect((await ok(harness, 'GET_KEY', { key: 'q' })).value).toEqual(['c', 'a', 'b'])
    expect(await ok(harness, 'ACK_ITEM', { key: 'q', token: token as number })).toMatchObject({ acknowledged: false })
    expect(await ok(harness, 'POP_LIST', { key: 'q', end: 'first', lease: 30 })).toMatchObject({
      item: 'c',
      deliveries: 2,
    })
    expect(changeTypes(store)).toEqual(['state_created', 'created', 'leased', 'returned', 'leased'])
  })

  it('comes before the expiry of nothing but its own key, with which it goes', async () => {
    const { harness, store } = await started()
    await ok(harness, 'SET_KEY', { key: 'q', value: ['a'], ttl: 10 })
    await ok(harness, 'POP_LIST', { key: 'q', lease: 5 })
    harness.advance(20_000)
    await harness.idle()
    expect(changeTypes(store)).toEqual(['state_created', 'created', 'leased', 'expired'])
    expect(harness.shard.statistics()).toMatchObject({ keys: 0, listItems: 0, pendingItems: 0 })
    expect(harness.timers).toBe(0)
  })

  it('begins anew, in full, when the shard is started again', async () => {
    const { harness, store } = await started()
    await ok(harness, 'SET_KEY', { key: 'q', value: ['a', 'b'] })
    // The clock of the second life stands far behind that of the first.
    harness.advance(1e9)
    await ok(harness, 'POP_LIST', { key: 'q', end: 'first', lease: 30 })
    const again = await started(store)
    expect(again.harness.shard.statistics()).toMatchObject({ listItems: 1, pendingItems: 1 })
    again.harness.advance(29_999)
    await again.harness.idle()
    expect((await ok(again.harness, 'GET_KEY', { key: 'q' })).value).toEqual(['b'])
    again.harness.advance(100)
    await again.harness.idle()
    expect((await ok(again.harness, 'GET_KEY', { key: 'q' })).value).toEqual(['a', 'b'])
  })
})

describe('a journal that refuses', () => {
  const full = { outcome: 'refused', code: 'STORAGE_FULL' } as const

  it('leaves what is due for a second, and reads go on without it', async () => {
    const { harness, journal } = await started()
    await ok(harness, 'SET_KEY', { key: 'a', value: 1, ttl: 10 })
    await ok(harness, 'SET_KEY', { key: 'b', value: 1 })
    let asked = 0
    journal.plan = () => {
      asked += 1
      return full
    }
    harness.advance(10_050)
    await harness.idle()
    expect(asked).toBe(1)
    expect(await ok(harness, 'GET_KEY', { key: 'a' })).toMatchObject({ value: null })
    expect(await ok(harness, 'LIST_KEYS')).toMatchObject({ keys: ['b'] })
    expect(await harness.call({ cmd: 'SET_KEY', state, key: 'a', value: 1 })).toMatchObject({ code: 'STORAGE_FULL' })
    expect(harness.shard.statistics()).toMatchObject({ keys: 2 })
    journal.plan = () => committed
    harness.advance(2_000)
    await harness.idle()
    expect(harness.shard.statistics()).toMatchObject({ keys: 1, expiries: 1 })
  })

  it('has every change of keys, items and leases taken back exactly', async () => {
    const { harness, journal } = await started()
    await ok(harness, 'SET_KEY', { key: 'q', value: ['a', 'b', 'c'], ttl: 1_000 })
    await ok(harness, 'SET_KEY', { key: 'n', value: 5 })
    await ok(harness, 'SET_KEY', { key: 'e', value: 5, ttl: 1 })
    const { token } = await ok(harness, 'POP_LIST', { key: 'q', end: 'first', lease: 500 })
    const before = await contents(harness)
    journal.plan = () => full
    const ids = harness.post(
      { cmd: 'PUSH_LIST', state, key: 'q', item: 'x', end: 'first' },
      { cmd: 'POP_LIST', state, key: 'q' },
      { cmd: 'POP_LIST', state, key: 'q', lease: 5 },
      { cmd: 'RETURN_ITEM', state, key: 'q', token: token as number },
      { cmd: 'SET_TTL', state, key: 'q', ttl: null },
      { cmd: 'SET_KEY', state, key: 'q', value: [1, 2] },
      { cmd: 'PUSH_LIST', state, key: 'q', item: 3 },
      { cmd: 'DELETE_KEY', state, key: 'q' },
      { cmd: 'PUSH_LIST', state, key: 'q', item: 4 },
      { cmd: 'INCREMENT_KEY', state, key: 'n' },
      { cmd: 'SET_KEY', state, key: 'new', value: 1, ttl: 5 },
      { cmd: 'CLEAR_KEYS', state, pattern: 'n*' },
      { cmd: 'CLEAR_KEYS', state },
      { cmd: 'SET_KEY', state, key: 'q', value: 1 },
      { cmd: 'DELETE_STATE', state },
      { cmd: 'SET_KEY', state, key: 'q', value: 2 },
      { cmd: 'SET_KEY', state: 'another', key: 'q', value: 2 },
    )
    await harness.idle()
    for (const id of ids) expect(harness.reply(id)).toMatchObject({ code: 'STORAGE_FULL' })
    expect(await contents(harness)).toEqual(before)
    journal.plan = () => committed
    expect(await ok(harness, 'ACK_ITEM', { key: 'q', token: token as number })).toMatchObject({ acknowledged: true })
    harness.advance(1_000_100)
    await harness.idle()
    expect(await ok(harness, 'LIST_KEYS')).toMatchObject({ keys: ['n'] })
  })

  it('keeps the slices of a patterned clear that it took, and refuses the rest', async () => {
    const { harness, journal, store } = await started()
    for (let index = 0; index < 30_000; index += 1) harness.post({ cmd: 'SET_KEY', state, key: `${index}`, value: 1 })
    await harness.idle()
    const before = store.commits.length
    journal.plan = () => (store.commits.length > before ? full : committed)
    expect(await harness.call({ cmd: 'CLEAR_KEYS', state, pattern: '*' })).toMatchObject({ code: 'STORAGE_FULL' })
    const kept = store.commits.slice(before).reduce((sum, { changes }) => sum + changes.length, 0)
    expect(kept).toBeGreaterThan(0)
    expect(harness.shard.statistics()).toMatchObject({ keys: 30_000 - kept })
  })
})

/** All that can be read, and all that is counted. */
async function contents(harness: ShardHarness): Promise<unknown> {
  const { keys } = (await ok(harness, 'LIST_KEYS')) as { keys: string[] }
  const found: unknown[] = []
  for (const key of keys) found.push(key, await ok(harness, 'GET_KEY', { key }), await ok(harness, 'GET_TTL', { key }))
  const { keys: count, keyBytes, listItems, pendingItems, keyspaces } = harness.shard.statistics()
  return { found, count, keyBytes, listItems, pendingItems, keyspaces }
}
