// ALTER_STATE: another bound, more or fewer fields, in one step for all records.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import { session, table } from '../support/session.ts'

const ann = { name: 'Ann', status: 'open' }
const bob = { name: 'Bob', status: 'won' }

describe('ALTER_STATE', () => {
  it('adds fields to every record, with their defaults', async () => {
    const t = await table(ann, bob)
    expect(await t.ok('ALTER_STATE', { add_fields: { priority: 1, tags: [] } })).toEqual({
      max_length: null,
      schema: ['id', 'name', 'priority', 'status', 'tags'],
      version: 3,
    })
    expect(await t.records()).toEqual([
      { id: 1, ...ann, priority: 1, tags: [] },
      { id: 2, ...bob, priority: 1, tags: [] },
    ])
    expect(await t.refused('CREATE_RECORD', { data: ann })).toMatchObject({ missing: ['priority', 'tags'] })
  })

  it('drops fields from every record', async () => {
    const t = await table(ann, bob)
    expect(await t.ok('ALTER_STATE', { drop_fields: ['status'] })).toEqual({
      max_length: null,
      schema: ['id', 'name'],
      version: 3,
    })
    expect(await t.records()).toEqual([
      { id: 1, name: 'Ann' },
      { id: 2, name: 'Bob' },
    ])
    expect(await t.refused('CREATE_RECORD', { data: ann })).toMatchObject({ unknown: ['status'] })
  })

  it('puts a default in the place of what a field held, where it is dropped and added', async () => {
    const t = await table(ann, bob)
    await t.ok('ALTER_STATE', { drop_fields: ['status'], add_fields: { status: null } })
    expect((await t.records()).map(({ status }) => status)).toEqual([null, null])
  })

  it('keeps the records at their places, under their ids', async () => {
    const t = await table({ id: 'b', n: 1 }, { id: 'a', n: 2 })
    await t.ok('ALTER_STATE', { add_fields: { m: 0 } })
    await t.ok('CREATE_RECORD', { data: { n: 3, m: 3 } })
    expect((await t.records()).map(({ id }) => id)).toEqual(['b', 'a', 1])
  })

  it('changes the bound, or takes it away, and leaves the records alone', async () => {
    const t = await table(ann, bob)
    expect(await t.ok('ALTER_STATE', { max_length: 2 })).toEqual({
      max_length: 2,
      schema: ['id', 'name', 'status'],
      version: 3,
    })
    expect(await t.refused('CREATE_RECORD', { data: ann })).toMatchObject({ code: 'MAX_LENGTH_REACHED', max_length: 2 })
    expect(await t.ok('ALTER_STATE', { max_length: null })).toMatchObject({ max_length: null, version: 4 })
    expect(await t.ok('CREATE_RECORD', { data: ann })).toEqual({ id: 3, version: 5 })
    expect((await t.ok('GET_RECORD', { id: 1 })).revision).toBe(1)
  })

  it('changes nothing but the version where nothing is asked for', async () => {
    const t = await session()
    await t.ok('CREATE_STATE', { max_length: 3 })
    expect(await t.ok('ALTER_STATE')).toEqual({ max_length: 3, schema: null, version: 1 })
  })

  it('defines the schema of a table that has none yet', async () => {
    const t = await table()
    expect(await t.ok('ALTER_STATE', { add_fields: { name: '' } })).toMatchObject({ schema: ['id', 'name'] })
    expect(await t.refused('CREATE_RECORD', { data: { title: 'x' } })).toMatchObject({ code: 'SCHEMA_MISMATCH' })
  })

  it.each<[string, JsonObject, JsonObject]>([
    [
      'a bound below the number of records',
      { max_length: 1, add_fields: { a: 1 } },
      {
        code: 'MAX_LENGTH_REACHED',
        message: "State 'leads' has reached max_length (1)",
        state: 'leads',
        max_length: 1,
      },
    ],
    [
      'a field to drop that is not there, with all such fields sorted',
      { drop_fields: ['z', 'status', 'a'], max_length: 5 },
      {
        code: 'SCHEMA_MISMATCH',
        message: "Record does not match the schema: unknown fields {'a', 'z'}",
        unknown: ['a', 'z'],
      },
    ],
    [
      'a field to add that is there',
      { add_fields: { extra: 1, status: 'x' }, drop_fields: ['name'] },
      {
        code: 'INVALID_REQUEST',
        message: "Invalid request: the field 'status' exists already",
        reason: "the field 'status' exists already",
      },
    ],
    [
      'to drop the id',
      { drop_fields: ['id'] },
      {
        code: 'INVALID_REQUEST',
        message: "Invalid request: 'id' can be neither added nor dropped",
        reason: "'id' can be neither added nor dropped",
      },
    ],
    [
      'to add an id',
      { add_fields: { id: 1 } },
      {
        code: 'INVALID_REQUEST',
        message: "Invalid request: 'id' can be neither added nor dropped",
        reason: "'id' can be neither added nor dropped",
      },
    ],
    [
      'a default that makes a record too large',
      { add_fields: { text: 'x'.repeat(262_144) } },
      {
        code: 'LIMIT_EXCEEDED',
        message: 'The size of a record in bytes exceeds the limit (262144)',
        what: 'The size of a record in bytes',
        limit: 262_144,
      },
    ],
  ])('refuses %s', async (_what, fields, refusal) => {
    const t = await table(ann, bob)
    expect(await t.refused('ALTER_STATE', fields)).toEqual(refusal)
  })

  it('carries a JSON Schema along', async () => {
    const t = await session()
    const name = { type: 'string' }
    const schema = { type: 'object', properties: { name, age: { type: 'integer' } }, required: ['name'] }
    await t.ok('CREATE_STATE', { schema })
    await t.ok('CREATE_RECORD', { data: { name: 'Ann', age: 40 } })
    await t.ok('ALTER_STATE', { drop_fields: ['age'], add_fields: { tags: [] } })
    expect(await t.ok('GET_SCHEMA')).toEqual({
      schema: ['id', 'name', 'tags'],
      json_schema: { type: 'object', properties: { name, tags: {} }, required: ['name', 'tags'] },
      version: 2,
    })
    expect(await t.records()).toEqual([{ id: 1, name: 'Ann', tags: [] }])
    expect(await t.refused('CREATE_RECORD', { data: { name: 'Bob' } })).toMatchObject({
      path: '/tags',
      expected: 'a value: the field is required',
    })
    expect(await t.refused('PATCH_RECORD', { id: 1, data: { name: 5 } })).toMatchObject({
      path: '/name',
      expected: 'a string',
    })
    await t.ok('PATCH_RECORD', { id: 1, data: { tags: 'anything' } })
  })

  it('is refused where what comes out would break a rule of the JSON Schema for whole records', async () => {
    const t = await session()
    await t.ok('CREATE_STATE', { schema: { properties: { a: {}, b: {} }, minProperties: 2 } })
    await t.ok('CREATE_RECORD', { data: { a: 1 } })
    expect(await t.refused('ALTER_STATE', { drop_fields: ['a'] })).toEqual({
      code: 'SCHEMA_MISMATCH',
      message: "Record does not match the schema: '' must be an object of at least 2 fields",
      path: '',
      expected: 'an object of at least 2 fields',
    })
  })

  it('takes all of thousands of records in one step', async () => {
    const t = await session()
    await t.ok('CREATE_STATE')
    const rows = Array.from({ length: 5_000 }, (_, index) => ({ n: index }))
    await t.ok('SET_STATE', { data: rows })
    const [altered, created, records] = await Promise.all([
      t.ok('ALTER_STATE', { add_fields: { m: 0 } }),
      t.ok('CREATE_RECORD', { data: { n: -1, m: -1 } }),
      t.records(),
    ])
    expect(altered).toEqual({ max_length: null, schema: ['id', 'm', 'n'], version: 2 })
    expect(created).toEqual({ id: 5_001, version: 3 })
    expect(records).toEqual([...rows.map(({ n }) => ({ id: n + 1, n, m: 0 })), { id: 5_001, n: -1, m: -1 }])
    expect((await t.ok('GET_RECORD', { id: 4_000 })).revision).toBe(2)
  })
})
