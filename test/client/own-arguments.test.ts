// The walk over the arguments of every call, held against the slow functions that have the same rules.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ownArguments } from '../../src/client/own-arguments.ts'
import { approximateBytes, type JsonObject, type JsonValue, valueProblem } from '../../src/protocol/value.ts'

const cyclic: { self?: unknown } = {}
cyclic.self = cyclic

const good = fc.jsonValue({ maxDepth: 6, stringUnit: 'binary' }) as fc.Arbitrary<JsonValue>
const bad = fc.constantFrom<unknown>(
  undefined,
  Number.NaN,
  Number.NEGATIVE_INFINITY,
  5n,
  Symbol('s'),
  '\udc00',
  () => 5,
  new Date(0),
  new Map(),
  new Uint8Array(2),
  Object.create({ inherited: 1 }),
  JSON.parse('{"__proto__":1}'),
  { '\ud800': 1 },
  cyclic,
  Array.from({ length: 3 }) as unknown,
)
const mixed = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    good,
    bad,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 3 }),
  ),
})).value

function owned(value: unknown): { args: JsonObject; bytes: number } | 'refused' {
  const args = { data: value as JsonValue }
  const bytes = ownArguments(args)
  return typeof bytes === 'number' ? { args, bytes } : 'refused'
}

/** All objects and arrays in a value. */
function objectsIn(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return []
  return [value, ...Object.values(value).flatMap(objectsIn)]
}

describe('the arguments of a call', () => {
  it('are copied and weighed if they are JSON', () => {
    fc.assert(
      fc.property(good, (value) => {
        const own = owned(value)
        if (own === 'refused') {
          expect(valueProblem(value)).toBeDefined()
        } else {
          expect(own).toEqual({ args: { data: value }, bytes: approximateBytes(value) })
          const given = new Set(objectsIn(value))
          expect(objectsIn(own.args.data).filter((object) => given.has(object))).toEqual([])
        }
      }),
      { numRuns: 500 },
    )
  })

  it('are refused if anything in them is not, by the rules of the engine', () => {
    fc.assert(
      fc.property(mixed, (value) => {
        expect(owned(value) === 'refused').toBe(valueProblem(value) !== undefined)
      }),
      { numRuns: 2_000 },
    )
  })

  it('are refused in words that name the argument', () => {
    expect(ownArguments({ id: 1, data: { at: Number.NaN } })).toMatchObject({
      code: 'INVALID_REQUEST',
      message: "Invalid request: a number is not finite, in 'data'",
    })
  })

  it('may be nested as deep as the engine takes them, and no deeper', () => {
    const nested = (depth: number): JsonValue => (depth === 0 ? 1 : [nested(depth - 1)])
    expect(owned(nested(64))).not.toBe('refused')
    expect(owned(nested(65))).toBe('refused')
  })
})
