// Which definitions are refused, with which code, and where they say the problem is.

import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { compileRecordSchema } from '../../src/state/json-schema.ts'

function problemOf(definition: JsonValue): string {
  const result = compileRecordSchema(definition)
  return 'code' in result ? `${result.code} ${result.path}` : 'no problem'
}

/** A definition in which `schema` stands `depth` levels deep. */
function nested(schema: JsonValue, depth: number): JsonObject {
  let inner = schema
  for (let level = 2; level < depth; level += 1) inner = { items: inner }
  return { properties: { a: inner } }
}

const unsupportedKeywords = `pattern format multipleOf $ref $defs definitions $id $anchor $dynamicRef allOf anyOf oneOf
  not if then else contains minContains maxContains prefixItems additionalItems unevaluatedItems patternProperties
  propertyNames dependentRequired dependentSchemas dependencies unevaluatedProperties contentEncoding readOnly
  deprecated`.split(/\s+/)

describe('a keyword that tables do not have', () => {
  it.each(unsupportedKeywords)('%s is unsupported, at the top and inside', (keyword) => {
    expect(problemOf({ type: 'object', [keyword]: {} })).toBe(`UNSUPPORTED /${keyword}`)
    expect(problemOf({ properties: { a: { items: { [keyword]: 'x' } } } })).toBe(
      `UNSUPPORTED /properties/a/items/${keyword}`,
    )
  })

  it.each(['maxlength', 'requierd', 'Type', '', 'id', '$Schema'])(
    "and '%s', which no draft has, is invalid",
    (keyword) => {
      expect(problemOf({ properties: { a: { [keyword]: 1 } } })).toBe(`INVALID_DEFINITION /properties/a/${keyword}`)
    },
  )
})

describe('a keyword with a wrong value', () => {
  it.each<[string, JsonValue]>([
    ['type', 'strin'],
    ['type', 'String'],
    ['type', null],
    ['type', []],
    ['type', ['string', 'strin']],
    ['type', ['string', 'string']],
    ['type', { string: true }],
    ['enum', 'open'],
    ['enum', []],
    ['enum', { a: 1 }],
    ['minimum', '1'],
    ['maximum', null],
    ['exclusiveMinimum', true],
    ['exclusiveMaximum', [1]],
    ['minLength', -1],
    ['maxLength', 1.5],
    ['minItems', '1'],
    ['maxItems', -1],
    ['minProperties', null],
    ['maxProperties', 0.5],
    ['uniqueItems', 'true'],
    ['uniqueItems', 1],
    ['items', 'string'],
    ['items', [{ type: 'string' }]],
    ['items', null],
    ['required', 'a'],
    ['required', true],
    ['required', ['a', 1]],
    ['required', ['a', 'a']],
    ['properties', ['a']],
    ['properties', true],
    ['additionalProperties', 'none'],
    ['additionalProperties', null],
    ['title', 1],
    ['description', null],
    ['$schema', {}],
    ['$comment', false],
    ['examples', 'one'],
  ])('%s: %j is invalid, at the top and inside', (keyword, value) => {
    expect(problemOf({ properties: {}, [keyword]: value })).toBe(`INVALID_DEFINITION /${keyword}`)
    expect(problemOf({ properties: { a: { [keyword]: value } } })).toBe(`INVALID_DEFINITION /properties/a/${keyword}`)
  })

  it('is found wherever a schema stands', () => {
    const wrong = { type: 'strin' }
    expect(problemOf({ properties: { 'a/b~c': wrong } })).toBe('INVALID_DEFINITION /properties/a~1b~0c/type')
    expect(problemOf({ properties: { a: { additionalProperties: wrong } } })).toBe(
      'INVALID_DEFINITION /properties/a/additionalProperties/type',
    )
    expect(problemOf({ properties: { a: { properties: { b: wrong } } } })).toBe(
      'INVALID_DEFINITION /properties/a/properties/b/type',
    )
    expect(problemOf({ properties: { a: 'string' } })).toBe('INVALID_DEFINITION /properties/a')
  })

  it('comes second to the first in the definition', () => {
    expect(problemOf({ properties: { a: { pattern: 'x', type: 'strin' } }, nonsense: 1 })).toBe(
      'UNSUPPORTED /properties/a/pattern',
    )
  })

  it('is no problem where it is only an example', () => {
    expect(problemOf({ properties: { a: { default: { pattern: 1 }, examples: [{ $ref: 1 }] } } })).toBe('no problem')
    expect(problemOf({ properties: { a: { const: { type: 'strin' }, enum: [{ format: 1 }] } } })).toBe('no problem')
  })
})

describe('the top level', () => {
  it.each<[JsonValue, string]>([
    [null, 'INVALID_DEFINITION '],
    [true, 'INVALID_DEFINITION '],
    ['object', 'INVALID_DEFINITION '],
    [[], 'INVALID_DEFINITION '],
    [{}, 'INVALID_DEFINITION '],
    [{ required: ['id'] }, 'INVALID_DEFINITION '],
    [{ type: 'array' }, 'INVALID_DEFINITION /type'],
    [{ type: 'string', properties: {} }, 'INVALID_DEFINITION /type'],
    [{ type: ['object', 'null'], properties: {} }, 'INVALID_DEFINITION /type'],
    [{ properties: {}, additionalProperties: true }, 'UNSUPPORTED /additionalProperties'],
    [{ properties: {}, additionalProperties: {} }, 'UNSUPPORTED /additionalProperties'],
    [{ properties: { a: true }, required: ['id', 'a', 'b'] }, 'INVALID_DEFINITION /required/2'],
    [{ type: 'object', required: ['constructor'] }, 'INVALID_DEFINITION /required/0'],
    [{ type: 'object' }, 'no problem'],
    [{ type: ['object'] }, 'no problem'],
    [{ properties: {} }, 'no problem'],
    [{ properties: { a: true }, required: ['id', 'a'], additionalProperties: false }, 'no problem'],
  ])('%j: %s', (definition, problem) => {
    expect(problemOf(definition)).toBe(problem)
  })
})

describe('the bounds:', () => {
  it('schemas nest at most 32 deep', () => {
    expect(problemOf(nested({ type: 'string' }, 32))).toBe('no problem')
    expect(problemOf(nested(true, 33))).toBe(`UNSUPPORTED /properties/a${'/items'.repeat(31)}`)
  })

  it('a definition nested 100,000 deep is refused without overflowing the stack', () => {
    expect(problemOf(nested(true, 100_000))).toMatch(/^UNSUPPORTED /)
  })

  it('a definition holds at most 2,000 schemas', () => {
    const properties = Object.fromEntries(
      Array.from({ length: 2_000 }, (_, index) => [`f${index}`, index % 2 ? true : {}]),
    )
    expect(problemOf({ properties })).toBe('UNSUPPORTED /properties/f1999')
    delete properties['f0']
    expect(problemOf({ properties })).toBe('no problem')
  })

  it('an enum holds at most 1,000 values', () => {
    const values = Array.from({ length: 1_001 }, (_, index) => index)
    expect(problemOf({ properties: { a: { enum: values } } })).toBe('UNSUPPORTED /properties/a/enum')
    expect(problemOf({ properties: { a: { enum: values.slice(1) } } })).toBe('no problem')
  })

  it('at most 2,000 names are required', () => {
    const required = Array.from({ length: 2_001 }, (_, index) => `f${index}`)
    expect(problemOf({ properties: { a: { required } } })).toBe('UNSUPPORTED /properties/a/required')
    expect(problemOf({ properties: { a: { required: required.slice(1) } } })).toBe('no problem')
  })

  it('uniqueItems needs maxItems of at most 1,000 beside it, in whichever order', () => {
    expect(problemOf({ properties: { a: { uniqueItems: true } } })).toBe('UNSUPPORTED /properties/a/uniqueItems')
    expect(problemOf({ properties: { a: { uniqueItems: true, maxItems: 1_001 } } })).toBe(
      'UNSUPPORTED /properties/a/uniqueItems',
    )
    expect(problemOf({ properties: { a: { uniqueItems: true, maxItems: 1_000 } } })).toBe('no problem')
    expect(problemOf({ properties: { a: { maxItems: 0, uniqueItems: true } } })).toBe('no problem')
    expect(problemOf({ properties: { a: { uniqueItems: false } } })).toBe('no problem')
  })
})
