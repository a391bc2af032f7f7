// Ids: what is one, which texts are numbers, and how automatic ids count.
import { describe, expect, it } from 'vitest'
import type { CommandName } from '../../src/protocol/commands.ts'
import type { JsonValue } from '../../src/protocol/value.ts'
import { type Session, session, table } from '../support/session.ts'

const newest = 2 ** 53 - 1

/** The id that the next record without one gets. */
async function nextId(t: Session): Promise<JsonValue | undefined> {
  return (await t.ok('CREATE_RECORD', { data: {} })).id
}

describe('a text', () => {
  it.each([
    ['0', 0],
    ['7', 7],
    ['-7', -7],
    ['9007199254740991', newest],
    ['-9007199254740991', -newest],
  ])("that is the plain decimal form of a safe integer is that integer: '%s'", async (text, integer) => {
    const t = await table({ id: text })
    expect(await t.records()).toEqual([{ id: integer }])
    for (const id of [text, integer]) {
      expect(await t.ok('GET_RECORD', { id })).toMatchObject({ record: { id: integer } })
    }
    expect(await t.refused('CREATE_RECORD', { data: { id: integer } })).toMatchObject({
      code: 'RECORD_EXISTS',
      id: integer,
    })
  })

  it.each([
    '01',
    '1.0',
    '-0',
    '+1',
    ' 1',
    '1e3',
    '0x1',
    '-',
    '\u0661',
    '9007199254740992',
    '-9007199254740992',
    '90071992547409910',
    'constructor',
    'toString',
    '__proto__',
    '../../x',
    '\u{1f600}',
  ])("of any other form stays as it is: '%s'", async (text) => {
    const t = await table({ id: text })
    expect(await t.ok('GET_RECORD', { id: text })).toEqual({ record: { id: text }, revision: 1, version: 1 })
    expect(await nextId(t)).toBe(1)
    expect(await t.ok('DELETE_RECORD', { id: text })).toEqual({ deleted: true, version: 3 })
  })

  it('of 255 characters is an id, wherever it is named', async () => {
    for (const id of ['x'.repeat(255), '\u{1f600}'.repeat(255)]) {
      const t = await table({ id })
      await t.ok('SET_RECORD', { id, data: { id } })
      await t.ok('PATCH_RECORD', { id, data: { id } })
      await t.ok('SET_STATE', { data: await t.records() })
      expect(await t.records()).toEqual([{ id }])
    }
  })
})

describe('minus zero', () => {
  it('is zero', async () => {
    const t = await table({ id: -0 })
    expect(await t.records()).toEqual([{ id: 0 }])
    expect(await t.ok('SET_RECORD', { id: 0, data: { id: -0 } })).toEqual({ version: 2 })
    expect(await t.ok('GET_RECORD', { id: -0 })).toMatchObject({ record: { id: 0 } })
  })
})

describe('what is no id', () => {
  const notIds: JsonValue[] = [1.5, 2 ** 53, -(2 ** 53), 1e300, '', 'x'.repeat(256), {}, [], [1], null, true]
  const commandsWithId: CommandName[] = ['GET_RECORD', 'DELETE_RECORD', 'SET_RECORD', 'PATCH_RECORD']

  it.each(commandsWithId)('is refused by %s', async (name) => {
    const t = await table({ a: 1 })
    const reason = `'id' of ${name} must be a safe integer or a string of 1 to 255 characters`
    const data = name === 'SET_RECORD' || name === 'PATCH_RECORD' ? { data: { a: 1 } } : {}
    for (const id of notIds) {
      expect(await t.refused(name, { id, ...data })).toEqual({
        code: 'INVALID_REQUEST',
        message: `Invalid request: ${reason}`,
        reason,
      })
    }
  })

  it('is refused inside the data', async () => {
    const t = await table({ a: 1 })
    for (const id of notIds) {
      expect(await t.refused('CREATE_RECORD', { data: { id, a: 1 } })).toEqual({
        code: 'INVALID_REQUEST',
        message: "Invalid request: the 'id' in 'data' is not an id",
        reason: "the 'id' in 'data' is not an id",
      })
      expect(await t.refused('SET_STATE', { data: [{ a: 1 }, { id, a: 1 }] })).toEqual({
        code: 'INVALID_REQUEST',
        message: "Invalid request: the 'id' in row 1 of 'data' is not an id",
        reason: "the 'id' in row 1 of 'data' is not an id",
      })
    }
  })
})

describe('automatic ids', () => {
  it('are lifted by an explicit integer to at least one more', async () => {
    const t = await table({ id: 7 })
    expect(await nextId(t)).toBe(8)
    await t.ok('CREATE_RECORD', { data: { id: 3 } })
    expect(await nextId(t)).toBe(9)
    await t.ok('SET_RECORD', { id: '20', data: {} })
    expect(await nextId(t)).toBe(21)
  })

  it('are not lifted by negative integers, zero and texts', async () => {
    const t = await table({ id: -1 }, { id: 0 }, { id: 'x' }, { id: '99999999999999999' })
    expect(await nextId(t)).toBe(1)
  })

  it('are not lifted by a refusal', async () => {
    const t = await table({ a: 1 })
    await t.refused('CREATE_RECORD', { data: { id: 50, b: 1 } })
    await t.refused('SET_RECORD', { id: 50, data: { b: 1 } })
    expect(await t.ok('CREATE_RECORD', { data: { a: 1 } })).toMatchObject({ id: 2 })
  })

  it('are never lowered by a deletion', async () => {
    const t = await table({}, {}, {})
    for (const id of [1, 2, 3]) await t.ok('DELETE_RECORD', { id })
    expect(await nextId(t)).toBe(4)
  })

  it('of SET_STATE count from 1 and skip what other rows name', async () => {
    const t = await table({}, {}, {})
    await t.ok('SET_STATE', { data: [{}, { id: 2 }, {}, { id: '4' }, { id: 'x' }, {}, { id: 1 }] })
    expect((await t.records()).map(({ id }) => id)).toEqual([3, 2, 5, 4, 'x', 6, 1])
    expect(await nextId(t)).toBe(7)
  })

  it('start anew after SET_STATE, behind the highest of its integers', async () => {
    const t = await table({ id: 100 })
    await t.ok('SET_STATE', { data: [{ id: 12 }, { id: 5 }] })
    expect(await nextId(t)).toBe(13)
    await t.ok('SET_STATE', { data: [{ id: -9 }, { id: 'x' }] })
    expect(await nextId(t)).toBe(1)
    await t.ok('SET_STATE', { data: [] })
    expect(await nextId(t)).toBe(1)
  })

  it('do not start anew after ALTER_STATE', async () => {
    const t = await table({}, { id: 9 })
    await t.ok('DELETE_RECORD', { id: 9 })
    await t.ok('ALTER_STATE', { add_fields: { a: 1 } })
    expect(await t.ok('CREATE_RECORD', { data: { a: 2 } })).toMatchObject({ id: 10 })
  })

  it.each<[string, CommandName, Record<string, JsonValue>]>([
    ['CREATE_RECORD', 'CREATE_RECORD', { data: { id: newest } }],
    ['SET_RECORD', 'SET_RECORD', { id: newest, data: {} }],
    ['SET_STATE', 'SET_STATE', { data: [{}, { id: String(newest) }] }],
  ])('are used up once %s named the highest safe integer; ids can still be named', async (_name, name, fields) => {
    const t = await session()
    await t.ok('CREATE_STATE')
    await t.ok(name, fields)
    expect(await t.refused('CREATE_RECORD', { data: {} })).toEqual({
      code: 'LIMIT_EXCEEDED',
      message: 'The automatic id exceeds the limit (9007199254740991)',
      what: 'The automatic id',
      limit: newest,
    })
    await t.ok('CREATE_RECORD', { data: { id: 5 } })
    await t.ok('DELETE_RECORD', { id: newest })
    expect(await t.refused('CREATE_RECORD', { data: {} })).toMatchObject({ code: 'LIMIT_EXCEEDED' })
    await t.ok('SET_STATE', { data: [] })
    expect(await nextId(t)).toBe(1)
  })

  it('reach the highest safe integer before they are used up', async () => {
    const t = await table({ id: newest - 1 })
    expect(await nextId(t)).toBe(newest)
    expect(await t.refused('CREATE_RECORD', { data: {} })).toMatchObject({ code: 'LIMIT_EXCEEDED' })
  })
})
