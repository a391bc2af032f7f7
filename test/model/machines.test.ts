// Machines and bound fields against the model, with a clock that the test moves, a journal that refuses and shards that are
// started again: every reply, moments and versions included, and all that stands. HOLDFAST_MODEL_RUNS as in model.test.ts.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import { committed, KeepingJournal, Store } from '../support/keeping-journal.ts'
import { Model } from '../support/model.ts'
import { boundCommand, createBound, createMachine, machineCommand } from '../support/model-machine-steps.ts'
import { replyProblem } from '../support/replies.ts'
import { ShardHarness } from '../support/shard-harness.ts'

const runs = Number(process.env.HOLDFAST_MODEL_RUNS ?? 400)
const testTimeoutMs = 60_000 + runs * 100
const unitMs = 1_000
const beginning = 1_000

const machines = fc.constantFrom('m', 'm', 'm', 'n')
const states = ['m', 'n', 't']
const command = fc.oneof(
  { weight: 12, arbitrary: machineCommand(machines, unitMs) },
  { weight: 5, arbitrary: boundCommand(fc.constant('t')) },
  { weight: 1, arbitrary: createMachine(machines, unitMs) },
  {
    weight: 1,
    arbitrary: fc
      .record({ cmd: fc.constantFrom('GET_STATE_INFO', 'GET_SCHEMA', 'CLEAR_KEYS', 'LIST_RECORDS'), state: machines })
      .map((given): JsonObject => given),
  },
)
type Step =
  | { readonly command: JsonObject }
  | { readonly refused: JsonObject }
  | { readonly passMs: number }
  | 'restart'
const step = fc.oneof(
  { weight: 20, arbitrary: command.map((given): Step => ({ command: given })) },
  { weight: 2, arbitrary: command.map((given): Step => ({ refused: given })) },
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 5_000 }).map((passMs): Step => ({ passMs })) },
  { weight: 1, arbitrary: fc.constant<Step>('restart') },
)
const sessions = fc
  .tuple(
    createMachine(fc.constant('m'), unitMs),
    createMachine(fc.constant('n'), unitMs),
    createBound(fc.constant('t')),
    fc.array(step, { maxLength: 120, size: 'max' }),
  )
  .map(([m, n, t, steps]): Step[] => {
    const instances = ['m', 'm', 'n'].map((state): JsonObject => ({ cmd: 'CREATE_INSTANCE', state }))
    return [...[m, n, t, ...instances].map((given) => ({ command: given })), ...steps]
  })

class Run {
  readonly #store = new Store()
  #journal!: KeepingJournal
  #harness!: ShardHarness
  #now = beginning
  readonly #model = new Model(Number.POSITIVE_INFINITY, () => this.#now)

  async start(): Promise<void> {
    this.#journal = new KeepingJournal(this.#store)
    this.#harness = await ShardHarness.started({ journal: this.#journal })
    this.#harness.advance(this.#now - beginning)
  }

  async take(step: Step): Promise<void> {
    if (step === 'restart') {
      await this.#harness.shard.stop()
      await this.start()
    } else if ('passMs' in step) {
      await this.#pass(step.passMs)
    } else if ('command' in step) {
      this.#advance(1)
      await this.#compare(step.command)
      await this.#untie()
    } else {
      await this.#refuse(step.refused)
    }
  }

  async compareAll(): Promise<void> {
    for (const state of states) await this.#compare({ cmd: 'GET_STATE_INFO', state })
    for (const state of ['m', 'n']) {
      await this.#compare({ cmd: 'LIST_INSTANCES', state })
      const { instances = [] } = (await this.#harness.call({ cmd: 'LIST_INSTANCES', state })) as JsonObject
      for (const { id = null } of instances as JsonObject[]) {
        await this.#compare({ cmd: 'GET_INSTANCE', state, id })
        await this.#compare({ cmd: 'GET_HISTORY', state, id })
      }
    }
    await this.#compare({ cmd: 'LIST_RECORDS', state: 't' })
    expect(this.#harness.failures).toEqual([])
  }

  /** A full disk: whatever would have changed anything is refused, and leaves nothing behind. */
  async #refuse(command: JsonObject): Promise<void> {
    let isAsked = false
    this.#journal.plan = () => {
      isAsked = true
      return { outcome: 'refused', code: 'STORAGE_FULL' }
    }
    const reply = (await this.#harness.call(command)) as JsonObject
    this.#journal.plan = () => committed
    if (isAsked) expect(reply, JSON.stringify(command)).toMatchObject({ status: 'error', code: 'STORAGE_FULL' })
    else this.#expectSame(command, reply)
    // For so long the shard does not ask such a journal of itself.
    if (isAsked) await this.#pass(1_000)
  }

  /** Time passes, and what is due by then is brought about at this moment, by both. */
  async #pass(ms: number): Promise<void> {
    this.#advance(ms)
    for (const state of ['m', 'n']) await this.#compare({ cmd: 'LIST_INSTANCES', state })
    await this.#untie()
  }

  #advance(ms: number): void {
    this.#harness.advance(ms)
    this.#now += ms
  }

  async #untie(): Promise<void> {
    for (const state of ['m', 'n']) {
      for (const id of this.#model.tied(state)) await this.#compare({ cmd: 'DELETE_INSTANCE', state, id })
    }
  }

  async #compare(command: JsonObject): Promise<void> {
    this.#expectSame(command, (await this.#harness.call(command)) as JsonObject)
  }

  #expectSame(command: JsonObject, reply: JsonObject): void {
    expect(replyProblem(command, reply), JSON.stringify(reply)).toBeUndefined()
    expect(withoutWords(reply), JSON.stringify(command)).toEqual(withoutWords(this.#model.call(command)))
  }
}

/** Less the words of a refusal, and less what only a shard knows; cursors differ. */
function withoutWords({ message: _, reason: _reason, shard: _shard, durability: _durability, ...reply }: JsonObject) {
  return { ...reply, ...(reply.next !== undefined && { next: 'a cursor' }) }
}

describe('machines and bound fields of one shard', () => {
  it(
    'answer as the model does while time passes, journals refuse and shards start anew',
    async () => {
      const property = fc.asyncProperty(sessions, async (steps) => {
        const run = new Run()
        await run.start()
        for (const step of steps) await run.take(step)
        await run.take('restart')
        await run.compareAll()
      })
      await fc.assert(property, { numRuns: Math.ceil(runs / 2) })
    },
    testTimeoutMs,
  )
})
