// Real threads that die in every way: the other shards do not notice, every caller hears the truth, and the shard is back.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, describe, expect, it } from 'vitest'
import { type Engine, openEngine } from '../../src/engine.ts'
import type { Fault } from '../../src/protocol/control.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { eventually } from '../support/eventually.ts'
import { namesOnShard } from '../support/shards.ts'

const shards = 2
const [victim = ''] = namesOnShard(0, shards, 1)
const [bystander = ''] = namesOnShard(1, shards, 1)
const limits = { shardHeapMegabytesMax: 64, shardDeathsMax: 1_000 }

let engine: Engine
afterEach(() => engine.close())

const write = (state: string): Promise<JsonObject> => engine.call({ cmd: 'CREATE_RECORD', state, data: { a: 1 } })
// A load that adds no records, so that memory should not grow by what is stored.
const overwrite = (state: string): Promise<JsonObject> =>
  engine.call({ cmd: 'SET_RECORD', state, id: 1, data: { a: 1 } })
const create = (state: string): Promise<JsonObject> => engine.call({ cmd: 'CREATE_STATE', state })
const codes = (replies: readonly JsonObject[]): Set<unknown> => new Set(replies.map(({ code }) => code ?? 'ok'))

/** Resolves once the shard serves again: a fresh state can be created on it. */
async function isBack(round: string): Promise<void> {
  const [name = ''] = namesOnShard(0, shards, 1, `again ${round}`)
  await eventually('the dead shard serves again', async () => (await create(name)).status === 'ok')
}

describe.each<[Fault, string]>([
  ['throw', 'failed'],
  ['exit', 'exited'],
  ['out-of-memory', 'out_of_memory'],
  ['endless-loop', 'hung'],
])('a shard that ends by %s', (fault, reason) => {
  it('answers its callers, leaves the others untouched, and is back by itself', async () => {
    // Only a loop is found by its silence; a shard that runs out of memory is silent for a while, too.
    const shardSilenceMsMax = fault === 'endless-loop' ? 500 : 30_000
    engine = await openEngine({ shards, limits: { ...limits, shardSilenceMsMax }, faultsEnabled: true })
    await create(victim)
    await create(bystander)
    const { instance } = engine.router
    await engine.injectFault(0, fault)
    const onVictim = Promise.all(Array.from({ length: 50 }, () => write(victim)))
    const onBystander = Array.from({ length: 500 }, () => write(bystander))
    expect(codes(await Promise.all(onBystander))).toEqual(new Set(['ok']))
    expect(codes(await onVictim)).toEqual(new Set(['OUTCOME_UNKNOWN']))
    await isBack(fault)
    expect(engine.deaths()).toEqual([{ shard: 0, reason, count: 1 }])
    expect(engine.router.instance, 'clients can see that states were lost').toBeGreaterThan(instance)
    expect(await engine.call({ cmd: 'GET_STATE_INFO', state: victim })).toMatchObject({ code: 'STATE_NOT_FOUND' })
    expect(await engine.call({ cmd: 'GET_STATE_INFO', state: bystander })).toMatchObject({ current_length: 500 })
  })
})

describe('requests for a shard that is down', () => {
  it('are refused as not run while it is away, and fan-outs wait for it', async () => {
    engine = await openEngine({ shards, limits, faultsEnabled: true })
    await create(bystander)
    await engine.injectFault(0, 'exit')
    await create(victim)
    // The mailbox has seen the death; the new thread needs a while.
    const reply = await write(victim)
    expect(reply).toMatchObject({ status: 'error', code: 'SHARD_RECOVERING', shard: 0 })
    const list = await engine.call({ cmd: 'LIST_STATES', request_id: 5 })
    expect(list).toEqual({ status: 'ok', states: [bystander], request_id: 5 })
  })
})

/** What is still in use by this thread. */
function heldBytes(): number {
  setFlagsFromString('--expose_gc')
  const collectGarbage = runInNewContext('gc') as () => void
  collectGarbage()
  return process.memoryUsage().heapUsed
}

describe('a shard that throws a hundred times under load', () => {
  it('leaves every caller with an answer, and neither threads nor handles nor memory behind', async () => {
    // A long log of changes would still be filling up while the memory is looked at.
    engine = await openEngine({ shards, limits: { ...limits, changesLoggedPerShardMax: 1_000 }, faultsEnabled: true })
    await create(bystander)
    await isBack('warm-up')
    const handles = (): string[] =>
      process
        .getActiveResourcesInfo()
        .filter((name) => name !== 'Timeout')
        .sort()
    const handlesBefore = handles()

    let loading = true
    const outcomes = { victim: new Map<unknown, number>(), bystander: new Map<unknown, number>() }
    let unanswered = 0
    const load = async (states: readonly string[], seen: Map<unknown, number>): Promise<void> => {
      while (loading) {
        unanswered += states.length
        const replies = await Promise.all(states.map(overwrite))
        unanswered -= states.length
        for (const { code } of replies) seen.set(code ?? 'ok', (seen.get(code ?? 'ok') ?? 0) + 1)
      }
    }
    const names = namesOnShard(0, shards, 20)
    const loads = [
      load(names, outcomes.victim),
      load(
        Array.from({ length: 20 }, () => bystander),
        outcomes.bystander,
      ),
    ]
    // What the load itself takes, garbage included, is there before the first death.
    await eventually('the load is at its height', () => (outcomes.bystander.get('ok') ?? 0) > 100_000, 30_000)
    const residentBefore = process.memoryUsage().rss
    const heldBefore = heldBytes()
    for (let round = 1; round <= 100; round += 1) {
      await eventually('the shard takes the fault', async () => {
        return engine.injectFault(0, 'throw').then(
          () => true,
          () => false,
        )
      })
      await eventually('the shard dies', () => (engine.deaths()[0]?.count ?? 0) >= round)
    }
    loading = false
    await Promise.all(loads)

    expect(unanswered).toBe(0)
    expect([...outcomes.bystander.keys()]).toEqual(['ok'])
    expect(new Set(outcomes.victim.keys())).toEqual(new Set(['STATE_NOT_FOUND', 'OUTCOME_UNKNOWN', 'SHARD_RECOVERING']))
    // One more where a shard was dead before it could say that it took the fault, and the next one got it too.
    expect(engine.deaths()).toEqual([{ shard: 0, reason: 'failed', count: expect.any(Number) }])
    expect(engine.deaths()[0]?.count).toBeGreaterThanOrEqual(100)
    await isBack('after all')
    await eventually('the handles are as before', () => handles().length === handlesBefore.length)
    expect(handles()).toEqual(handlesBefore)
    expect(heldBytes(), 'what this thread holds').toBeLessThan(heldBefore + 30e6)
    // A megabyte left behind by each life would be seen; less than that is the noise of two garbage collectors.
    await eventually('memory is near where it was', () => process.memoryUsage().rss < residentBefore + 100e6)
  }, 90_000)
})
