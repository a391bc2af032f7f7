// Write messages that come again: each runs once, whoever sends it again gets the first reply, and a shard that was started
// again knows them as well as the one before.
import { describe, expect, it } from 'vitest'
import type { Numbered } from '../../src/protocol/mailbox.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { committed, KeepingJournal, Store } from '../support/keeping-journal.ts'
import { ShardHarness } from '../support/shard-harness.ts'

const state = 'k'
const ann = 'a'.repeat(32)
const bob = 'b'.repeat(32)
const increment = { cmd: 'INCREMENT_KEY', state, key: 'n' }
const read = { cmd: 'GET_KEY', state, key: 'n' }
const pop = { cmd: 'POP_LIST', state, key: 'q', wait: 10 }
const push = { cmd: 'PUSH_LIST', state, key: 'q', item: 1 }

interface Sent {
  readonly number: number
  readonly settled?: number
  readonly session?: string
  readonly mayBeLost?: boolean
}

async function started(store = new Store(), limits = {}) {
  const journal = new KeepingJournal(store)
  const harness = await ShardHarness.started({ journal, limits })
  const post = (commands: JsonObject | JsonObject[], sent: Sent): number => {
    const { number, settled = 0, session = ann, mayBeLost = false } = sent
    const numbered: Numbered = [session, number, settled, mayBeLost]
    const [id] = harness.postEntries([['values', state, commands, numbered]])
    return id as number
  }
  const send = async (commands: JsonObject | JsonObject[], sent: Sent): Promise<unknown> => {
    const id = post(commands, sent)
    await harness.idle()
    return harness.reply(id)
  }
  const counter = async (): Promise<unknown> => ((await harness.call(read)) as JsonObject).value
  return { harness, journal, post, send, counter, store }
}

const ok = (fields: JsonObject): unknown => expect.objectContaining({ status: 'ok', ...fields })

describe('a write message that comes again', () => {
  it('is answered with the reply that it had, and not run again', async () => {
    const { harness, send, counter } = await started()
    const first = await send([increment, read], { number: 1 })
    expect(first).toEqual([ok({ value: 1 }), ok({ value: 1 })])
    await harness.call(increment)
    expect(await send([increment, read], { number: 1 })).toEqual(first)
    expect(await counter()).toBe(2)
    expect(harness.shard.statistics()).toMatchObject({ sessions: 1, repliesKept: 1, retriesAnswered: 1 })
  })

  it('is one of its own for each session and each number', async () => {
    const { send, counter } = await started()
    await send(increment, { number: 1 })
    await send(increment, { number: 2 })
    await send(increment, { number: 1, session: bob })
    expect(await counter()).toBe(3)
  })

  it('while the first is decided is answered together with it', async () => {
    const { harness, post, counter } = await started()
    const ids = [1, 2, 3].map(() => post([increment], { number: 1 }))
    await harness.idle()
    expect(ids.map((id) => harness.reply(id))).toEqual([[ok({ value: 1 })], [ok({ value: 1 })], [ok({ value: 1 })]])
    expect(await counter()).toBe(1)
  })

  it('while a long command of it takes its steps is run once, too', async () => {
    const { harness, post, store } = await started()
    await harness.call({ cmd: 'CREATE_STATE', state })
    const fill = { cmd: 'SET_STATE', state, data: Array.from({ length: 3_000 }, (_, n) => ({ n })) }
    const ids = [post(fill, { number: 1 })]
    await harness.turn()
    ids.push(post(fill, { number: 1 }))
    await harness.idle()
    expect(ids.map((id) => harness.reply(id))).toEqual([ok({ version: 1 }), ok({ version: 1 })])
    expect(store.states.get(state)?.version).toBe(1)
  })

  it('is answered the same by the next life of the shard', async () => {
    const first = await started()
    const reply = await first.send([increment], { number: 7 })
    const { send, counter, harness } = await started(first.store)
    expect(harness.shard.statistics()).toMatchObject({ sessions: 1, repliesKept: 1 })
    expect(await send([increment], { number: 7 })).toEqual(reply)
    expect(await counter()).toBe(1)
  })

  it('is answered the same by the next life if the shard died after the commit, before the reply', async () => {
    const first = await started()
    const commit = first.journal.commit.bind(first.journal)
    first.journal.commit = async (batch) => {
      await commit(batch)
      return { outcome: 'unknown', reason: 'the disk went away' }
    }
    expect(await first.send([increment, increment], { number: 1 })).toBeUndefined()
    const { send, counter } = await started(first.store)
    expect(await send([increment, increment], { number: 1 })).toEqual([ok({ value: 1 }), ok({ value: 2 })])
    expect(await counter()).toBe(2)
  })

  it('goes on where the shard died in the middle of a long command, and runs nothing twice', async () => {
    const first = await started()
    await first.harness.call({ cmd: 'CREATE_STATE', state })
    const data = Array.from({ length: 20_000 }, (_, n) => ({ n }))
    const create = { cmd: 'CREATE_RECORD', state, data: { n: 0 } }
    const message = [create, { cmd: 'SET_STATE', state, data }, create]
    first.post(message, { number: 1 })
    await first.harness.turn()
    expect([...first.store.kept.values()]).toMatchObject([{ value: { answers: [{ command: 'CREATE_RECORD' }] } }])

    const { send, store } = await started(first.store)
    const reply = (await send(message, { number: 1 })) as JsonObject[]
    expect(reply).toMatchObject([{ version: 1 }, { version: 2 }, { version: 3 }])
    expect(await send(message, { number: 1 })).toEqual(reply)
    expect(store.states.get(state)?.version).toBe(3)
  })

  it('as another message than before is refused', async () => {
    const { harness, send } = await started()
    await send(increment, { number: 1 })
    const [id] = harness.postEntries([['values', 'other', { ...increment, state: 'other' }, [ann, 1, 0, false]]])
    await harness.idle()
    expect(harness.reply(id as number)).toMatchObject({ code: 'INVALID_REQUEST' })
  })
})

describe('a write message that waits', () => {
  it('and comes again keeps its place, and both are answered', async () => {
    const { harness, post } = await started()
    const first = post(pop, { number: 1 })
    const other = post(pop, { number: 1, session: bob })
    await harness.idle()
    const again = post(pop, { number: 1 })
    await harness.idle()
    expect(harness.reply(again)).toBeNull()
    expect(harness.shard.statistics()).toMatchObject({ waiters: 2 })
    await harness.call(push)
    expect([first, again, other].map((id) => harness.reply(id))).toEqual([ok({ item: 1 }), ok({ item: 1 }), null])
  })

  it('is not called off by the end of the connection that it came on first', async () => {
    const { harness, post } = await started()
    const first = post(pop, { number: 1 })
    await harness.idle()
    const again = post(pop, { number: 1 })
    harness.shard.receive({ number: 9, entries: [[first, 'cancel', state, null]] })
    await harness.idle()
    expect(harness.reply(first)).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    await harness.call(push)
    expect(harness.reply(again)).toEqual(ok({ item: 1 }))
  })

  it('runs anew when it comes again after it was called off', async () => {
    const { harness, post } = await started()
    const first = post(pop, { number: 1 })
    await harness.idle()
    harness.shard.receive({ number: 9, entries: [[first, 'cancel', state, null]] })
    await harness.idle()
    expect(harness.reply(first)).toEqual(ok({ item: null }))
    const again = post(pop, { number: 1 })
    await harness.idle()
    await harness.call(push)
    expect(harness.reply(again)).toEqual(ok({ item: 1 }))
  })

  it('has its row in the commit that serves it', async () => {
    const first = await started()
    first.post(pop, { number: 1 })
    await first.harness.idle()
    await first.harness.call(push)
    const { send } = await started(first.store)
    expect(await send(pop, { number: 1 })).toEqual(ok({ item: 1 }))
  })
})

describe('what is kept of write messages', () => {
  it('goes when the client says that it has the replies, from the journal with the next row', async () => {
    const { harness, send, store } = await started()
    for (let number = 1; number <= 5; number += 1) await send(increment, { number, settled: number })
    expect([...store.kept.values()].map(({ key }) => key)).toEqual([`${ann}/15`])
    expect(harness.shard.statistics()).toMatchObject({ repliesKept: 1 })
    expect(await send(increment, { number: 4, settled: 5 })).toMatchObject({ code: 'SESSION_EXPIRED', number: 4 })
    const next = await started(store)
    expect(await next.send(increment, { number: 4 })).toMatchObject({ code: 'SESSION_EXPIRED' })
    expect(await next.counter()).toBe(5)
  })

  it('is no row for a message that changed nothing, but the same refusal again', async () => {
    const { send, store } = await started()
    const create = { cmd: 'CREATE_KEY', state, key: 'c', value: 1 }
    await send(create, { number: 1 })
    const refused = await send(create, { number: 2 })
    expect(refused).toMatchObject({ code: 'KEY_EXISTS' })
    await send({ cmd: 'DELETE_KEY', state, key: 'c' }, { number: 3 })
    expect(await send(create, { number: 2 })).toEqual(refused)
    expect([...store.kept.values()].map(({ key }) => key)).toEqual([`${ann}/11`, `${ann}/13`])
  })

  it('is a row for a message of which a part was refused', async () => {
    const first = await started()
    const create = { cmd: 'CREATE_KEY', state, key: 'c', value: 1 }
    const mixed = await first.send([create, create], { number: 1 })
    expect(mixed).toMatchObject([{ status: 'ok' }, { code: 'KEY_EXISTS' }])
    const { send } = await started(first.store)
    expect(await send([create, create], { number: 1 })).toEqual(mixed)
  })

  it('is nothing in the journal if the journal refuses', async () => {
    const { journal, send, store, counter } = await started()
    journal.plan = () => ({ outcome: 'refused', code: 'STORAGE_FULL' })
    expect(await send(increment, { number: 1 })).toMatchObject({ code: 'STORAGE_FULL' })
    expect(store.kept.size).toBe(0)
    journal.plan = () => committed
    expect(await send(increment, { number: 1 }), 'its client knows that it did not run').toMatchObject({
      code: 'STORAGE_FULL',
    })
    expect(await counter()).toBeNull()
    expect(await send(increment, { number: 2, settled: 2 })).toEqual(ok({ value: 1 }))
  })

  it('is dropped once the session was idle for too long', async () => {
    const { harness, send, store, counter } = await started(new Store(), { sessionIdleMs: 1_000 })
    await send(increment, { number: 3 })
    harness.advance(1_001)
    await send(increment, { number: 1, session: bob })
    expect(harness.shard.statistics()).toMatchObject({ sessions: 1 })
    expect([...store.kept.values()].map(({ key }) => key)).toEqual([`${bob}/11`])
    expect(await send(increment, { number: 3 })).toMatchObject({ code: 'SESSION_EXPIRED' })
    expect(await send(increment, { number: 4, settled: 4 })).toEqual(ok({ value: 3 }))
    expect(await counter()).toBe(3)
  })

  it('stays while a message of the session waits', async () => {
    const { harness, post, send } = await started(new Store(), { sessionIdleMs: 1_000 })
    const waiting = post({ ...pop, wait: 60 }, { number: 1 })
    await harness.idle()
    harness.advance(1_001)
    await send(push, { number: 1, session: bob })
    expect(harness.reply(waiting)).toEqual(ok({ item: 1 }))
    expect(harness.shard.statistics()).toMatchObject({ sessions: 2 })
  })

  it('is bounded: a session too many, and a reply too many, are refused and not run', async () => {
    const few = await started(new Store(), { sessionsPerShardMax: 1 })
    await few.send(increment, { number: 1 })
    expect(await few.send(increment, { number: 1, session: bob })).toMatchObject({ code: 'OVERLOADED' })
    expect(await few.counter()).toBe(1)

    const small = await started(new Store(), { keptReplyBytesPerShardMax: 300 })
    await small.send(increment, { number: 1 })
    await small.send(increment, { number: 2 })
    expect(await small.send(increment, { number: 3 })).toMatchObject({ code: 'OVERLOADED' })
    expect(await small.send(increment, { number: 3, settled: 3 })).toEqual(ok({ value: 3 }))
  })
})

describe('a shard that keeps nothing', () => {
  it('does not run what was sent before to a life that is over', async () => {
    const { MemoryJournal } = await import('../../src/journal/memory.ts')
    const harness = await ShardHarness.started({ journal: new MemoryJournal() })
    const [lost, fresh] = harness.postEntries([
      ['values', state, increment, [ann, 1, 1, true]],
      ['values', state, increment, [ann, 2, 1, false]],
    ])
    await harness.idle()
    expect(harness.reply(lost as number)).toMatchObject({ code: 'SESSION_EXPIRED' })
    expect(harness.reply(fresh as number)).toEqual(ok({ value: 1 }))
    const [again] = harness.postEntries([['values', state, increment, [ann, 2, 1, true]]])
    await harness.idle()
    expect(harness.reply(again as number)).toEqual(ok({ value: 1 }))
  })
})
