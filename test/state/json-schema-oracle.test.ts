// Random small schemas and values: our verdict is that of TypeBox's interpreter, which shares no code with ours.

import fc from 'fast-check'
import { Check } from 'typebox/schema'
import { expect, it } from 'vitest'
import { isObject, type JsonObject, type JsonValue } from '../../src/protocol/value.ts'
import { compileRecordSchema } from '../../src/state/json-schema.ts'

// Few different values, so that schemas and values meet; every type, and what is often taken for something else.
const scalar = fc.constantFrom<JsonValue>(null, true, false, 0, 1, -1, 1.5, 3, '', 'a', 'ab', '1', '😀', '😀b', '[]')
// No inherited names: TypeBox finds `toString` in every object. json-schema.test.ts has those.
const name = fc.constantFrom('a', 'b', 'c')

const value = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value

const type = fc.constantFrom('null', 'boolean', 'integer', 'number', 'string', 'array', 'object')
const bound = fc.constantFrom(-1, 0, 1, 1.5, 2)
const count = fc.nat({ max: 3 })

const schema = fc.letrec<{ schema: JsonValue; node: JsonObject }>((tie) => ({
  schema: fc.oneof({ maxDepth: 3 }, fc.constantFrom<JsonValue>(true, {}, false), tie('node'), tie('node'), tie('node')),
  node: fc
    .record<JsonObject>(
      {
        type: fc.oneof(type, fc.uniqueArray(type, { minLength: 1, maxLength: 4 })),
        enum: fc.array(value, { minLength: 1, maxLength: 5 }),
        const: value,
        minimum: bound,
        maximum: bound,
        exclusiveMinimum: bound,
        exclusiveMaximum: bound,
        minLength: count,
        maxLength: count,
        minItems: count,
        maxItems: count,
        uniqueItems: fc.boolean(),
        minProperties: count,
        maxProperties: count,
        items: tie('schema'),
        properties: fc.dictionary(name, tie('schema'), { maxKeys: 3, noNullPrototype: true }),
        required: fc.uniqueArray(name, { maxLength: 2 }),
        additionalProperties: tie('schema'),
      },
      { requiredKeys: [], noNullPrototype: true },
    )
    // Of all keywords at once nothing would be accepted: keep a few.
    .chain((all) => fc.subarray(Object.keys(all), { maxLength: 3 }).map((kept) => pick(all, kept))),
})).schema

function pick(all: JsonObject, kept: readonly string[]): JsonObject {
  const some: JsonObject = {}
  for (const keyword of kept) some[keyword] = all[keyword] as JsonValue
  if (some['uniqueItems'] === true) some['maxItems'] ??= 3
  return some
}

it('accepts and refuses the same records as TypeBox', () => {
  const verdicts = { accepted: 0, refused: 0 }
  fc.assert(
    fc.property(schema, fc.array(value, { minLength: 1, maxLength: 10 }), (field, values) => {
      const definition = { type: 'object', properties: { field } }
      const compiled = compileRecordSchema(definition)
      if ('code' in compiled) throw new Error(`${compiled.code} at ${compiled.path}: ${compiled.reason}`)
      // The schema's own constants are the values most likely to be accepted.
      const constants = isObject(field) ? [field['const'], ...((field['enum'] as JsonValue[] | undefined) ?? [])] : []
      for (const candidate of [...values, ...constants.filter((constant) => constant !== undefined)]) {
        const record = { id: 1, field: candidate }
        const accepted = compiled.check(record) === undefined
        expect([candidate, accepted]).toEqual([candidate, Check(definition, record)])
        verdicts[accepted ? 'accepted' : 'refused'] += 1
      }
    }),
    { numRuns: 3_000 },
  )
  // The comparison means something only if both verdicts are common.
  expect(Math.min(verdicts.accepted, verdicts.refused)).toBeGreaterThan(2_000)
})
