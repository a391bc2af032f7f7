// The steps of transactions inside one shard: what is held back and for how long, what hooks and waiters hear, and what
// comes of a journal that refuses. How shards play together, the simulation tries.
import { describe, expect, it } from 'vitest'
import type { CommitOutcome } from '../../src/journal/journal.ts'
import type { Delta } from '../../src/protocol/hooks.ts'
import { type Operation, readOperations, type TransactionStep } from '../../src/protocol/transactions.ts'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { HookSet } from '../../src/shard/hook-set.ts'
import { committed, KeepingJournal, Store } from '../support/keeping-journal.ts'
import { type HarnessOptions, ShardHarness } from '../support/shard-harness.ts'

const full: CommitOutcome = { outcome: 'refused', code: 'STORAGE_FULL' }
const operations = (...ops: JsonObject[]): Operation[] => readOperations(ops, 1_000) as Operation[]
const push = (state: string, item: JsonValue): JsonObject => ({ cmd: 'PUSH_LIST', state, key: 'jobs', item })
const pop = (state: string, fields: JsonObject = {}): JsonObject => ({ cmd: 'POP_LIST', state, key: 'jobs', ...fields })
const prepare = (transaction: string, ...ops: JsonObject[]): TransactionStep => {
  const part = { transaction, decider: 1, isDecider: false }
  return { step: 'prepare', operations: operations(...ops), part }
}
const run = (...ops: JsonObject[]): TransactionStep => ({ step: 'run', operations: operations(...ops) })
const finish = (transaction: string, isCommitted = true): TransactionStep => ({
  step: 'finish',
  transaction,
  isCommitted,
})

async function started(options: HarnessOptions = {}) {
  const harness = await ShardHarness.started(options)
  const post = (step: TransactionStep): number =>
    harness.postEntries([['transaction', '', step as object as JsonValue]])[0] as number
  const ask = async (step: TransactionStep): Promise<JsonObject> => {
    const id = post(step)
    await harness.idle()
    return harness.reply(id) as JsonObject
  }
  return { harness, post, ask }
}

describe('a transaction that is prepared', () => {
  it('holds back whatever is on its states, shows nothing of itself, and lets all others go on', async () => {
    const { harness, ask } = await started()
    await harness.call(push('a', 1))
    expect(await ask(prepare('t', push('a', 2), push('b', 3)))).toMatchObject({ status: 'ok' })
    const [waiting = 0, alsoWaiting = 0, other = 0] = harness.post(pop('a'), pop('b'), push('c', 4))
    await harness.idle()
    expect([waiting, alsoWaiting].map((id) => harness.reply(id))).toEqual([undefined, undefined])
    expect(harness.reply(other)).toMatchObject({ status: 'ok', length: 1 })
    expect(await ask(finish('t'))).toEqual({ status: 'ok' })
    expect([waiting, alsoWaiting].map((id) => harness.reply(id))).toMatchObject([{ item: 2 }, { item: 3 }])
  })

  it('leaves everything as it was when it is aborted, and is not there for whoever asks again', async () => {
    const { harness, ask } = await started()
    await harness.call(push('a', 1))
    await ask(prepare('t', push('a', 2), push('b', 3)))
    const [waiting = 0] = harness.post(pop('a'))
    expect(await ask(finish('t', false))).toEqual({ status: 'ok' })
    expect(harness.reply(waiting)).toMatchObject({ item: 1 })
    expect(await ask(finish('t', true))).toEqual({ status: 'ok' })
    expect(await harness.call({ cmd: 'LIST_STATES' })).toMatchObject({ states: ['a'] })
  })

  it('keeps what is due on its states from happening in between', async () => {
    const { harness, ask } = await started()
    await harness.call({ cmd: 'SET_KEY', state: 'a', key: 'k', value: 1, ttl: 1 })
    await ask(prepare('t', { cmd: 'INCREMENT_KEY', state: 'a', key: 'k' }))
    harness.advance(5_000)
    await harness.idle()
    expect(harness.timers).toBe(0)
    await ask(finish('t'))
    expect(await harness.call({ cmd: 'GET_KEY', state: 'a', key: 'k' })).toMatchObject({ value: null })
    expect(harness.failures).toEqual([])
  })

  it('is there again in the next life of the shard, which can bring it to either end', async () => {
    for (const isCommitted of [true, false]) {
      const store = new Store()
      const { harness, ask } = await started({ journal: new KeepingJournal(store) })
      await harness.call(push('a', 1))
      await ask(prepare('t', push('a', 2), { cmd: 'CREATE_KEY', state: 'b', key: 'k', value: 1 }))
      expect(store.commits.at(-1)).toMatchObject({ isUrgent: true, kept: [{ table: 'prepared', key: 't' }] })
      const next = await started({ journal: new KeepingJournal(store) })
      expect(await next.ask({ step: 'recovered' })).toEqual({
        status: 'ok',
        prepared: [{ transaction: 't', decider: 1 }],
        decided: [],
      })
      const [waiting = 0] = next.harness.post(pop('a'))
      await next.harness.idle()
      expect(next.harness.reply(waiting)).toBeUndefined()
      await next.ask(finish('t', isCommitted))
      // What was aborted may be asked for again; nobody will ask for what was brought about.
      expect(store.commits.some(({ changes, isUrgent }) => isUrgent === true && changes.length > 0)).toBe(isCommitted)
      expect(next.harness.reply(waiting)).toMatchObject({
        item: isCommitted ? 2 : 1,
        state_version: isCommitted ? 3 : 2,
      })
      await next.harness.shard.stop()
      expect([...store.kept.values()]).toEqual([])
    }
  })

  it('stays a promise in the next life of the shard, whoever has had the lock of its fence since', async () => {
    const store = new Store()
    const { harness, ask } = await started({ journal: new KeepingJournal(store) })
    const lock = { cmd: 'TRY_LOCK', lock: 'l', owner: 'one', ttl: 60 }
    const { token } = (await harness.call(lock)) as { token: number }
    const fence = { lock: 'l', token }
    await ask(prepare('t', { ...push('a', 1), fence }))
    await harness.call({ cmd: 'UNLOCK', lock: 'l', owner: 'one' })
    await harness.call({ ...lock, owner: 'two' })
    const next = await started({ journal: new KeepingJournal(store) })
    await next.ask(finish('t'))
    expect(await next.harness.call(pop('a'))).toMatchObject({ item: 1 })
    expect(await next.ask(prepare('u', { ...push('a', 1), fence }))).toMatchObject({ cause: { code: 'FENCED' } })
  })

  it('serves whoever waits once it is committed, and not before', async () => {
    const { harness, ask } = await started()
    const [waiting = 0] = harness.post(pop('a', { wait: 60 }))
    await harness.idle()
    await ask(prepare('t', push('a', 'job')))
    expect(harness.reply(waiting)).toBeNull()
    await ask(finish('t'))
    expect(harness.reply(waiting)).toMatchObject({ item: 'job' })
  })
})

describe('a transaction whose states are held by a big command', () => {
  it('waits for it, and holds its other states meanwhile', async () => {
    const { harness, post } = await started()
    await harness.call({ cmd: 'CREATE_STATE', state: 'big' })
    const rows = Array.from({ length: 30_000 }, (_, n) => ({ n }))
    const [replaced = 0] = harness.post({ cmd: 'SET_STATE', state: 'big', data: rows })
    const whole = post(run({ cmd: 'DELETE_RECORD', state: 'big', id: 30_000 }, push('a', 1)))
    const [popped = 0] = harness.post(pop('a'))
    await harness.turn()
    expect([replaced, whole, popped].map((id) => harness.reply(id))).toEqual([undefined, undefined, undefined])
    await harness.idle()
    expect(harness.order.slice(-3)).toEqual([replaced, whole, popped])
    expect(harness.reply(whole)).toMatchObject({ results: [{ deleted: true }, { length: 1 }] })
    expect(harness.reply(popped)).toMatchObject({ item: 1 })
  })

  it('is refused in its place if it was given up meanwhile', async () => {
    const { harness, post, ask } = await started()
    await ask(prepare('first', push('a', 1)))
    const late = post(prepare('late', push('a', 2), push('b', 2)))
    await ask(finish('late', false))
    await ask(finish('first'))
    expect(harness.reply(late)).toMatchObject({ code: 'OVERLOADED' })
    expect(await harness.call(pop('b'))).toMatchObject({ item: null })
    expect(await harness.call(pop('a'))).toMatchObject({ item: 1 })
  })
})

describe('a journal that refuses', () => {
  it('refuses what is to be run or prepared, and gives its states free', async () => {
    const journal = new KeepingJournal()
    const { harness, ask } = await started({ journal })
    journal.plan = () => full
    expect(await ask(run(push('a', 1)))).toMatchObject({ code: 'STORAGE_FULL' })
    expect(await ask(prepare('t', push('a', 1)))).toMatchObject({ code: 'STORAGE_FULL' })
    expect(await ask(run({ check: { state: 'a', key: 'jobs', exists: false } }))).toMatchObject({ status: 'ok' })
    journal.plan = () => committed
    expect(await harness.call(push('a', 2))).toMatchObject({ length: 1 })
  })

  it('never makes a shard that has voted give up: it holds its states until its part is committed', async () => {
    const journal = new KeepingJournal()
    const { harness, ask } = await started({ journal })
    await ask(prepare('t', push('a', 1)))
    journal.plan = () => full
    const [waiting = 0] = harness.post(pop('a'))
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect(await ask(finish('t'))).toMatchObject({ code: 'STORAGE_FULL' })
      expect(harness.reply(waiting)).toBeUndefined()
    }
    journal.plan = () => committed
    expect(await ask(finish('t'))).toEqual({ status: 'ok' })
    expect(harness.reply(waiting)).toMatchObject({ item: 1 })
  })

  it('has the decider abort: once that was said it is never committed', async () => {
    const journal = new KeepingJournal()
    const { harness, ask } = await started({ journal })
    const part = { transaction: 't', decider: 0, isDecider: true }
    await ask({ step: 'prepare', operations: operations(push('a', 1)), part })
    journal.plan = () => full
    expect(await ask({ step: 'decide', transaction: 't', participants: [1] })).toMatchObject({ code: 'STORAGE_FULL' })
    journal.plan = () => committed
    expect(await ask({ step: 'inquire', transaction: 't' })).toEqual({ status: 'ok', is_committed: false })
    expect(await ask({ step: 'decide', transaction: 't', participants: [1] })).toMatchObject({
      code: 'SHARD_RECOVERING',
    })
    expect(await harness.call(pop('a'))).toMatchObject({ item: null })
  })
})

describe('a decider', () => {
  it('that is asked before it has decided has decided not to', async () => {
    const { harness, ask } = await started()
    const part = { transaction: 't', decider: 0, isDecider: true }
    await ask({ step: 'prepare', operations: operations(push('a', 1)), part })
    expect(await ask({ step: 'inquire', transaction: 't' })).toEqual({ status: 'ok', is_committed: false })
    expect(await ask({ step: 'decide', transaction: 't', participants: [1] })).toMatchObject({
      code: 'SHARD_RECOVERING',
    })
    expect(await harness.call(pop('a'))).toMatchObject({ item: null })
  })

  it('remembers its decision over a restart, until it is told that nobody will ask', async () => {
    const store = new Store()
    const { ask } = await started({ journal: new KeepingJournal(store) })
    const part = { transaction: 't', decider: 0, isDecider: true }
    await ask({ step: 'prepare', operations: operations(push('a', 1)), part })
    expect(await ask({ step: 'decide', transaction: 't', participants: [1] })).toEqual({ status: 'ok' })
    expect(store.commits.at(-1)).toMatchObject({ isUrgent: true, kept: [{ table: 'decided', key: 't' }] })
    const next = await started({ journal: new KeepingJournal(store) })
    expect(await next.ask({ step: 'recovered' })).toMatchObject({ decided: [{ transaction: 't', participants: [1] }] })
    expect(await next.ask({ step: 'inquire', transaction: 't' })).toEqual({ status: 'ok', is_committed: true })
    await next.ask({ step: 'forget', transaction: 't' })
    expect(await next.harness.call(pop('a'))).toMatchObject({ item: 1 })
    expect([...store.kept.values()]).toEqual([])
  })
})

describe('on a full disk', () => {
  it('no transaction begins, and what has promised is brought about as soon as that fits', async () => {
    const journal = new KeepingJournal()
    const { harness, post, ask } = await started({ journal })
    await harness.call({ cmd: 'SET_KEY', state: 'b', key: 'k', value: 1 })
    await ask(prepare('t', push('a', 1)))
    journal.isFull = true
    expect(await ask(run(push('c', 1)))).toMatchObject({ code: 'STORAGE_FULL' })
    expect(await ask(prepare('u', push('c', 1)))).toMatchObject({ code: 'STORAGE_FULL' })
    journal.plan = ({ kept = [] }) => (kept.length > 0 ? full : committed)
    const refused = post(finish('t'))
    const [deleted = 0] = harness.post({ cmd: 'DELETE_KEY', state: 'b', key: 'k' })
    await harness.idle()
    expect(harness.reply(refused)).toMatchObject({ code: 'STORAGE_FULL' })
    expect(harness.reply(deleted)).toMatchObject({ deleted: true })
    journal.plan = () => committed
    expect(await ask(finish('t'))).toEqual({ status: 'ok' })
    expect(await harness.call({ cmd: 'GET_KEY', state: 'a', key: 'jobs' })).toMatchObject({ value: [1] })
    expect(harness.failures).toEqual([])
  })
})

describe('hooks', () => {
  it('may refuse an operation, and hear of the others when they are committed, each by its own command', async () => {
    const told: Delta[] = []
    const hooks = new HookSet({
      validate(change) {
        if ((change.new_value as JsonObject | undefined)?.n === 13) throw new Error('no 13 here')
      },
      onChange: (_state, delta) => void told.push(delta),
    })
    const { harness, ask } = await started({ hooks })
    await harness.call({ cmd: 'CREATE_STATE', state: 'jobs' })
    await harness.call({ cmd: 'CREATE_RECORD', state: 'jobs', data: { n: 1 } })
    told.length = 0
    const patch = (n: number): JsonObject => ({ cmd: 'PATCH_RECORD', state: 'jobs', id: 1, data: { n } })
    expect(await ask(run(patch(2), patch(13)))).toMatchObject({
      code: 'TRANSACTION_FAILED',
      index: 1,
      cause: { code: 'REFUSED_BY_HOOK', reason: 'no 13 here' },
    })
    await ask(prepare('t', patch(3), { cmd: 'CREATE_RECORD', state: 'jobs', data: { n: 4 } }))
    expect(told).toEqual([])
    await ask(finish('t'))
    expect(told).toEqual([{ patch_record: { id: 1, n: 3 } }, { create_record: { id: 2, n: 4 } }])
  })
})

describe('the rows of a transaction', () => {
  it('are at most ten thousand, however many operations bring them', () => {
    const data = Array.from({ length: 1_000 }, (_, n) => ({ n }))
    const ops = Array.from({ length: 11 }, (_, index) => ({ cmd: 'SET_STATE', state: `s${index}`, data }))
    expect(readOperations(ops, 1_000)).toMatchObject({ details: { index: 10, cause: { code: 'LIMIT_EXCEEDED' } } })
  })
})
