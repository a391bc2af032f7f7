// Equality of JSON values, alone and inside a ValueSet, which has to agree with it.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../src/protocol/value.ts'
import { deepEqual } from '../../src/state/deep-equal.ts'
import { ValueSet } from '../../src/state/value-set.ts'

const equalPairs: [JsonValue, JsonValue][] = [
  [null, null],
  [0, -0],
  ['a', 'a'],
  [
    { a: 1, b: [2] },
    { b: [2], a: 1 },
  ],
  [
    [[], {}],
    [[], {}],
  ],
  [JSON.parse('{"__proto__": 1}') as JsonValue, JSON.parse('{"__proto__": 1}') as JsonValue],
]

const differentPairs: [JsonValue, JsonValue][] = [
  [null, {}],
  [null, 0],
  [0, false],
  ['', 0],
  [1, '1'],
  [[], {}],
  [[1], [1, 1]],
  [
    [1, 2],
    [2, 1],
  ],
  [{}, { a: null }],
  [{ a: 1 }, { b: 1 }],
  [{ a: { b: [1, { c: 2 }] } }, { a: { b: [1, { c: 3 }] } }],
  // A value and its own JSON text.
  [[1], '[1]'],
  [{ a: 1 }, '{"a":1}'],
  // What the one has as a field, the other inherits.
  [{ constructor: null }, { a: null }],
  [JSON.parse('{"__proto__": {}}') as JsonValue, { a: {} }],
]

describe('deepEqual', () => {
  it.each(equalPairs)('finds %j and %j equal', (a, b) => {
    expect([deepEqual(a, b), deepEqual(b, a)]).toEqual([true, true])
    expect(new ValueSet([a]).has(b)).toBe(true)
    expect(new ValueSet([a, b]).size).toBe(1)
  })

  it.each(differentPairs)('tells %j from %j', (a, b) => {
    expect([deepEqual(a, b), deepEqual(b, a)]).toEqual([false, false])
    expect([new ValueSet([a]).has(b), new ValueSet([b]).has(a)]).toEqual([false, false])
    expect(new ValueSet([a, b]).size).toBe(2)
  })

  it('finds a value equal to what its JSON text, with the fields turned round, reads as', () => {
    const turned = (value: JsonValue): JsonValue => {
      if (Array.isArray(value)) return value.map(turned)
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([name, field]) => [name, turned(field)]),
      )
    }
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const json = value as JsonValue
        expect(deepEqual(json, turned(json))).toBe(true)
        expect(new ValueSet([json]).has(turned(json))).toBe(true)
      }),
    )
  })

  it('agrees with a ValueSet on any two small values', () => {
    const scalar = fc.constantFrom<JsonValue>(null, false, 0, 1, '', '0', '[]', '{}')
    const small = fc.letrec<{ value: JsonValue }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 2 },
        scalar,
        fc.array(tie('value'), { maxLength: 2 }),
        fc.dictionary(fc.constantFrom('a', 'b', 'constructor'), tie('value'), { maxKeys: 2 }),
      ),
    })).value
    fc.assert(
      fc.property(small, small, (a, b) => {
        expect(new ValueSet([a]).has(b)).toBe(deepEqual(a, b))
      }),
      { numRuns: 1_000 },
    )
  })
})
