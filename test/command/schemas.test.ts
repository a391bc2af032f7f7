// What a table lets in: the fields of its first record, the rules of a JSON Schema, the bounds of a record, and names of
// fields that are dangerous only to careless code.
import { describe, expect, it } from 'vitest'
import type { CommandName } from '../../src/protocol/commands.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { session, table } from '../support/session.ts'

describe('the schema', () => {
  it('is null before the first write', async () => {
    const t = await table()
    expect(await t.ok('GET_SCHEMA')).toEqual({ schema: null, version: 0 })
  })

  it.each<[CommandName, JsonObject]>([
    ['CREATE_RECORD', { data: { status: 'open', name: 'Ann' } }],
    ['SET_RECORD', { id: 'x', data: { status: 'open', name: 'Ann' } }],
    ['SET_STATE', { data: [{ status: 'open', name: 'Ann' }] }],
  ])('is the sorted fields of the first record, which %s brings, and id', async (name, fields) => {
    const t = await table()
    await t.ok(name, fields)
    expect(await t.ok('GET_SCHEMA')).toEqual({ schema: ['id', 'name', 'status'], version: 1 })
  })

  it('is sorted by the bytes of the names, like every other list of names', async () => {
    const names = ['10', '9', 'A', 'a', 'id', '\uffff', '\u{1f600}']
    const t = await table(Object.fromEntries(names.toReversed().map((name) => [name, 1])))
    expect(await t.ok('GET_SCHEMA')).toEqual({ schema: names, version: 1 })
    await t.ok('DELETE_RECORD', { id: 1 })
    expect(await t.refused('CREATE_RECORD', { data: {} })).toMatchObject({
      missing: names.filter((name) => name !== 'id'),
    })
    await t.ok('ALTER_STATE', { add_fields: { '\ufffe': 1 }, drop_fields: ['10', '9'] })
    expect((await t.ok('GET_SCHEMA')).schema).toEqual(['A', 'a', 'id', '\ufffe', '\uffff', '\u{1f600}'])
  })

  it('is not concerned with the order of fields', async () => {
    const t = await table({ a: 1, b: 2, c: 3 })
    await t.ok('CREATE_RECORD', { data: { c: 1, a: 2, b: 3 } })
    await t.ok('SET_RECORD', { id: 1, data: { b: 1, id: 1, c: 2, a: 3 } })
    await t.ok('SET_STATE', { data: [{ b: 1, a: 2, id: 'x', c: 3 }] })
    expect(await t.records()).toEqual([{ id: 'x', a: 2, b: 1, c: 3 }])
  })

  it('is not defined by a write that is refused', async () => {
    const t = await session({ limits: { recordBytesMax: 100 } })
    await t.ok('CREATE_STATE')
    await t.refused('CREATE_RECORD', { data: { text: 'x'.repeat(200) } })
    expect(await t.ok('GET_SCHEMA')).toEqual({ schema: null, version: 0 })
  })
})

describe('a JSON Schema', () => {
  const schema = {
    title: 'Lead',
    type: 'object',
    properties: {
      name: { type: 'string', maxLength: 20 },
      status: { enum: ['open', 'won'] },
      tags: { type: 'array', items: { type: 'string' } },
    },
    required: ['name'],
  }

  async function leads() {
    const t = await session()
    await t.ok('CREATE_STATE', { schema })
    await t.ok('CREATE_RECORD', { data: { name: 'Ann', status: 'open' } })
    return t
  }

  it('is the schema from the start, and is given back as it came', async () => {
    const t = await session()
    await t.ok('CREATE_STATE', { schema })
    expect(await t.ok('GET_SCHEMA')).toEqual({
      schema: ['id', 'name', 'status', 'tags'],
      json_schema: schema,
      version: 0,
    })
  })

  it('lets a record leave out what is not required', async () => {
    const t = await leads()
    await t.ok('CREATE_RECORD', { data: { name: 'Bob' } })
    await t.ok('SET_RECORD', { id: 1, data: { tags: ['a'], name: 'Cid' } })
    expect(await t.records()).toEqual([
      { id: 1, tags: ['a'], name: 'Cid' },
      { id: 2, name: 'Bob' },
    ])
  })

  it.each<[CommandName, JsonObject, string, string]>([
    ['CREATE_RECORD', { data: { name: 5 } }, '/name', 'a string'],
    ['CREATE_RECORD', { data: { status: 'won' } }, '/name', 'a value: the field is required'],
    ['SET_RECORD', { id: 1, data: { name: 'x', status: 'lost' } }, '/status', 'one of "open", "won"'],
    ['SET_RECORD', { id: 9, data: { name: null } }, '/name', 'a string'],
    ['PATCH_RECORD', { id: 1, data: { tags: ['a', 7] } }, '/tags/1', 'a string'],
    ['PATCH_RECORD', { id: 1, data: { name: 'x'.repeat(21) } }, '/name', 'a string of at most 20 characters'],
  ])('is enforced by %s: %j', async (name, fields, path, expected) => {
    const t = await leads()
    expect(await t.refused(name, fields)).toEqual({
      code: 'SCHEMA_MISMATCH',
      message: `Record does not match the schema: '${path}' must be ${expected}`,
      path,
      expected,
    })
  })

  it('is enforced by SET_STATE, which names the row', async () => {
    const t = await leads()
    expect(await t.refused('SET_STATE', { data: [{ name: 'x' }, { name: 7 }] })).toEqual({
      code: 'SCHEMA_MISMATCH',
      message: "Row 1 does not match the schema: '/name' must be a string",
      path: '/name',
      expected: 'a string',
      row: 1,
    })
  })

  it('lets in no field that it does not name', async () => {
    const t = await leads()
    expect(await t.refused('CREATE_RECORD', { data: { name: 'x', priority: 1 } })).toMatchObject({
      code: 'SCHEMA_MISMATCH',
      unknown: ['priority'],
    })
    expect(await t.refused('PATCH_RECORD', { id: 1, data: { priority: 1 } })).toMatchObject({
      code: 'UNKNOWN_FIELDS',
      fields: ['priority'],
    })
  })

  it('may describe the id', async () => {
    const t = await session()
    await t.ok('CREATE_STATE', { schema: { properties: { id: { type: 'string' } } } })
    expect(await t.refused('CREATE_RECORD', { data: {} })).toMatchObject({ path: '/id', expected: 'a string' })
    expect(await t.ok('CREATE_RECORD', { data: { id: 'x' } })).toEqual({ id: 'x', version: 1 })
  })
})

describe('the size of a record', () => {
  const overhead = Buffer.byteLength(JSON.stringify({ id: 1, text: '' }))

  it.each([
    ['of letters', 'x', 1],
    ['of characters that take three bytes', '\u20ac', 3],
    ['of quotes, which JSON text escapes', '"', 2],
    ['of control characters, of which JSON text makes six bytes each', '\u0001', 6],
  ])('%s may be 256 KiB as JSON text', async (_what, character, bytes) => {
    const length = Math.floor((262_144 - overhead) / bytes)
    const t = await table({ text: character.repeat(length) })
    const tooLarge = {
      code: 'LIMIT_EXCEEDED',
      message: 'The size of a record in bytes exceeds the limit (262144)',
      what: 'The size of a record in bytes',
      limit: 262_144,
    }
    const text = character.repeat(length + 1)
    expect(await t.refused('SET_RECORD', { id: 1, data: { text } })).toEqual(tooLarge)
    expect(await t.refused('PATCH_RECORD', { id: 1, data: { text } })).toEqual(tooLarge)
    expect(await t.refused('CREATE_RECORD', { data: { text } })).toEqual(tooLarge)
    expect(await t.refused('SET_STATE', { data: [{ text: '' }, { text }] })).toEqual(tooLarge)
  })

  it('counts the record that a patch would make, not the patch', async () => {
    const t = await table({ a: 'x'.repeat(150_000), b: '' })
    expect(await t.refused('PATCH_RECORD', { id: 1, data: { b: 'x'.repeat(150_000) } })).toMatchObject({
      code: 'LIMIT_EXCEEDED',
    })
  })

  it('is at most 1,024 fields, id included', async () => {
    const fields = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`f${n}`, 0]))
    const t = await table(fields(1_023))
    const other = await table()
    const tooMany: [CommandName, JsonObject][] = [
      ['CREATE_RECORD', { data: fields(1_024) }],
      ['SET_RECORD', { id: 1, data: fields(1_024) }],
      ['SET_STATE', { data: [fields(1_024)] }],
    ]
    for (const [name, args] of tooMany) {
      expect(await other.refused(name, args)).toEqual({
        code: 'LIMIT_EXCEEDED',
        message: 'The number of fields of a record exceeds the limit (1024)',
        what: 'The number of fields of a record',
        limit: 1_024,
      })
    }
    expect(await t.refused('ALTER_STATE', { add_fields: { one: 1 } })).toMatchObject({ code: 'LIMIT_EXCEEDED' })
  })

  it('holds against 131,072 fields that look like integers', async () => {
    const data = Object.fromEntries(Array.from({ length: 2 ** 17 }, (_, n) => [String(n), 0]))
    const t = await table()
    expect(await t.refused('CREATE_RECORD', { data })).toMatchObject({ code: 'LIMIT_EXCEEDED' })
    const known = await table({ name: 'Ann' })
    expect(await known.refused('PATCH_RECORD', { id: 1, data })).toMatchObject({ code: 'UNKNOWN_FIELDS' })
    expect(await known.refused('CREATE_RECORD', { data })).toMatchObject({ code: 'SCHEMA_MISMATCH' })
  })
})

describe('a field with the name of something that every object has', () => {
  const hostile = { constructor: { prototype: { polluted: true } }, toString: 1, hasOwnProperty: null, length: 0 }

  it('is a field like any other', async () => {
    const t = await table(hostile, hostile)
    expect(await t.records()).toEqual([
      { id: 1, ...hostile },
      { id: 2, ...hostile },
    ])
    await t.ok('PATCH_RECORD', { id: 1, data: { toString: 2 } })
    await t.ok('ALTER_STATE', { drop_fields: ['constructor'], add_fields: { valueOf: 'v' } })
    expect(await t.records()).toEqual([
      { id: 1, toString: 2, hasOwnProperty: null, length: 0, valueOf: 'v' },
      { id: 2, toString: 1, hasOwnProperty: null, length: 0, valueOf: 'v' },
    ])
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  it('is missing where a record does not have it itself', async () => {
    const t = await table(hostile)
    expect(await t.refused('CREATE_RECORD', { data: {} })).toMatchObject({
      missing: ['constructor', 'hasOwnProperty', 'length', 'toString'],
    })
  })

  it('is unknown where the schema does not have it', async () => {
    const t = await table({ name: 'Ann' })
    expect(await t.refused('PATCH_RECORD', { id: 1, data: { constructor: 1 } })).toMatchObject({
      fields: ['constructor'],
    })
    expect(await t.refused('CREATE_RECORD', { data: { name: 'x', toString: 1 } })).toMatchObject({
      unknown: ['toString'],
    })
    expect(await t.refused('ALTER_STATE', { drop_fields: ['__proto__', 'constructor'] })).toMatchObject({
      unknown: ['__proto__', 'constructor'],
    })
  })
})

describe('the field name __proto__', () => {
  const reason = "the field name '__proto__' is not allowed"

  it.each<[string, CommandName, string]>([
    ['in a new record', 'CREATE_RECORD', '{"data":{"__proto__":{"polluted":true}}}'],
    ['deep in a record', 'CREATE_RECORD', '{"data":{"a":[{"b":{"__proto__":1}}]}}'],
    ['escaped', 'CREATE_RECORD', '{"data":{"\\u005f_proto__":1}}'],
    ['in a patch', 'PATCH_RECORD', '{"id":1,"data":{"__proto__":{"polluted":true}}}'],
    ['in a row', 'SET_STATE', '{"data":[{"a":1},{"__proto__":1}]}'],
    ['among fields to add', 'ALTER_STATE', '{"add_fields":{"__proto__":1}}'],
    ['in a schema', 'CREATE_STATE', '{"state":"new","schema":{"properties":{"__proto__":{}}}}'],
    ['as a field of the command', 'GET_RECORD', '{"id":1,"__proto__":1}'],
  ])('is refused %s', async (_where, name, fields) => {
    const t = await table({ a: 1 })
    expect(await t.refused(name, JSON.parse(fields) as JsonObject)).toEqual({
      code: 'INVALID_REQUEST',
      message: `Invalid request: ${reason}`,
      reason,
    })
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })
})
