// Locks in a shard whose clocks the test moves: expiry, waiters, new starts, a journal that refuses, and what a fence is
// worth while a big command takes its steps.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import { committed, KeepingJournal, Store } from '../support/keeping-journal.ts'
import { type HarnessOptions, ShardHarness } from '../support/shard-harness.ts'

const lock = 'deploy'
const take = (fields: JsonObject = {}): JsonObject => ({ cmd: 'TRY_LOCK', lock, ttl: 10, ...fields })
const wait = (fields: JsonObject = {}): JsonObject => ({ cmd: 'LOCK', lock, ttl: 10, timeout: 60, ...fields })
const unlock = (owner: string, fields: JsonObject = {}): JsonObject => ({ cmd: 'UNLOCK', lock, owner, ...fields })
const get: JsonObject = { cmd: 'GET_LOCK', lock }

async function started(options: HarnessOptions = {}, store = new Store()) {
  const journal = new KeepingJournal(store)
  const harness = await ShardHarness.started({ journal, ...options })
  const call = async (command: JsonObject): Promise<JsonObject> => (await harness.call(command)) as JsonObject
  const post = async (...commands: (JsonObject | JsonObject[])[]): Promise<number[]> => {
    const ids = harness.post(...commands)
    await harness.idle()
    return ids
  }
  const pass = async (ms: number): Promise<void> => {
    harness.advance(ms)
    await harness.idle()
  }
  const replies = (ids: readonly number[]): unknown[] => ids.map((id) => harness.reply(id))
  return { harness, journal, store, call, post, pass, replies }
}

describe('the time of a lock', () => {
  it('is over for whoever asks at that very moment, and swept soon after by itself', async () => {
    const { harness, store, call, pass } = await started()
    await call(take())
    harness.advance(9_999)
    expect(await call(take())).toMatchObject({ acquired: false, expires_in: 0.001 })
    harness.advance(1)
    expect(await call(get)).toMatchObject({ held: false, token: 1 })
    expect(await call(unlock('0/1'))).toMatchObject({ released: false })
    await call(take({ lock: 'other' }))
    await pass(10_100)
    expect(harness.shard.statistics()).toMatchObject({ locks: 0, lockGrants: 2, lockExpiries: 2 })
    expect(store.commits.at(-1)?.changes).toMatchObject([{ type: 'lock_expired', lock: 'other' }])
    expect(harness.timers).toBe(0)
  })

  it('has nothing to do with the wall clock, which may go forth and back by a day', async () => {
    const { harness, call } = await started()
    await call(take())
    const dayMs = 86_400_000
    for (const byMs of [dayMs, -2 * dayMs, dayMs]) {
      harness.setWallBy(byMs)
      await harness.idle()
      expect(await call(get)).toMatchObject({ held: true, token: 1, expires_in: 10 })
      expect(await call(take())).toMatchObject({ acquired: false })
    }
    harness.setWallBy(-dayMs)
    harness.advance(10_000)
    expect(await call(take())).toMatchObject({ acquired: true, token: 2 })
  })

  it('begins anew in full after a new start, with the same owner and token', async () => {
    const { harness, store, call } = await started()
    await call(take({ owner: 'w1' }))
    harness.advance(9_000)
    await call(take({ lock: 'free', owner: 'w1' }))
    await call(unlock('w1', { lock: 'free' }))
    const again = await started({}, store)
    expect(await again.call(get)).toMatchObject({ held: true, owner: 'w1', token: 1, expires_in: 10 })
    expect(await again.call({ ...get, lock: 'free' })).toMatchObject({ held: false, token: 2 })
    again.harness.advance(9_999)
    expect(await again.call(get)).toMatchObject({ held: true })
    await again.pass(101)
    expect(await again.call(take())).toMatchObject({ acquired: true, token: 1_001 })
  })

  it('is moved by an extension, which the timer follows', async () => {
    const { call, pass } = await started()
    await call(take({ owner: 'w1' }))
    await pass(9_000)
    expect(await call({ cmd: 'EXTEND_LOCK', lock, owner: 'w1' })).toMatchObject({ extended: true })
    await pass(9_900)
    expect(await call(get)).toMatchObject({ held: true })
    await pass(200)
    expect(await call(get)).toMatchObject({ held: false })
    expect(await call({ cmd: 'EXTEND_LOCK', lock, owner: 'w1' })).toMatchObject({ extended: false })
  })
})

describe('those who wait for a lock', () => {
  it('are served in the order in which they came, each after the commit of its grant', async () => {
    const { harness, store, call, post, replies } = await started()
    await call(take({ owner: 'w0' }))
    const ids = await post(wait({ owner: 'w1' }), wait({ owner: 'w2' }), wait({ owner: 'w3' }))
    expect(replies(ids)).toEqual([null, null, null])
    expect(await call(get)).toMatchObject({ waiters: 3 })
    expect(harness.shard.statistics()).toMatchObject({ waiters: 3, lockWaiters: 3 })
    const before = store.commits.length
    await post(unlock('w0'), take(), get)
    expect(store.commits[before]?.changes.map(({ type }) => type)).toEqual(['lock_released', 'lock_granted'])
    expect(replies(ids)).toMatchObject(
      [{ acquired: true, owner: 'w1', token: 2 }, null, null].map((each) => each ?? {}),
    )
    expect(harness.reply(ids[1] as number)).toBeNull()
    await call(unlock('w1'))
    await call(unlock('w2'))
    expect(replies(ids)).toMatchObject([{ token: 2 }, { token: 3 }, { token: 4 }])
    expect(harness.shard.statistics()).toMatchObject({ waiters: 0, lockWaiters: 0 })
  })

  it('are served by the expiry of whoever has it, though nobody asks', async () => {
    const { harness, call, post, pass } = await started()
    await call(take())
    const [id = 0] = await post(wait({ owner: 'w1' }))
    await pass(10_100)
    expect(harness.reply(id)).toMatchObject({ acquired: true, owner: 'w1', token: 2, expires_in: 10 })
  })

  it('come before whoever asks when its time is over, even if so much else is due that it is not swept yet', async () => {
    const { harness, call, post, replies } = await started()
    for (let index = 0; index < 1_500; index += 1) harness.post(take({ lock: `n${index}` }))
    await harness.idle()
    await call(take({ ttl: 10.001 }))
    const [waiting = 0] = await post(wait({ owner: 'first' }))
    harness.advance(10_001)
    const ids = await post(take(), wait({ timeout: 0 }), wait({ owner: 'second' }))
    expect(harness.reply(waiting)).toMatchObject({ acquired: true, owner: 'first' })
    expect(replies(ids)).toMatchObject([{ acquired: false }, { acquired: false }, {}])
    expect(harness.reply(ids[2] as number)).toBeNull()
    await call(unlock('first'))
    expect(harness.reply(ids[2] as number)).toMatchObject({ acquired: true, owner: 'second' })
  })

  it('hear that they have not got it when their time is over, and are not served later', async () => {
    const { harness, call, post, pass } = await started()
    await call(take({ owner: 'w0', ttl: 100 }))
    const [id = 0] = await post(wait({ timeout: 5 }))
    await pass(5_100)
    expect(harness.reply(id)).toEqual({ status: 'ok', acquired: false, owner: null, token: null, expires_in: 94.9 })
    await call(unlock('w0'))
    expect(await call(get)).toMatchObject({ held: false, waiters: 0 })
  })

  it('leave with their caller', async () => {
    const { harness, call, post, replies } = await started()
    await call(take({ owner: 'w0' }))
    const ids = await post(wait({ owner: 'gone' }), wait({ owner: 'w2' }))
    harness.shard.receive({ number: 99, entries: [[ids[0] as number, 'cancel', lock, null]] })
    await harness.idle()
    expect(await call(get)).toMatchObject({ waiters: 1 })
    await call(unlock('w0'))
    expect(replies(ids)).toMatchObject([{ acquired: false }, { acquired: true, owner: 'w2' }])
  })

  it('wait for a lock, and not for what happens to a state or a key of its name', async () => {
    const { harness, call, post } = await started()
    await call(take({ owner: 'w0' }))
    const [id = 0] = await post(wait())
    const [pop = 0] = await post({ cmd: 'POP_LIST', state: lock, key: 'q', wait: 60 })
    await call({ cmd: 'PUSH_LIST', state: lock, key: 'q', item: 1 })
    expect(harness.reply(pop)).toMatchObject({ item: 1 })
    expect(harness.reply(id)).toBeNull()
    expect(harness.shard.statistics()).toMatchObject({ waiters: 1, lockWaiters: 1 })
  })

  it('may not stand beside other commands of a message', async () => {
    const { harness, call } = await started()
    await call(take())
    const [refused, other] = (await harness.call([wait(), get])) as [JsonObject, JsonObject]
    expect(refused).toMatchObject({ code: 'INVALID_REQUEST' })
    expect(other).toMatchObject({ held: true, waiters: 0 })
  })
})

describe('a journal that refuses', () => {
  it('leaves who had a lock and who waits for it as they were, and takes no token', async () => {
    const { harness, journal, call, post } = await started()
    await call(take({ owner: 'w0' }))
    const [waiting = 0] = await post(wait({ owner: 'w1' }))
    journal.plan = () => ({ outcome: 'refused', code: 'STORAGE_FULL' })
    expect(await call(unlock('w0'))).toMatchObject({ code: 'STORAGE_FULL' })
    expect(await call(take({ lock: 'other' }))).toMatchObject({ code: 'STORAGE_FULL' })
    expect(harness.reply(waiting)).toBeNull()
    expect(await call(get)).toMatchObject({ held: true, owner: 'w0', token: 1, waiters: 1 })
    journal.plan = () => committed
    expect(await call(unlock('w0'))).toMatchObject({ released: true })
    expect(harness.reply(waiting)).toMatchObject({ acquired: true, owner: 'w1', token: 2 })
  })

  it('lets a lock that is due go another time, and nobody see it held meanwhile', async () => {
    const { harness, journal, call, pass } = await started()
    await call(take())
    journal.plan = () => ({ outcome: 'refused', code: 'STORAGE_FULL' })
    await pass(10_100)
    expect(await call(get)).toMatchObject({ held: false, token: 1 })
    expect(await call(take())).toMatchObject({ code: 'STORAGE_FULL' })
    journal.plan = () => committed
    await pass(2_000)
    expect(harness.shard.statistics()).toMatchObject({ locks: 0, lockExpiries: 1 })
    expect(await call(take())).toMatchObject({ acquired: true, token: 2 })
  })

  it('remembers again what was forgotten for a release that came to nothing', async () => {
    const { journal, call } = await started({ limits: { freeLocksPerShardMax: 1 } })
    await call(take({ lock: 'a', owner: 'w' }))
    await call(unlock('w', { lock: 'a' }))
    await call(take({ lock: 'b', owner: 'w' }))
    journal.plan = () => ({ outcome: 'refused', code: 'STORAGE_FULL' })
    await call(unlock('w', { lock: 'b' }))
    expect(await call({ ...get, lock: 'a' })).toMatchObject({ held: false, token: 1 })
  })
})

describe('tokens', () => {
  it('are reserved a thousand at a time, urgently, and never given twice over new starts', async () => {
    const store = new Store()
    let last = 0
    for (let life = 0; life < 5; life += 1) {
      const { harness, call } = await started({}, store)
      for (let round = 0; round < 30; round += 1) {
        const { token } = await call(take({ lock: `n${round % 3}`, owner: 'w' }))
        expect(token).toBeGreaterThan(last)
        last = token as number
        await call(unlock('w', { lock: `n${round % 3}` }))
      }
      expect(harness.failures).toEqual([])
    }
    const urgent = store.commits.filter(({ isUrgent }) => isUrgent)
    expect(urgent).toHaveLength(5)
    expect(store.locks.reserved).toBe(5_000)
  })
})

describe('a fence', () => {
  it('is looked at again with every step of a big command, as the lock may change hands in between', async () => {
    const { harness, call, post } = await started()
    await call({ cmd: 'CREATE_STATE', state: 's' })
    await call(take({ lock: 'guard', owner: 'w1' }))
    const data = Array.from({ length: 20_000 }, (_, index) => ({ index }))
    const [big = 0] = harness.post({ cmd: 'SET_STATE', state: 's', data, fence: { lock: 'guard', token: 1 } })
    await harness.turn()
    expect(harness.reply(big)).toBeUndefined()
    const [released = 0, taken = 0] = await post(unlock('w1', { lock: 'guard' }), take({ lock: 'guard' }))
    expect(harness.reply(released)).toMatchObject({ released: true })
    expect(harness.reply(taken)).toMatchObject({ acquired: true, token: 2 })
    expect(harness.reply(big)).toMatchObject({ code: 'FENCED', newest: 2 })
    expect(await call({ cmd: 'GET_STATE_INFO', state: 's' })).toMatchObject({ current_length: 0, version: 0 })
    const again = { cmd: 'SET_STATE', state: 's', data, fence: { lock: 'guard', token: 2 } }
    expect(await call(again)).toMatchObject({ accepted: 20_000 })
  })

  it('keeps a write of an older token out that was waiting when the newer one was granted', async () => {
    const { harness, call, post } = await started()
    await call(take({ owner: 'w1' }))
    const fence = { lock, token: 1 }
    const [pop = 0] = await post({ cmd: 'POP_LIST', state: 'k', key: 'q', wait: 60, fence })
    await call(unlock('w1'))
    await call(take())
    await call({ cmd: 'PUSH_LIST', state: 'k', key: 'q', item: 'only once' })
    expect(harness.reply(pop)).toMatchObject({ code: 'FENCED', newest: 2 })
    expect(await call({ cmd: 'LIST_LENGTH', state: 'k', key: 'q' })).toMatchObject({ length: 1 })
  })

  it('stops a holder that was held up past its time, by its first write', async () => {
    const { harness, call } = await started()
    const stale = { lock, token: (await call(take({ owner: 'slow' }))).token as number }
    harness.advance(10_000)
    // Nobody else has had it yet.
    expect(await call({ cmd: 'SET_KEY', state: 'k', key: 'a', value: 1, fence: stale })).toMatchObject({ status: 'ok' })
    await call(take({ owner: 'fast' }))
    const late = { cmd: 'SET_KEY', state: 'k', key: 'a', value: 2, fence: stale }
    expect(await call(late)).toMatchObject({ code: 'FENCED' })
    expect(await call({ cmd: 'GET_KEY', state: 'k', key: 'a' })).toMatchObject({ value: 1 })
  })
})
