// Every row of the API tables of the two libraries whose words the keys speak, outside locks, transactions and watches,
// as `rows.json` has them: how each is called here, by the client library and in plain JSON, and what it has to answer.
// Each use runs twice, in two fresh keyspaces of a real daemon: once with the method, once with the command.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { HoldfastError, type JsonObject, type JsonValue } from '../../src/client/index.ts'
import { suiteDaemon } from '../support/suite-daemon.ts'

interface Use {
  /** Plain commands that come first. */
  readonly before?: readonly JsonObject[]
  /** The method of a keyspace, and its arguments. */
  readonly call: readonly [method: string, ...args: JsonValue[]]
  /** What the method resolves to; nothing where this is left out. */
  readonly answers?: JsonValue
  /** What the method is rejected with, instead. */
  readonly refuses?: JsonObject
  readonly plain: JsonObject
  /** These fields at least. */
  readonly replies: JsonObject
  /** Plain commands and their replies, which show what was done. */
  readonly after?: readonly (readonly [JsonObject, JsonObject])[]
}

interface Row {
  readonly seed: string
  readonly row: string
  /** In the words of the seed. */
  readonly returns: string
  readonly uses: readonly Use[]
}

const rows = JSON.parse(readFileSync(new URL('./rows.json', import.meta.url), 'utf8')) as Row[]

/** `{"$between": [a, b]}` and `{"$bytes": "base64"}` stand for what JSON cannot say. */
function expectation(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(expectation)
  const { $between: between, $bytes: bytes } = value as { $between?: [number, number]; $bytes?: string }
  if (bytes !== undefined) return new Uint8Array(Buffer.from(bytes, 'base64'))
  if (between !== undefined)
    return expect.toSatisfy((found) => Number(found) >= between[0] && Number(found) <= between[1])
  return Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, expectation(inner)]))
}

function expectToFit(found: unknown, expected: unknown): void {
  if (typeof expected === 'object' && expected !== null && !Array.isArray(expected)) {
    const wanted = expectation(expected)
    if (found !== null && typeof found === 'object') expect(found).toMatchObject(wanted as object)
    else expect(found).toEqual(wanted)
  } else expect(found).toEqual(expected)
}

/** What a method resolves to; of one that lists, all that it lists; of one that is refused, the error as data. */
async function outcomeOf(called: unknown): Promise<unknown> {
  if (typeof called === 'object' && called !== null && Symbol.asyncIterator in called) {
    const listed: unknown[] = []
    for await (const each of called as AsyncIterable<unknown>) listed.push(each)
    return listed
  }
  try {
    return await called
  } catch (error) {
    if (error instanceof HoldfastError) return { ...error.details, code: error.code }
    throw error
  }
}

describe('the list of rows', () => {
  it('has every function of the one seed and every method of the other', () => {
    const count = (start: string) => rows.filter(({ seed }) => seed.startsWith(start)).length
    expect([count('state module'), count('state store')]).toEqual([16, 10])
    expect(new Set(rows.map(({ seed, row }) => `${seed} ${row}`)).size).toBe(26)
  })
})

describe('a daemon', () => {
  const daemon = suiteDaemon()
  let keyspaces = 0

  /** A command on a keyspace, if it is on one. */
  const plainly = (state: string, command: JsonObject): Promise<JsonObject> =>
    daemon.ask(command.cmd === 'STATS' ? command : { ...command, state })

  async function keyspaceFor({ before = [] }: Use): Promise<string> {
    keyspaces += 1
    const state = `keyspace ${keyspaces}`
    for (const command of before) expect(await plainly(state, command)).toMatchObject({ status: 'ok' })
    return state
  }

  async function expectAfter(state: string, { after = [] }: Use): Promise<void> {
    for (const [command, reply] of after) expectToFit(await plainly(state, command), reply)
  }

  it.each(rows.map((row) => [row.seed, row.row, row] as const))('has, of the %s, %s', async (_seed, _row, { uses }) => {
    for (const use of uses) {
      const state = await keyspaceFor(use)
      const [method, ...args] = use.call
      const methods = daemon.client.keys(state) as unknown as Record<string, (...args: unknown[]) => unknown>
      const called = (methods[method] as (...args: unknown[]) => unknown).apply(methods, expectation(args) as unknown[])
      expectToFit(await outcomeOf(called), use.refuses ?? use.answers)
      await expectAfter(state, use)

      const other = await keyspaceFor(use)
      expectToFit(await plainly(other, use.plain), use.replies)
      await expectAfter(other, use)
    }
  })
})
