// Random commands on tables, keys and machines against a shard on a database, in bursts that are one commit each, while
// time passes and commits are refused now and then. Again and again a second shard is started on the database: what it
// finds has to be all that the first one holds. HOLDFAST_MODEL_RUNS as in model.test.ts.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import type { Directory } from '../../src/state/directory.ts'
import type { MachineState } from '../../src/state/machine-state.ts'
import { contentsOf } from '../support/contents.ts'
import { definition, events } from '../support/machine-definitions.ts'
import { keyCommand } from '../support/model-key-steps.ts'
import { startedOn } from '../support/shard-harness.ts'
import { freshFile, journalOn, query, sqliteError, tamperedDatabase } from '../support/sqlite.ts'

const runs = Math.ceil(Number(process.env.HOLDFAST_MODEL_RUNS ?? 400) / 4)
const testTimeoutMs = 30_000 + runs * 400

/** Commands that make up one commit, or milliseconds that pass, or a new start; or the next commit will be refused. */
type Step = readonly JsonObject[] | number | 'restart' | 'refuse'

const seconds = fc.integer({ min: 1, max: 40 })
const id = fc.constantFrom<JsonValue[]>(1, 2, 'b')
const state = fc.constantFrom('m', 'm', 'm', 'a')

type Given = Record<string, fc.Arbitrary<JsonValue>>

function on(cmd: string, always: Given = {}, sometimes: Given = {}): fc.Arbitrary<JsonObject> {
  const optional = fc.record(sometimes, { requiredKeys: [] }) as fc.Arbitrary<JsonObject>
  return fc
    .tuple(fc.record({ cmd: fc.constant(cmd), state, ...always }), optional)
    .map(([given, more]): JsonObject => ({ ...given, ...more }))
}

function machineCommand(definitions: readonly JsonObject[]): fc.Arbitrary<JsonObject> {
  const of = fc.constantFrom(...definitions)
  const history_limit = fc.constantFrom(0, 1, 2, 3)
  const data = fc.dictionary(fc.constantFrom('x', 'y'), fc.constantFrom<JsonValue[]>(1, 'two', [3]))
  return fc.oneof(
    { weight: 2, arbitrary: on('CREATE_STATE', { kind: fc.constant('machine'), definition: of }, { history_limit }) },
    { weight: 3, arbitrary: on('CREATE_INSTANCE', {}, { id, context: data }) },
    { weight: 20, arbitrary: on('SEND_EVENT', { id, event: fc.constantFrom(...events) }, { data }) },
    { weight: 2, arbitrary: on('DELETE_INSTANCE', { id }) },
    { weight: 2, arbitrary: on('SET_DEFINITION', { definition: of }, { history_limit }) },
  )
}

const flow = { initial: 'a', states: { a: { on: { GO: 'b' } }, b: { on: { GO: 'a', END: 'c' } }, c: {} } }
const tableCommand = fc.oneof(
  {
    weight: 1,
    arbitrary: on('CREATE_STATE', {}, { machine: fc.constant({ field: 'at', definition: flow }) }),
  },
  { weight: 4, arbitrary: on('SET_RECORD', { id, data: fc.record({ n: fc.nat({ max: 3 }) }) }) },
  { weight: 4, arbitrary: on('PATCH_RECORD', { id, data: fc.record({ at: fc.constantFrom('a', 'b', 'c') }) }) },
  { weight: 1, arbitrary: on('DELETE_RECORD', { id }) },
  { weight: 1, arbitrary: on('SET_STATE', { data: fc.array(fc.record({ n: fc.nat({ max: 3 }) }), { maxLength: 3 }) }) },
)

const anyState = fc.constantFrom('k', 'k', 'k', 'l', 'a')
const deletion = fc.constantFrom('k', 'm', 'a').map((state): JsonObject => ({ cmd: 'DELETE_STATE', state }))

const session: fc.Arbitrary<readonly Step[]> = fc.tuple(definition, definition).chain((definitions) => {
  const command = fc.oneof(
    { weight: 20, arbitrary: keyCommand(anyState, seconds, seconds) },
    { weight: 20, arbitrary: machineCommand(definitions) },
    { weight: 6, arbitrary: tableCommand },
    { weight: 1, arbitrary: deletion },
  )
  const begin: JsonObject = { cmd: 'CREATE_STATE', state: 'm', kind: 'machine', definition: definitions[0] }
  const step = fc.oneof(
    { weight: 14, arbitrary: fc.array(command, { minLength: 1, maxLength: 8 }) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 25_000 }) },
    { weight: 3, arbitrary: fc.constant('restart' as const) },
    { weight: 1, arbitrary: fc.constant('refuse' as const) },
  )
  return fc.array(step, { maxLength: 60, size: 'max' }).map((steps) => [[begin], ...steps])
})

/** How many rows each table of contents has to have. */
function rowsExpected(directory: Directory): JsonObject {
  const counts = { history: 0, instances: 0, item_leases: 0, items: 0, keys: 0, records: 0 }
  for (const state of directory.states()) {
    if (state.kind === 'table') counts.records += state.length
    else if (state.kind === 'keys') {
      counts.keys += state.length
      counts.items += state.keys.listItems
      counts.item_leases += state.keys.pendingItems
    } else {
      counts.instances += state.length
      counts.history += occurrencesIn(state)
    }
  }
  return counts
}

function occurrencesIn({ instances }: MachineState): number {
  return [...instances.cells.values()].reduce((sum, { contents }) => sum + (contents.past?.length ?? 0), 0)
}

function rowsStored(file: string): JsonObject {
  const none = { history: 0, instances: 0, item_leases: 0, items: 0, keys: 0, records: 0 }
  const found = query(file, "SELECT tbl, count(*) AS n FROM rows WHERE tbl NOT IN ('directory', 'facts') GROUP BY tbl")
  return { ...none, ...Object.fromEntries(found.map(({ tbl, n }) => [tbl, n])) } as JsonObject
}

class Run {
  readonly file = freshFile()
  #isRefusing = false
  #passedMs = 0
  #shard: Awaited<ReturnType<typeof startedOn>> | undefined

  async take(step: Step): Promise<void> {
    if (step === 'restart') return this.restart()
    if (step === 'refuse') {
      this.#isRefusing = true
      return
    }
    const { harness } = this.#shard ?? (await this.#start())
    if (typeof step === 'number') {
      harness.advance(step)
      this.#passedMs += step
    } else harness.post(...step)
    await harness.idle()
    expect(harness.failures).toEqual([])
  }

  /** Starts another shard in the place of the first, which is left as if it had died. */
  async restart(): Promise<void> {
    this.#isRefusing = false
    const before = this.#shard ?? (await this.#start())
    const after = await this.#start()
    expect(contentsOf(after.directory)).toEqual(contentsOf(before.directory))
    // Only now, and only so that its files are not kept open.
    await before.harness.shard.stop()
  }

  /** Commits until whatever belongs to nobody has had its turn. */
  async expectNothingLeft(): Promise<void> {
    for (let n = 0; n < 5; n += 1) await this.take([{ cmd: 'INCREMENT_KEY', state: 'last', key: 'n' }])
    const { directory } = this.#shard ?? (await this.#start())
    expect(rowsStored(this.file)).toEqual(rowsExpected(directory))
  }

  async #start() {
    const before = (sql: string): void => {
      if (!this.#isRefusing || sql !== 'BEGIN IMMEDIATE') return
      this.#isRefusing = false
      throw sqliteError(10, 'disk I/O error')
    }
    const open = (path: string) => tamperedDatabase(path, { before })
    this.#shard = await startedOn(journalOn(this.file, { durability: 'relaxed', open }), this.#passedMs)
    return this.#shard
  }
}

describe('what a shard stores of keys, machines and tables', () => {
  it(
    'is all that it holds, after every burst of any commands, and nothing else',
    async () => {
      const property = fc.asyncProperty(session, async (steps) => {
        const run = new Run()
        for (const step of steps) await run.take(step)
        await run.expectNothingLeft()
        await run.restart()
      })
      await fc.assert(property, { numRuns: runs })
    },
    testTimeoutMs,
  )
})
