// Transactions over real threads, one of which fails at each step: the caller hears the truth, all of it has happened or
// nothing, and the states serve again. What order they come in, and what a journal that refuses does, the simulation tries.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Engine, openEngine } from '../../src/engine.ts'
import type { StepFault } from '../../src/protocol/control.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { eventually } from '../support/eventually.ts'
import { namesOnShard } from '../support/shards.ts'

const [decider = ''] = namesOnShard(0, 2, 1)
const [participant = ''] = namesOnShard(1, 2, 1)
const [bystander = ''] = namesOnShard(1, 2, 2).slice(1)

const valueOf = async (engine: Engine, state: string): Promise<unknown> =>
  (await engine.call({ cmd: 'GET_KEY', state, key: 'count' })).value

describe('a transaction over two threads', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-transactions-'))
  let engine: Engine
  let done = 0
  const increment = (): Promise<JsonObject> =>
    engine.call({
      cmd: 'TRANSACTION',
      ops: [decider, participant].map((state) => ({ cmd: 'INCREMENT_KEY', state, key: 'count' })),
    })

  const once = (key: string): Promise<JsonObject> =>
    engine.call({
      cmd: 'TRANSACTION',
      ops: [decider, participant].map((state) => ({ cmd: 'INCREMENT_KEY', state, key: 'once' })),
      idempotency_key: key,
    })

  const deaths = (): number => engine.deaths().reduce((sum, { count }) => sum + count, 0)

  beforeAll(async () => {
    engine = await openEngine({ shards: 2, data: folder, faultsEnabled: true, limits: { shardDeathsMax: 1_000 } })
    for (const state of [decider, participant]) await engine.call({ cmd: 'SET_KEY', state, key: 'count', value: 0 })
  })
  afterAll(async () => {
    await engine.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it.each<[number, StepFault, string]>([
    [1, 'fail-before-prepare', 'SHARD_RECOVERING'],
    [1, 'fail-after-prepare', 'SHARD_RECOVERING'],
    [0, 'fail-before-decide', 'SHARD_RECOVERING'],
    [0, 'fail-after-decide', 'ok'],
    [1, 'fail-before-finish', 'ok'],
    [1, 'fail-after-finish', 'ok'],
  ])('of which shard %i meets %s, ends as %s, whole', async (shard, fault, outcome) => {
    const before = deaths()
    await engine.injectFault(shard, fault)
    const reply = await increment()
    expect(reply.code ?? 'ok').toBe(outcome)
    if (outcome === 'ok') done += 1
    await eventually('the shard died', () => deaths() > before)
    await eventually('the shard is back', () => engine.router.isReady)
    expect(await engine.call({ cmd: 'SET_KEY', state: bystander, key: 'a', value: 1 })).toMatchObject({ status: 'ok' })
    expect([await valueOf(engine, decider), await valueOf(engine, participant)]).toEqual([done, done])
    expect(await increment()).toMatchObject({ status: 'ok' })
    done += 1
    // It has come to its end everywhere before the next fault is armed.
    expect(await valueOf(engine, participant)).toBe(done)
  })

  const replies: JsonObject[] = []

  it.each<[number, StepFault]>([
    [1, 'fail-after-prepare'],
    [0, 'fail-before-decide'],
    [0, 'fail-after-decide'],
    [1, 'fail-before-finish'],
  ])('runs once under an idempotency key, where shard %i meets %s', async (shard, fault) => {
    const key = `key ${replies.length}`
    const before = deaths()
    await engine.injectFault(shard, fault)
    await eventually('the transaction has run', async () => (await once(key)).status === 'ok')
    await eventually('the shard died', () => deaths() > before)
    await eventually('the shard is back', () => engine.router.isReady)
    replies.push(await once(key))
    const count = replies.length
    expect(replies.at(-1)).toMatchObject({ results: [{ value: count }, { value: count }] })
  })

  it('is there as a whole when everything starts again, and does not run again', async () => {
    await engine.close()
    engine = await openEngine({ data: folder, faultsEnabled: true })
    expect([await valueOf(engine, decider), await valueOf(engine, participant)]).toEqual([done, done])
    expect(await Promise.all(replies.map((_, index) => once(`key ${index}`)))).toEqual(replies)
  })
})
