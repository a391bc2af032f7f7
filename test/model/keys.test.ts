// Keyspaces against the model, with a clock that the test moves: every reply, its moments included, and all that stands at
// the end, also after the shard was started again from what its journal kept. HOLDFAST_MODEL_RUNS as in model.test.ts.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import { KeepingJournal, Store } from '../support/keeping-journal.ts'
import { Model } from '../support/model.ts'
import { keyCommand } from '../support/model-key-steps.ts'
import { replyProblem } from '../support/replies.ts'
import { ShardHarness } from '../support/shard-harness.ts'

const runs = Number(process.env.HOLDFAST_MODEL_RUNS ?? 400)
const testTimeoutMs = 60_000 + runs * 100

const durations = fc.integer({ min: 1, max: 40 })
const command = keyCommand(fc.constantFrom('k', 'l'), durations, durations)
const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: command },
    {
      weight: 1,
      arbitrary: fc.constantFrom('DELETE_STATE', 'GET_STATE_INFO').map((cmd): JsonObject => ({ cmd, state: 'k' })),
    },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 25_000 }) },
  ),
  { maxLength: 150, size: 'max' },
)

function withoutWords({ message: _, reason: _reason, shard: _shard, durability: _durability, ...reply }: JsonObject) {
  return reply
}

async function compare(harness: ShardHarness, model: Model, given: JsonObject): Promise<void> {
  const reply = (await harness.call(given)) as JsonObject
  expect(replyProblem(given, reply), JSON.stringify(reply)).toBeUndefined()
  expect(withoutWords(reply), JSON.stringify(given)).toEqual(model.call(given))
}

async function compareAll(harness: ShardHarness, model: Model): Promise<void> {
  for (const state of ['k', 'l']) {
    const { keys } = (await harness.call({ cmd: 'LIST_KEYS', state })) as { keys: string[] }
    await compare(harness, model, { cmd: 'LIST_KEYS', state })
    for (const key of keys) {
      await compare(harness, model, { cmd: 'GET_KEY', state, key })
      await compare(harness, model, { cmd: 'GET_TTL', state, key })
    }
  }
}

describe('keyspaces of one shard', () => {
  it(
    'answer as the model does while time passes, and stand as it says after a new start',
    async () => {
      const property = fc.asyncProperty(steps, async (all) => {
        const store = new Store()
        const harness = await ShardHarness.started({ journal: new KeepingJournal(store) })
        let now = 1_000
        const model = new Model(Number.POSITIVE_INFINITY, () => now)
        for (const [index, step] of all.entries()) {
          if (typeof step === 'number') {
            harness.advance(step)
            await harness.idle()
            now += step
            // Whatever is due by now is brought about at this moment, by both.
            await compare(harness, model, { cmd: 'KEY_EXISTS', state: 'k', key: 'a' })
          } else {
            // No two leases end at the same moment, when it would be anybody's guess which comes first.
            const unique = typeof step.lease === 'number' ? { lease: step.lease + index / 1_000_000 } : {}
            await compare(harness, model, { ...step, ...unique })
          }
        }
        await compareAll(harness, model)
        expect(harness.failures).toEqual([])
        const again = await ShardHarness.started({ journal: new KeepingJournal(store) })
        // Its clock stands where the first began, so that nothing is due.
        for (const state of ['k', 'l']) {
          const list = (await again.call({ cmd: 'LIST_KEYS', state })) as { keys: string[] }
          expect(list).toEqual(await harness.call({ cmd: 'LIST_KEYS', state }))
          for (const key of list.keys) {
            const get = { cmd: 'GET_KEY', state, key }
            expect(await again.call(get)).toEqual(await harness.call(get))
          }
        }
        const { keys, keyBytes, listItems, pendingItems } = harness.shard.statistics()
        expect(again.shard.statistics()).toMatchObject({ keys, keyBytes, listItems, pendingItems })
      })
      await fc.assert(property, { numRuns: runs })
    },
    testTimeoutMs,
  )

  it(
    'never show a key whose time is over, in a hundred thousand random steps',
    async () => {
      const harness = await ShardHarness.started()
      const ends = new Map<string, number>()
      let now = 1_000
      let seed = 42
      const random = (below: number): number => {
        seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
        return (seed >>> 8) % below
      }
      let late = 0
      let early = 0
      let seen = 0
      for (let step = 0; step < 100_000; step += 20) {
        const asked: { key: string; isThere: boolean; id: number }[] = []
        for (let each = 0; each < 20; each += 1) {
          const key = `key ${random(500)}`
          if (random(2) === 0) {
            const ttl = 1 + random(5_000)
            ends.set(key, now + ttl)
            harness.post({ cmd: 'SET_KEY', state: 'k', key, value: step, ttl: ttl / 1_000 })
          } else {
            const [id = 0] = harness.post({ cmd: 'KEY_EXISTS', state: 'k', key })
            asked.push({ key, isThere: (ends.get(key) ?? 0) > now, id })
          }
        }
        await harness.idle()
        for (const { isThere, id } of asked) {
          const { exists } = harness.reply(id) as { exists: boolean }
          if (exists && !isThere) late += 1
          if (!exists && isThere) early += 1
          seen += 1
        }
        const passed = random(100)
        harness.advance(passed)
        now += passed
      }
      expect({ late, early }).toEqual({ late: 0, early: 0 })
      expect(seen).toBeGreaterThan(40_000)
      harness.advance(10_000)
      await harness.idle()
      expect(harness.shard.statistics()).toMatchObject({ keys: 0, keyBytes: 0 })
    },
    testTimeoutMs,
  )
})
