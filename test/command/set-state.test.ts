// SET_STATE: all records replaced at once or not at all, however many there are.
import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { session, table } from '../support/session.ts'

const ann = { name: 'Ann', status: 'open' }
const bob = { name: 'Bob', status: 'won' }

describe('SET_STATE', () => {
  it('replaces all records, in the order of the list, and numbers them from 1', async () => {
    const t = await table({ id: 7, ...ann }, { id: 'x', ...ann })
    expect(await t.ok('SET_STATE', { data: [bob, ann, bob] })).toEqual({ accepted: 3, dropped: 0, version: 3 })
    expect(await t.records()).toEqual([
      { id: 1, ...bob },
      { id: 2, ...ann },
      { id: 3, ...bob },
    ])
    expect(await t.ok('GET_RECORD', { id: 'x' })).toEqual({ record: null, revision: 0, version: 3 })
    expect(await t.ok('GET_RECORD', { id: 3 })).toEqual({ record: { id: 3, ...bob }, revision: 3, version: 3 })
  })

  it('defines the schema where there is none, by its first row', async () => {
    const t = await table()
    await t.ok('SET_STATE', { data: [ann, { status: 'won', name: 'Bob', id: 4 }] })
    expect(await t.ok('GET_SCHEMA')).toEqual({ schema: ['id', 'name', 'status'], version: 1 })
  })

  it('leaves the schema open where it brings no row', async () => {
    const t = await table()
    expect(await t.ok('SET_STATE', { data: [] })).toEqual({ accepted: 0, dropped: 0, version: 1 })
    expect(await t.ok('GET_SCHEMA')).toEqual({ schema: null, version: 1 })
  })

  it('keeps a schema that stands, though every record goes', async () => {
    const t = await table(ann)
    await t.ok('SET_STATE', { data: [] })
    expect(await t.refused('SET_STATE', { data: [{ title: 'x' }] })).toEqual({
      code: 'SCHEMA_MISMATCH',
      message: "Row 0 does not match the schema: missing fields {'name', 'status'}, unknown fields {'title'}",
      missing: ['name', 'status'],
      unknown: ['title'],
      row: 0,
    })
  })

  it.each<[string, JsonValue[], JsonObject]>([
    [
      'a row that is no object',
      [ann, null],
      {
        code: 'INVALID_REQUEST',
        message: "Invalid request: row 1 of 'data' must be an object",
        reason: "row 1 of 'data' must be an object",
      },
    ],
    [
      'a row that is a list',
      [[ann]],
      {
        code: 'INVALID_REQUEST',
        message: "Invalid request: row 0 of 'data' must be an object",
        reason: "row 0 of 'data' must be an object",
      },
    ],
    [
      'an id that two rows name',
      [ann, { id: 7, ...ann }, bob, { id: '7', ...bob }],
      { code: 'DUPLICATE_ID', message: 'Row 3 repeats the id 7', id: 7, row: 3 },
    ],
    [
      'an id that two rows name, and text',
      [
        { id: 'a', ...ann },
        { id: 'a', ...bob },
      ],
      { code: 'DUPLICATE_ID', message: 'Row 1 repeats the id "a"', id: 'a', row: 1 },
    ],
    [
      'a row with a field too few',
      [ann, { name: 'Bob' }],
      {
        code: 'SCHEMA_MISMATCH',
        message: "Row 1 does not match the schema: missing fields {'status'}",
        missing: ['status'],
        row: 1,
      },
    ],
    [
      'a row with a field too many',
      [ann, { ...bob, priority: 1 }],
      {
        code: 'SCHEMA_MISMATCH',
        message: "Row 1 does not match the schema: unknown fields {'priority'}",
        unknown: ['priority'],
        row: 1,
      },
    ],
  ])('refuses %s, and changes nothing: not even the schema', async (_what, data, refusal) => {
    for (const t of [await table(), await table(ann, bob)]) {
      expect(await t.refused('SET_STATE', { data })).toEqual(refusal)
    }
  })

  it('is cut to max_length first, and what is cut off is not even looked at', async () => {
    const t = await session()
    await t.ok('CREATE_STATE', { max_length: 2 })
    expect(await t.ok('SET_STATE', { data: [ann, bob, null, { id: 1 }, { title: 'x' }] })).toEqual({
      accepted: 2,
      dropped: 3,
      version: 1,
    })
    expect(await t.records()).toEqual([
      { id: 1, ...ann },
      { id: 2, ...bob },
    ])
    // An id that only a dropped row names is neither skipped nor a duplicate.
    await t.ok('SET_STATE', { data: [ann, { id: 5, ...bob }, { id: 1, ...ann }, { id: 5, ...ann }] })
    expect((await t.records()).map(({ id }) => id)).toEqual([1, 5])
    expect(await t.refused('SET_STATE', { data: [ann, null, bob] })).toMatchObject({ code: 'INVALID_REQUEST' })
  })
})

const rows = Array.from({ length: 10_000 }, (_, index) => ({ name: `n${index}`, status: 'open' }))

describe('SET_STATE of ten thousand rows', () => {
  it.each<[string, number, JsonValue, JsonObject]>([
    ['does not fit', 0, { name: 'x' }, { code: 'SCHEMA_MISMATCH', missing: ['status'], row: 9_999 }],
    ['does not fit', 2, { name: 'x' }, { code: 'SCHEMA_MISMATCH', missing: ['status'], row: 9_999 }],
    ['is no object', 0, 7, { code: 'INVALID_REQUEST', reason: "row 9999 of 'data' must be an object" }],
    ['repeats an id', 0, { ...ann, id: 1 }, { code: 'DUPLICATE_ID', id: 1, row: 9_999 }],
    ['is too large', 0, { ...ann, name: 'x'.repeat(300_000) }, { code: 'LIMIT_EXCEEDED', limit: 262_144 }],
  ])('leaves everything as it was when row 9,999 %s, with %i threads', async (_what, shards, bad, refusal) => {
    const t = await session({ shards })
    await t.ok('CREATE_STATE')
    const data = [{ id: 1, ...ann }, ...rows.slice(1, 9_999), bad]
    expect(await t.refused('SET_STATE', { data })).toMatchObject(refusal)
    expect(await t.ok('GET_SCHEMA')).toEqual({ schema: null, version: 0 })
    // Neither the schema nor the automatic ids remember any of it.
    expect(await t.ok('CREATE_RECORD', { data: { title: 'x' } })).toEqual({ id: 1, version: 1 })
    await t.refused('SET_STATE', { data })
    expect(await t.records()).toEqual([{ id: 1, title: 'x' }])
  })
})

describe('SET_STATE of more rows than are replaced in one go', () => {
  it('lets what waited for it go before what came later', async () => {
    const t = await session()
    await t.ok('CREATE_STATE')
    const replaced = t.ok('SET_STATE', { data: rows.slice(0, 1_001) })
    // So many that when the last row is done, some wait for the state and others still lie in the mailbox.
    const created = Array.from({ length: 20_000 }, () => t.ok('CREATE_RECORD', { data: ann }))
    expect(await replaced).toMatchObject({ version: 1 })
    const versions = (await Promise.all(created)).map(({ version }) => Number(version))
    expect(versions.findIndex((version, index) => version !== 2 + index)).toBe(-1)
  })
})

describe.each([0, 2])('SET_STATE of ten thousand rows, with %i threads', (shards) => {
  it('shows nothing before all of it, holds its own state back, and no other', async () => {
    const t = await session({ shards })
    // One tag, so that both states live on one shard.
    const big = '{tag}big'
    const free = '{tag}free'
    for (const state of [big, free]) await t.ok('CREATE_STATE', { state })
    await t.ok('CREATE_RECORD', { state: big, data: { old: 1 } })
    await t.ok('DELETE_RECORD', { state: big, id: 1 })
    await t.ok('ALTER_STATE', { state: big, drop_fields: ['old'], add_fields: { name: '', status: '' } })

    const order: string[] = []
    const answered = async (what: string, reply: Promise<JsonObject>): Promise<JsonObject> => {
      const value = await reply
      order.push(what)
      return value
    }
    const before = answered('read before', t.ok('GET_STATE_INFO', { state: big }))
    const replaced = answered('big', t.ok('SET_STATE', { state: big, data: rows }))
    const created = answered('write after', t.ok('CREATE_RECORD', { state: big, data: ann }))
    const after = answered('read after', t.ok('GET_STATE_INFO', { state: big }))
    const other = answered('other state', t.ok('CREATE_RECORD', { state: free, data: ann }))

    expect(await before).toMatchObject({ current_length: 0, version: 3 })
    expect(await replaced).toEqual({ accepted: 10_000, dropped: 0, version: 4 })
    expect(await created).toEqual({ id: 10_001, version: 5 })
    expect(await after).toMatchObject({ current_length: 10_001, version: 5 })
    expect(await other).toEqual({ id: 1, version: 1 })
    expect(order).toEqual(['read before', 'other state', 'big', 'write after', 'read after'])
  })

  it('reads back as it was sent', async () => {
    const t = await session({ shards })
    await t.ok('CREATE_STATE')
    const data = rows.map((row, index) => (index % 100 === 99 ? { ...row, id: `id ${index}` } : row))
    expect(await t.ok('SET_STATE', { data })).toEqual({ accepted: 10_000, dropped: 0, version: 1 })
    let number = 0
    const numbered = data.map((row) => ('id' in row ? row : { id: ++number, ...row }))
    expect(await t.records()).toEqual(numbered)
  })
})
