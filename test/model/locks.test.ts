// Locks against the model, with clocks that the test moves: every reply, to whoever waited too, while time passes, the wall
// clock jumps, commits are refused and the shard is started again. HOLDFAST_MODEL_RUNS as in model.test.ts.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import { committed, KeepingJournal, Store } from '../support/keeping-journal.ts'
import { ModelLocks } from '../support/model-locks.ts'
import { replyProblem } from '../support/replies.ts'
import { ShardHarness } from '../support/shard-harness.ts'

const runs = Math.ceil(Number(process.env.HOLDFAST_MODEL_RUNS ?? 400) / 4)
const testTimeoutMs = 60_000 + runs * 100
const dayMs = 86_400_000
/** A journal that refused what was due is left alone for so long. */
const retryMs = 1_100

const lock = fc.constantFrom('a', 'b', 'c', 'd', 'e')
const owner = fc.constantFrom('w1', 'w2', 'w3')
const token = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 1_000, max: 1_010 }))
const ttl = fc.integer({ min: 1, max: 40 })
const timeout = fc.integer({ min: 0, max: 40 })

function command(weight: number, cmd: string, always: object, sometimes: object = {}) {
  const optional = fc.record(sometimes as Record<string, fc.Arbitrary<number>>, { requiredKeys: [] })
  return {
    weight,
    arbitrary: fc
      .tuple(fc.record({ cmd: fc.constant(cmd), ...always }), optional)
      .map(([given, more]): JsonObject => ({ ...given, ...more })),
  }
}

type Step = JsonObject | number | 'restart' | 'refuse' | 'day forth' | 'day back'

const step: fc.Arbitrary<Step> = fc.oneof(
  command(6, 'TRY_LOCK', { lock, ttl }, { owner }),
  command(8, 'LOCK', { lock, ttl }, { owner, timeout }),
  command(3, 'EXTEND_LOCK', { lock, owner }, { ttl, token }),
  command(8, 'UNLOCK', { lock, owner }, { token }),
  command(3, 'GET_LOCK', { lock }),
  command(1, 'LIST_LOCKS', {}),
  command(5, 'SET_KEY', {
    state: fc.constant('k'),
    key: fc.constant('k'),
    value: token,
    fence: fc.record({ lock, token }),
  }),
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 15_000 }) },
  { weight: 1, arbitrary: fc.constantFrom<Step>('restart', 'refuse', 'day forth', 'day back') },
)

class Run {
  readonly #store = new Store()
  readonly #model = new ModelLocks(2)
  readonly #waiting = new Set<number>()
  #journal = new KeepingJournal(this.#store)
  #harness: ShardHarness | undefined
  #passedMs = 0

  async take(step: Step, index: number): Promise<void> {
    if (typeof step === 'number') await this.#pass(step)
    else if (step === 'restart') await this.#restart()
    else if (step === 'refuse') await this.#refuse()
    else if (step === 'day forth') (await this.#started()).setWallBy(dayMs)
    else if (step === 'day back') (await this.#started()).setWallBy(-dayMs)
    // No two locks end at the same moment, when it would be anybody's guess which comes first.
    else await this.#compare(typeof step.ttl === 'number' ? { ...step, ttl: step.ttl + index / 1_000_000 } : step)
    const harness = await this.#started()
    for (const id of this.#waiting) {
      const answered = this.#model.answered.get(id)
      expect(harness.reply(id)).toEqual(answered ?? null)
      if (answered !== undefined) this.#waiting.delete(id)
    }
    expect(harness.failures).toEqual([])
  }

  async #compare(given: JsonObject): Promise<void> {
    const harness = await this.#started()
    const [id = 0] = harness.post(given)
    await harness.idle()
    const reply = harness.reply(id) as JsonObject | null
    const expected = this.#model.call(given, id)
    if (expected === undefined) {
      this.#waiting.add(id)
      return expect(reply, JSON.stringify(given)).toBeNull()
    }
    expect(replyProblem(given, reply ?? {}), JSON.stringify(given)).toBeUndefined()
    const { message: _, ...rest } = reply ?? {}
    if (given.cmd === 'SET_KEY' && rest.status === 'ok') expect(expected).toEqual({ status: 'ok' })
    else expect(rest, JSON.stringify(given)).toEqual(expected)
  }

  async #pass(ms: number): Promise<void> {
    const harness = await this.#started()
    harness.advance(ms)
    this.#passedMs += ms
    await harness.idle()
    this.#model.pass(ms)
    // Whatever is due by now is brought about at this moment, by both.
    await this.#compare({ cmd: 'GET_LOCK', lock: 'a' })
  }

  /** A write while the disk is full: nothing of it may be seen. */
  async #refuse(): Promise<void> {
    if (this.#model.isDueWithin(retryMs)) return
    const harness = await this.#started()
    this.#journal.plan = () => ({ outcome: 'refused', code: 'STORAGE_FULL' })
    const before = await harness.call({ cmd: 'LIST_LOCKS' })
    const { locks } = before as { locks: { lock: string; owner: string }[] }
    for (const { lock: name, owner: holder } of locks) {
      expect(await harness.call({ cmd: 'UNLOCK', lock: name, owner: holder })).toMatchObject({ code: 'STORAGE_FULL' })
    }
    expect(await harness.call({ cmd: 'TRY_LOCK', lock: 'new' })).toMatchObject({ code: 'STORAGE_FULL' })
    expect(await harness.call({ cmd: 'LIST_LOCKS' })).toEqual(before)
    this.#journal.plan = () => committed
    await this.#pass(retryMs)
  }

  async #restart(): Promise<void> {
    this.#harness = undefined
    this.#journal = new KeepingJournal(this.#store)
    this.#waiting.clear()
    this.#model.restart()
    await this.#started()
  }

  async #started(): Promise<ShardHarness> {
    if (this.#harness !== undefined) return this.#harness
    const harness = new ShardHarness({ journal: this.#journal, limits: { freeLocksPerShardMax: 2 } })
    harness.advance(this.#passedMs)
    await harness.shard.recover()
    this.#harness = harness
    return harness
  }
}

describe('the locks of one shard', () => {
  it(
    'are as the model says, whatever happens to clocks, commits and the shard',
    async () => {
      const property = fc.asyncProperty(fc.array(step, { maxLength: 100, size: 'max' }), async (steps) => {
        const run = new Run()
        for (const [index, each] of steps.entries()) await run.take(each, index)
      })
      await fc.assert(property, { numRuns: runs })
    },
    testTimeoutMs,
  )
})
