// What is exported and imported again is what it was, whatever is in it: states of every kind, made by random commands and
// put back into a daemon from which they were deleted.
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/client/index.ts'
import { suiteDaemon } from '../support/suite-daemon.ts'
import { exported, folderOfTest, imported } from '../support/transfers.ts'

const daemon = suiteDaemon()

const odd = fc.constantFrom(
  '',
  '"',
  '\u0000',
  '\u2028',
  '\ufeff',
  '\r\n',
  '\\',
  '\u{1f600}',
  'caf\u00e9',
  'null',
  '1e5',
  '-0',
  '\u202e',
)
const text = fc.oneof(odd, fc.string({ unit: 'grapheme', maxLength: 12 }))
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.maxSafeInteger(),
  fc.constantFrom(2 ** 53, -(2 ** 63), 2 ** 60 + 2 ** 10, 1e21, 5e-324, Number.MAX_VALUE, 223_415_795_163_171_552),
)
const deep = fc.integer({ min: 1, max: 55 }).map((depth) => {
  let value: JsonValue = 'ground'
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { '': value }
  return value
})
const value = fc
  .oneof(text, number, fc.jsonValue({ maxDepth: 3 }), deep)
  .map((given) => JSON.parse(withoutMinus(given)) as JsonValue)

function withoutMinus(given: unknown): string {
  return JSON.stringify(given, (_, each: unknown) => (each === 0 ? 0 : each))
}

const id = fc.oneof(fc.maxSafeInteger(), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 5 }))
const lamp = {
  initial: 'off',
  states: {
    off: { on: { PRESS: 'on' } },
    on: { on: { PRESS: 'off', BREAK: 'broken' }, after: { 3_600_000: 'off' } },
    broken: { type: 'final' },
  },
}
const status = { initial: 'open', states: { open: { on: { A: 'won', B: 'lost' } }, won: {}, lost: {} } }
const typed = {
  type: 'object',
  properties: { n: { type: 'number' }, s: { type: 'string' }, o: {} },
  required: ['n'],
}

const rows = fc.uniqueArray(fc.record({ id, a: value, b: value }), { selector: (row) => String(row.id), maxLength: 8 })
const contents = fc.record({
  rows,
  reserved: fc.nat(3),
  typed: fc.array(fc.record({ n: number, s: text, o: value }, { requiredKeys: ['n'] }), { maxLength: 4 }),
  moved: fc.array(fc.constantFrom('open', 'won', 'lost'), { maxLength: 4 }),
  keys: fc.uniqueArray(fc.tuple(fc.string({ minLength: 1, maxLength: 6 }), value), {
    selector: ([key]) => key,
    maxLength: 6,
  }),
  instances: fc.array(fc.tuple(fc.nat(3), fc.dictionary(text, value, { maxKeys: 3 })), { maxLength: 4 }),
})

type Contents = typeof contents extends fc.Arbitrary<infer Given> ? Given : never

/** Fills a daemon by ordinary commands; what is refused, such as a name that may not be, is left out of it. */
async function fill({ rows: records, reserved, typed: others, moved, keys, instances }: Contents) {
  const { client } = daemon
  const call = (command: JsonObject & { cmd: string }) => client.call(command)
  await call({ cmd: 'CREATE_STATE', state: 'leads', max_length: 100 })
  for (const data of records) await call({ cmd: 'CREATE_RECORD', state: 'leads', data }).catch(() => {})
  if (reserved > 0) await call({ cmd: 'RESERVE_IDS', state: 'leads', count: reserved }).catch(() => {})
  await call({ cmd: 'CREATE_STATE', state: 'typed', schema: typed })
  for (const data of others) await call({ cmd: 'CREATE_RECORD', state: 'typed', data })
  await call({ cmd: 'CREATE_STATE', state: 'caf\u00e9 "deals"', machine: { field: 'status', definition: status } })
  for (const [index, to] of moved.entries()) {
    await call({ cmd: 'CREATE_RECORD', state: 'caf\u00e9 "deals"', data: { n: index } })
    if (to !== 'open')
      await call({ cmd: 'PATCH_RECORD', state: 'caf\u00e9 "deals"', id: index + 1, data: { status: to } })
  }
  await call({ cmd: 'CREATE_STATE', state: 'keys', kind: 'keys' })
  for (const [key, given] of keys) await call({ cmd: 'SET_KEY', state: 'keys', key, value: given }).catch(() => {})
  await call({ cmd: 'SET_KEY', state: 'keys', key: 'bytes', value: 'AAH/', encoding: 'base64' })
  await call({ cmd: 'SET_KEY', state: 'keys', key: 'passing', value: 1, ttl: 3_600 })
  await call({ cmd: 'CREATE_STATE', state: 'lamps', kind: 'machine', definition: lamp, history_limit: 3 })
  for (const [index, [presses, context]] of instances.entries()) {
    await call({ cmd: 'CREATE_INSTANCE', state: 'lamps', context }).catch(() => {})
    const event = { cmd: 'SEND_EVENT', state: 'lamps', id: index + 1 }
    for (let press = 0; press < presses; press += 1) await call({ ...event, event: 'PRESS' }).catch(() => {})
    if (presses === 1) await call({ ...event, event: 'BREAK' }).catch(() => {})
  }
  await call({ cmd: 'CREATE_STATE', state: 'empty', fields: ['a', 'b'], next_id: 9 })
}

async function deleteAll(): Promise<void> {
  for (const state of await daemon.client.states()) await daemon.client.call({ cmd: 'DELETE_STATE', state })
}

/** Lines without what says when, and at which version, they were read. */
function timeless(lines: readonly JsonObject[]): JsonObject[] {
  return lines
    .slice(1)
    .map(({ version: _, expires_at: expires, ...line }) =>
      expires === undefined ? line : { ...line, expires: 'soon' },
    )
}

describe('an export that is imported', () => {
  it('is the same when it is exported again, states of every kind with whatever they hold', async () => {
    const folder = folderOfTest()
    const { client } = daemon
    const property = fc.asyncProperty(contents, fc.constantFrom('insert', 'upsert', 'replace'), async (given, mode) => {
      await deleteAll()
      await fill(given)
      const before = await exported(client, folder)
      const { ttl } = await client.call({ cmd: 'GET_TTL', state: 'keys', key: 'passing' })
      await deleteAll()
      const result = await imported(client, folder, before.text, { mode })
      expect(result).toMatchObject({ stop: undefined, problem: undefined, refused: [] })
      const after = await exported(client, folder)
      expect(timeless(after.lines)).toEqual(timeless(before.lines))
      const { ttl: later } = await client.call({ cmd: 'GET_TTL', state: 'keys', key: 'passing' })
      // The deadline stands, so that less is left of it than before, and not less than the time that has gone by.
      expect(later as number).toBeLessThanOrEqual((ttl as number) + 0.01)
      expect(later as number).toBeGreaterThan((ttl as number) - 60)
      const { records } = await client.call({ cmd: 'LIST_RECORDS', state: 'typed' })
      expect(records).toHaveLength(given.typed.length)
      // What is there already is left alone, or written over with the same.
      const again = await imported(client, folder, after.text, { mode })
      expect(again).toMatchObject({ stop: undefined, refused: [] })
      expect(timeless((await exported(client, folder)).lines)).toEqual(timeless(before.lines))
      if (mode === 'insert') expect(again.counts).toMatchObject({ records: 0, keys: 0, instances: 0, states: 0 })
    })
    await fc.assert(property, { numRuns: 8 })
  }, 60_000)

  it('holds a list of megabytes, spread over lines', async () => {
    const folder = folderOfTest()
    const { client } = daemon
    await deleteAll()
    const items = Array.from({ length: 30 }, (_, index) => `${index}`.padEnd(100_000, 'x'))
    for (const item of items) await client.call({ cmd: 'PUSH_LIST', state: 'k', key: 'jobs', item })
    const { text, lines } = await exported(client, folder)
    expect(lines.filter((line) => line.items !== undefined).length).toBeGreaterThan(5)
    await deleteAll()
    expect(await imported(client, folder, text)).toMatchObject({ refused: [], problem: undefined })
    expect((await client.call({ cmd: 'GET_KEY', state: 'k', key: 'jobs' })).value).toEqual(items)
    expect(await imported(client, folder, text)).toMatchObject({ refused: [], problem: undefined })
    expect((await client.call({ cmd: 'LIST_LENGTH', state: 'k', key: 'jobs' })).length).toBe(items.length)
  }, 30_000)

  it('leaves out keys whose time has come, and counts them', async () => {
    const folder = folderOfTest()
    await deleteAll()
    const text = [
      { holdfast_export: 1 },
      { state: 'k', kind: 'keys' },
      { key: 'gone', value: 1, expires_at: 1_700_000_000 },
      { end: { keys: 1 } },
    ]
    const result = await imported(daemon.client, folder, text.map((line) => `${JSON.stringify(line)}\n`).join(''))
    expect(result).toMatchObject({ counts: { keys: 0, expired: 1 }, problem: undefined })
    expect((await daemon.client.call({ cmd: 'LIST_KEYS', state: 'k' })).keys).toEqual([])
  })

  it('as CSV makes the same table again, and one that holds nothing too', async () => {
    const folder = folderOfTest()
    const { client } = daemon
    const property = fc.asyncProperty(rows, fc.constantFrom(',', ';', '\t'), async (records, delimiter) => {
      await deleteAll()
      await client.call({ cmd: 'CREATE_STATE', state: 'leads', fields: ['a', 'b'] })
      for (const data of records) await client.call({ cmd: 'CREATE_RECORD', state: 'leads', data }).catch(() => {})
      const list = async () => (await client.call({ cmd: 'LIST_RECORDS', state: 'leads' })).records
      const before = await list()
      const { text } = await exported(client, folder, { format: 'csv', states: ['leads'], delimiter })
      await deleteAll()
      const result = await imported(client, folder, text, { format: 'csv', state: 'leads', delimiter })
      expect(result).toMatchObject({ stop: undefined, problem: undefined, refused: [] })
      expect(await list()).toEqual(before)
      const info = await client.call({ cmd: 'GET_STATE_INFO', state: 'leads' })
      expect(info.schema).toEqual(['a', 'b', 'id'])
    })
    await fc.assert(property, { numRuns: 10 })
  }, 30_000)
})
