// What a user's schema accepts and refuses, keyword by keyword; which definitions are refused, and where they say so.

import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { compileRecordSchema, type RecordSchema } from '../../src/state/json-schema.ts'

function compiled(definition: JsonValue): RecordSchema {
  const result = compileRecordSchema(definition)
  if ('code' in result) throw new Error(`${result.code} at '${result.path}': ${result.reason}`)
  return result
}

/** The schema of a table with the one field `field`. */
function fieldOf(field: JsonValue): RecordSchema {
  return compiled({ type: 'object', properties: { field } })
}

function parsed(text: string): JsonObject {
  return JSON.parse(text) as JsonObject
}

interface KeywordCase {
  schema: JsonValue
  accepts: JsonValue[]
  refuses: JsonValue[]
  expected: string
}

const keywordCases: KeywordCase[] = [
  { schema: { type: 'null' }, accepts: [null], refuses: [0, '', false, [], {}], expected: 'null' },
  { schema: { type: 'boolean' }, accepts: [true, false], refuses: [0, 'true', null], expected: 'true or false' },
  { schema: { type: 'integer' }, accepts: [0, -3, 1.0, 1e300], refuses: [1.5, '1', null], expected: 'an integer' },
  { schema: { type: 'number' }, accepts: [0, -0.5], refuses: ['1', null, [1]], expected: 'a number' },
  { schema: { type: 'string' }, accepts: ['', 'a'], refuses: [1, null, ['a']], expected: 'a string' },
  { schema: { type: 'array' }, accepts: [[], [1]], refuses: [{}, 'a', null], expected: 'an array' },
  { schema: { type: 'object' }, accepts: [{}, { a: 1 }], refuses: [[], null, 'a'], expected: 'an object' },
  {
    schema: { type: ['string', 'null', 'integer'] },
    accepts: ['a', null, 1],
    refuses: [1.5, [], {}, true],
    expected: 'a string or null or an integer',
  },
  {
    schema: { enum: ['open', 1, null, [1], { a: 1, b: 2 }] },
    accepts: ['open', 1, null, [1], { b: 2, a: 1 }],
    refuses: ['Open', '1', 2, [], '[1]', { a: 1 }, false],
    expected: 'one of "open", 1, null, [1], {"a":1,"b":2}',
  },
  { schema: { const: null }, accepts: [null], refuses: [0, {}, 'null'], expected: 'exactly null' },
  {
    schema: { const: { a: [1] } },
    accepts: [{ a: [1] }],
    refuses: [{ a: [1, 1] }, { a: 1 }, {}, null],
    expected: 'exactly {"a":[1]}',
  },
  { schema: { minimum: 2 }, accepts: [2, 3, '1', null], refuses: [1.9, -3], expected: 'a number of at least 2' },
  { schema: { maximum: 2 }, accepts: [2, -3, '9'], refuses: [2.1], expected: 'a number of at most 2' },
  { schema: { exclusiveMinimum: 0 }, accepts: [0.1, ''], refuses: [0, -0, -1], expected: 'a number greater than 0' },
  { schema: { exclusiveMaximum: 0 }, accepts: [-0.1, []], refuses: [0, 1], expected: 'a number less than 0' },
  {
    schema: { minLength: 2 },
    accepts: ['ab', '😀😀', 'a😀', 1, []],
    refuses: ['', 'a', '😀'],
    expected: 'a string of at least 2 characters',
  },
  {
    schema: { maxLength: 2 },
    accepts: ['', 'ab', '😀😀', 1, [1, 2, 3]],
    refuses: ['abc', '😀😀a', '😀😀😀'],
    expected: 'a string of at most 2 characters',
  },
  { schema: { maxLength: 1 }, accepts: ['a', '😀'], refuses: ['ab'], expected: 'a string of at most 1 character' },
  { schema: { maxLength: 0 }, accepts: [''], refuses: ['a'], expected: 'a string of at most 0 characters' },
  { schema: { minItems: 1 }, accepts: [[0], 'a', {}], refuses: [[]], expected: 'an array of at least 1 item' },
  { schema: { maxItems: 1 }, accepts: [[], [0], 'ab'], refuses: [[0, 0]], expected: 'an array of at most 1 item' },
  {
    schema: { uniqueItems: true, maxItems: 1_000 },
    accepts: [[], [1, '1', true, null, [1], ['1'], '[1]'], [{ a: 1 }, { a: 2 }], 'aa'],
    refuses: [
      [1, 2, 1],
      [0, -0],
      [null, null],
      [[1], [1]],
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
    ],
    expected: 'an array without equal items',
  },
  {
    schema: { uniqueItems: false, maxItems: 3 },
    accepts: [[1, 1]],
    refuses: [[1, 1, 1, 1]],
    expected: 'an array of at most 3 items',
  },
  { schema: { minProperties: 1 }, accepts: [{ a: 1 }, []], refuses: [{}], expected: 'an object of at least 1 field' },
  {
    schema: { maxProperties: 1 },
    accepts: [{}, { a: 1 }],
    refuses: [{ a: 1, b: 1 }],
    expected: 'an object of at most 1 field',
  },
  { schema: false, accepts: [], refuses: [null, 0, {}], expected: 'no such field or item' },
]

describe('each keyword', () => {
  it.each(keywordCases)('$schema', ({ schema, accepts, refuses, expected }) => {
    const { check } = fieldOf(schema)
    for (const field of accepts) expect([field, check({ field })]).toEqual([field, undefined])
    for (const field of refuses) expect([field, check({ field })]).toEqual([field, { path: '/field', expected }])
    // A rule about a field is no rule that the field must be there.
    expect(check({})).toBeUndefined()
  })

  it.each<JsonValue>([
    {},
    true,
    { title: 'A', description: 'B', default: 1, examples: [1], $comment: 'C', $schema: 'D' },
  ])('nothing that is enforced: %j', (schema) => {
    const { check } = fieldOf(schema)
    for (const field of [null, 1, 'a', [], {}]) expect(check({ field })).toBeUndefined()
  })
})

describe('a record', () => {
  const lead = compiled({
    title: 'Lead',
    properties: {
      name: { type: 'string', minLength: 1, maxLength: 20 },
      status: { enum: ['open', 'won'] },
      tags: { type: 'array', items: { type: 'string' } },
      address: {
        type: 'object',
        properties: { street: { type: 'string' }, 'a/b~c': { type: 'null' } },
        required: ['street'],
        additionalProperties: { type: 'integer' },
      },
      closed: { properties: { a: true }, additionalProperties: false },
    },
    required: ['name', 'status'],
    additionalProperties: false,
  })
  const good: JsonObject = { id: 1, name: 'Ann', status: 'open' }

  it.each<[JsonObject, string, string]>([
    [{ id: 1, status: 'open' }, '/name', 'a value: the field is required'],
    [{ id: 1, name: 'Ann' }, '/status', 'a value: the field is required'],
    [{ ...good, name: 7 }, '/name', 'a string'],
    [{ ...good, name: '' }, '/name', 'a string of at least 1 character'],
    [{ ...good, status: 'lost' }, '/status', 'one of "open", "won"'],
    [{ ...good, tags: ['a', 'b', 3] }, '/tags/2', 'a string'],
    [{ ...good, address: {} }, '/address/street', 'a value: the field is required'],
    [{ ...good, address: { street: 'S', number: 1.5 } }, '/address/number', 'an integer'],
    [{ ...good, address: { street: 'S', 'a/b~c': 1 } }, '/address/a~1b~0c', 'null'],
    [{ ...good, closed: { a: 1, b: 1 } }, '/closed/b', 'no such field or item'],
  ])('is refused with the path: %j', (record, path, expected) => {
    expect(lead.check(record)).toEqual({ path, expected })
  })

  it.each<JsonObject>([
    good,
    { ...good, tags: [], address: { street: 'S', number: 1 }, closed: {} },
    // Unknown fields are the table's to refuse.
    { ...good, unknown: 1 },
  ])('is accepted: %j', (record) => {
    expect(lead.check(record)).toBeUndefined()
  })

  it('has the fields of the definition and id, in byte order', () => {
    expect(lead.fields).toEqual(['address', 'closed', 'id', 'name', 'status', 'tags'])
    expect(compiled({ properties: { '😀': true, '\uffff': true, id: true, B: true, a: true } }).fields).toEqual([
      'B',
      'a',
      'id',
      '\uffff',
      '😀',
    ])
    expect(compiled({ type: 'object' }).fields).toEqual(['id'])
  })

  it('has its id checked where the definition describes it', () => {
    const { check } = compiled({ properties: { id: { type: 'integer', minimum: 1 } }, required: ['id'] })
    expect(check({ id: 1 })).toBeUndefined()
    expect(check({ id: 'a' })).toEqual({ path: '/id', expected: 'an integer' })
  })

  it('may be held to a number of fields as a whole', () => {
    const { check } = compiled({
      properties: { a: true, b: true },
      minProperties: 2,
      enum: [{ id: 1, a: 1 }, { id: 1 }],
    })
    expect(check({ id: 1, a: 1 })).toBeUndefined()
    expect(check({ id: 1, a: 2 })).toEqual({ path: '', expected: 'one of {"id":1,"a":1}, {"id":1}' })
    expect(check({ id: 1 })).toEqual({ path: '', expected: 'an object of at least 2 fields' })
  })

  it('gives the definition back as it was', () => {
    const definition: JsonObject = { type: ['object'], description: 'Kept', properties: { a: { default: 1 } } }
    expect(compiled(definition).source).toBe(definition)
  })

  it('is told a long list of values in short', () => {
    const { check } = fieldOf({ enum: Array.from({ length: 1_000 }, (_, index) => `😀${index}`) })
    const expected = check({ field: 0 })?.expected ?? ''
    expect(expected).toMatch(/^one of "😀0", "😀1", .*…$/)
    expect(expected.length).toBeLessThan(250)
    expect(expected.isWellFormed()).toBe(true)
  })
})

describe('names that every object inherits', () => {
  const names = ['constructor', 'toString', 'hasOwnProperty', '__proto__']

  it.each(names)('%s is required and missing until the record itself has it', (name) => {
    const { check } = compiled({ properties: parsed(`{"${name}": {"type": "integer"}}`), required: [name] })
    expect(check({ id: 1 })).toEqual({ path: `/${name}`, expected: 'a value: the field is required' })
    expect(check(parsed(`{"${name}": 1}`))).toBeUndefined()
    expect(check(parsed(`{"${name}": "a"}`))).toEqual({ path: `/${name}`, expected: 'an integer' })
  })

  it.each(names)('%s may be absent, is checked when it is there, and is no field of every object', (name) => {
    const { check, fields } = compiled({
      properties: { a: parsed(`{"properties": {"${name}": {"type": "integer"}}}`) },
    })
    expect(fields).toEqual(['a', 'id'])
    expect(check({ a: {} })).toBeUndefined()
    expect(check({ a: parsed(`{"${name}": "x"}`) })).toEqual({ path: `/a/${name}`, expected: 'an integer' })
  })

  it.each(names)('%s is additional where the properties do not name it', (name) => {
    const { check } = fieldOf({ properties: { a: true }, additionalProperties: false })
    expect(check({ field: parsed(`{"${name}": 1}`) })).toEqual({
      path: `/field/${name}`,
      expected: 'no such field or item',
    })
  })

  it.each(names)('%s is no keyword', (name) => {
    const definition = parsed(`{"type": "object", "${name}": 1}`)
    expect(compileRecordSchema(definition)).toMatchObject({ code: 'INVALID_DEFINITION', path: `/${name}` })
  })

  it.each(names)('%s is no type', (name) => {
    expect(compileRecordSchema({ properties: { a: { type: name } } })).toMatchObject({ path: '/properties/a/type' })
  })
})
