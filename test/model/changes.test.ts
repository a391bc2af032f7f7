// Random commands on states of every kind, in bursts that are a commit each, while time passes, commits are refused, and
// the shard starts again now and then. Copies that were made at some moment, and then follow GET_CHANGES, have to hold at
// the end what stands. HOLDFAST_MODEL_RUNS as in model.test.ts.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import type { Directory } from '../../src/state/directory.ts'
import { committed, KeepingJournal, Store } from '../support/keeping-journal.ts'
import { keyCommand } from '../support/model-key-steps.ts'
import { contentsOfState, Replica } from '../support/replica.ts'
import { startedOn } from '../support/shard-harness.ts'

const runs = Math.ceil(Number(process.env.HOLDFAST_MODEL_RUNS ?? 400) / 2)
const testTimeoutMs = 30_000 + runs * 300

/** Commands that are one commit, milliseconds that pass, or what befalls the shard and the copies. */
type Step = readonly JsonObject[] | number | 'restart' | 'refuse' | 'copy' | 'follow'

const seconds = fc.integer({ min: 1, max: 40 })
const id = fc.constantFrom<JsonValue[]>(1, 2, 'b')
const data = fc.record({ n: fc.nat({ max: 3 }) })
const states = ['k', 't', 'm'] as const
const definition = { initial: 'a', states: { a: { on: { GO: 'b' }, after: { 9_000: 'b' } }, b: { on: { GO: 'a' } } } }

const ofTable = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ cmd: 'CREATE_STATE' }) },
  { weight: 4, arbitrary: fc.record({ cmd: fc.constant('SET_RECORD'), id, data }) },
  { weight: 4, arbitrary: fc.record({ cmd: fc.constant('PATCH_RECORD'), id, data }) },
  { weight: 2, arbitrary: fc.record({ cmd: fc.constant('DELETE_RECORD'), id }) },
  { weight: 1, arbitrary: fc.record({ cmd: fc.constant('SET_STATE'), data: fc.array(data, { maxLength: 3 }) }) },
) as fc.Arbitrary<JsonObject>
const ofMachine = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ cmd: 'CREATE_STATE', kind: 'machine', definition }) },
  { weight: 3, arbitrary: fc.record({ cmd: fc.constant('CREATE_INSTANCE'), id }) },
  { weight: 5, arbitrary: fc.record({ cmd: fc.constant('SEND_EVENT'), id, event: fc.constant('GO') }) },
  { weight: 1, arbitrary: fc.record({ cmd: fc.constant('DELETE_INSTANCE'), id }) },
) as fc.Arbitrary<JsonObject>
const command = fc.oneof(
  { weight: 10, arbitrary: keyCommand(fc.constant('k'), seconds, seconds) },
  { weight: 5, arbitrary: ofTable.map((given) => ({ ...given, state: 't' })) },
  { weight: 4, arbitrary: ofMachine.map((given) => ({ ...given, state: 'm' })) },
  { weight: 1, arbitrary: fc.constantFrom(...states).map((state) => ({ cmd: 'DELETE_STATE', state })) },
)
const session: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 14, arbitrary: fc.array(command, { minLength: 1, maxLength: 8 }) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 25_000 }) },
    { weight: 3, arbitrary: fc.constantFrom('restart' as const, 'refuse' as const, 'follow' as const) },
    { weight: 1, arbitrary: fc.constant('copy' as const) },
  ),
  { maxLength: 60, size: 'max' },
)

class Run {
  readonly #store = new Store()
  readonly #copies = new Map<string, Replica[]>(states.map((name) => [name, [new Replica(new Map(), -1)]]))
  #isRefusing = false
  #passedMs = 0
  #shard: Awaited<ReturnType<typeof startedOn>> | undefined

  async take(step: Step): Promise<void> {
    const { harness, directory } = await this.#running()
    if (typeof step === 'number') {
      this.#passedMs += step
      harness.advance(step)
    } else if (typeof step !== 'string') harness.post(...step)
    else if (step === 'refuse') this.#isRefusing = true
    else if (step === 'restart') this.#shard = undefined
    else if (step === 'follow') for (const name of states) await this.#follow(name, 2)
    else for (const name of states) this.#copies.get(name)?.push(copyOf(directory, name))
    await harness.idle()
    expect(harness.failures).toEqual([])
  }

  /** In the end every copy holds what stands. */
  async compare(): Promise<void> {
    const { directory } = await this.#running()
    for (const name of states) {
      await this.#follow(name, 1_000)
      for (const copy of this.#copies.get(name) ?? []) {
        const { contents, version } = copyOf(directory, name)
        expect(copy.version, name).toBe(version)
        expect(copy.contents, name).toEqual(contents)
      }
    }
  }

  async #follow(state: string, limit: number): Promise<void> {
    const { harness, directory } = await this.#running()
    const copies = this.#copies.get(state) ?? []
    for (const [index, copy] of copies.entries()) {
      for (;;) {
        const reply = (await harness.call({ cmd: 'GET_CHANGES', state, since: copy.version, limit })) as JsonObject
        const changes = reply.changes as JsonObject[]
        for (const change of changes) copy.take(change)
        expect(copy.version).toBe(reply.scanned_to)
        if (changes.length < limit) break
      }
      if (copy.isStale) copies[index] = copyOf(directory, state)
    }
  }

  async #running() {
    this.#shard ??= await this.#start()
    return this.#shard
  }

  async #start() {
    const journal = new KeepingJournal(this.#store)
    journal.plan = () => {
      const isRefused = this.#isRefusing
      this.#isRefusing = false
      return isRefused ? { outcome: 'refused', code: 'STORAGE_FULL' } : committed
    }
    return startedOn(journal, this.#passedMs)
  }
}

function copyOf(directory: Directory, name: string): Replica {
  const state = directory.get(name)
  return new Replica(contentsOfState(state), state?.version ?? directory.firstVersionOf(name) - 1)
}

describe('copies that follow the changes', () => {
  it(
    'hold what stands, whatever happened',
    async () => {
      const property = fc.asyncProperty(session, async (steps) => {
        const run = new Run()
        for (const step of steps) await run.take(step)
        await run.compare()
      })
      await fc.assert(property, { numRuns: runs })
    },
    testTimeoutMs,
  )
})
