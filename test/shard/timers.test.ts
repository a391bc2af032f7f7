// Timers of machines: fired by the shard itself, kept over a restart, taken back with a refused commit, and forged by
// nobody. The clock is the test's.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import { committed, KeepingJournal, Store } from '../support/keeping-journal.ts'
import { ShardHarness } from '../support/shard-harness.ts'

const state = 'm'

async function ok(harness: ShardHarness, cmd: string, fields: JsonObject = {}): Promise<JsonObject> {
  const { status, ...reply } = (await harness.call({ cmd, state, ...fields })) as JsonObject
  expect(status, JSON.stringify(reply)).toBe('ok')
  return reply
}

async function started(store = new Store()): Promise<{ harness: ShardHarness; journal: KeepingJournal; store: Store }> {
  const journal = new KeepingJournal(store)
  return { harness: await ShardHarness.started({ journal }), journal, store }
}

const session = {
  initial: 'active',
  states: {
    active: { on: { TOUCH: { target: 'active', reenter: true }, CLOSE: 'closed' }, after: { 10_000: 'idle' } },
    idle: { on: { TOUCH: 'active' }, after: { 5_000: 'closed' } },
    closed: { type: 'final' },
  },
}

async function create(harness: ShardHarness, definition: JsonObject = session): Promise<void> {
  await ok(harness, 'CREATE_STATE', { kind: 'machine', definition })
  await ok(harness, 'CREATE_INSTANCE')
}

async function valueOf(harness: ShardHarness): Promise<unknown> {
  return (await ok(harness, 'GET_INSTANCE', { id: 1 })).value
}

/** Nothing comes any more, however long one waits. */
async function expectNothingDue(harness: ShardHarness, store: Store): Promise<void> {
  const commits = store.commits.length
  harness.advance(1_000_000)
  await harness.idle()
  expect([store.commits.length, harness.timers]).toEqual([commits, 0])
}

describe('a timer of a machine', () => {
  it('is fired by the shard itself within a tenth of a second, with a change of its own', async () => {
    const { harness, store } = await started()
    await create(harness)
    harness.advance(9_999)
    await harness.idle()
    expect(store.commits).toHaveLength(2)
    harness.advance(100)
    await harness.idle()
    expect(store.commits.at(-1)?.changes).toMatchObject([{ subject: 'instance', type: 'updated', id: 1, version: 2 }])
    expect(await valueOf(harness)).toBe('idle')
    expect((await ok(harness, 'GET_HISTORY', { id: 1 })).history).toMatchObject([
      { from: 'active', to: 'idle', event: 'xstate.after.10000.(machine).active', version: 2 },
    ])
  })

  it('has fired for any command from that very moment on', async () => {
    const { harness } = await started()
    await create(harness)
    harness.advance(10_000)
    expect(await ok(harness, 'SEND_EVENT', { id: 1, event: 'TOUCH' })).toMatchObject({
      from: 'idle',
      to: 'active',
      version: 3,
    })
    harness.advance(10_000)
    expect(await ok(harness, 'GET_INSTANCE', { id: 1 })).toMatchObject({ value: 'idle', version: 4 })
    harness.advance(5_000)
    expect(await ok(harness, 'GET_HISTORY', { id: 1 })).toMatchObject({ version: 5 })
  })

  it('starts anew when its state is entered again, and ends when it is left', async () => {
    const { harness, store } = await started()
    await create(harness)
    harness.advance(9_000)
    await ok(harness, 'SEND_EVENT', { id: 1, event: 'TOUCH' })
    harness.advance(9_000)
    expect(await valueOf(harness)).toBe('active')
    await ok(harness, 'SEND_EVENT', { id: 1, event: 'CLOSE' })
    await expectNothingDue(harness, store)
  })

  it.each<[string, JsonObject]>([
    ['DELETE_INSTANCE', { id: 1 }],
    ['DELETE_STATE', {}],
    ['SET_DEFINITION', { definition: { initial: 'active', states: { active: {} } } }],
  ])('is gone after %s', async (cmd, fields) => {
    const { harness, store } = await started()
    await create(harness)
    await ok(harness, cmd, fields)
    await expectNothingDue(harness, store)
  })

  it('fires once after a downtime, and the next deadline counts from that firing', async () => {
    const { harness, store } = await started()
    await create(harness)
    await harness.shard.stop()
    const again = await started(store)
    again.harness.advance(1_000_000)
    expect(await valueOf(again.harness)).toBe('idle')
    again.harness.advance(4_999)
    expect(await valueOf(again.harness)).toBe('idle')
    again.harness.advance(1)
    expect(await ok(again.harness, 'GET_INSTANCE', { id: 1 })).toMatchObject({ value: 'closed', done: true })
  })

  it('fires again when the journal refused what it brought about', async () => {
    const { harness, journal } = await started()
    await create(harness)
    journal.plan = () => ({ outcome: 'refused', code: 'STORAGE_FULL' })
    harness.advance(10_100)
    await harness.idle()
    journal.plan = () => committed
    expect(await ok(harness, 'GET_STATE_INFO')).toMatchObject({ version: 1 })
    harness.advance(1_100)
    await harness.idle()
    expect(await ok(harness, 'GET_STATE_INFO')).toMatchObject({ version: 2 })
    expect(await valueOf(harness)).toBe('idle')
  })

  it('that leads back into its own state without entering it again fires once', async () => {
    const { harness } = await started()
    await create(harness, { initial: 'a', states: { a: { after: { 10: { target: 'a', actions: 'tick' } } } } })
    harness.advance(1_000)
    await harness.idle()
    expect(await ok(harness, 'GET_STATE_INFO')).toMatchObject({ version: 2 })
    expect(harness.timers).toBe(0)
  })

  it('that is blocked by an inner state is given up', async () => {
    const { harness } = await started()
    await create(harness, { initial: 'a', states: { a: { after: { 10: {} } } } })
    harness.advance(1_000)
    await harness.idle()
    expect(await ok(harness, 'GET_HISTORY', { id: 1 })).toMatchObject({ history: [], version: 2 })
    expect(harness.timers).toBe(0)
  })

  it('of thousands of instances fire in bounded batches, and commands come in between', async () => {
    const { harness, store } = await started()
    await ok(harness, 'CREATE_STATE', { kind: 'machine', definition: session })
    for (let count = 0; count < 2_500; count += 1) harness.post({ cmd: 'CREATE_INSTANCE', state })
    await harness.idle()
    const before = store.commits.length
    harness.advance(10_100)
    await harness.idle()
    const sizes = store.commits.slice(before).map(({ changes }) => changes.length)
    expect(sizes).toEqual([1_000, 1_000, 500])
    expect((await ok(harness, 'LIST_INSTANCES', { in_state: 'idle' })).instances).toHaveLength(2_500)
  })
})

describe('an instance', () => {
  it('is as it was after a restart: value, history states, context, what happened and what is due', async () => {
    const { harness, store } = await started()
    const definition = {
      initial: 'on',
      states: {
        on: {
          initial: 'a',
          on: { OFF: 'off' },
          states: { a: { on: { NEXT: 'b' } }, b: {}, last: { type: 'history' } },
        },
        off: { on: { ON: 'on.last' }, after: { 60_000: 'gone' } },
        gone: {},
      },
    }
    await create(harness, definition)
    for (const event of ['NEXT', 'OFF']) await ok(harness, 'SEND_EVENT', { id: 1, event, data: { [event]: true } })
    const before = [await ok(harness, 'GET_INSTANCE', { id: 1 }), await ok(harness, 'GET_HISTORY', { id: 1 })]
    await harness.shard.stop()
    const { harness: again } = await started(store)
    expect([await ok(again, 'GET_INSTANCE', { id: 1 }), await ok(again, 'GET_HISTORY', { id: 1 })]).toEqual(before)
    expect(await ok(again, 'SEND_EVENT', { id: 1, event: 'ON' })).toMatchObject({ to: { on: 'b' } })
  })

  it('is taken back with a commit that is refused', async () => {
    const { harness, journal } = await started()
    await create(harness)
    const before = await ok(harness, 'GET_INSTANCE', { id: 1 })
    journal.plan = () => ({ outcome: 'refused', code: 'STORAGE_FULL' })
    for (const [cmd, fields] of [
      ['SEND_EVENT', { id: 1, event: 'CLOSE', data: { a: 1 } }],
      ['DELETE_INSTANCE', { id: 1 }],
      ['CREATE_INSTANCE', {}],
      ['SET_DEFINITION', { definition: { initial: 'active', states: { active: {} } } }],
    ] as const) {
      expect(await harness.call({ cmd, state, ...fields })).toMatchObject({ code: 'STORAGE_FULL' })
    }
    journal.plan = () => committed
    expect(await ok(harness, 'GET_INSTANCE', { id: 1 })).toEqual(before)
    expect(await ok(harness, 'CREATE_INSTANCE')).toMatchObject({ id: 2 })
    expect(harness.shard.statistics()).toMatchObject({ machines: 1, instances: 2 })
  })
})
