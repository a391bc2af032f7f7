// The JSON model: which values and which number literals are let in, and what is said of the others.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  approximateBytes,
  copyObject,
  copyValue,
  depthMax,
  isObject,
  type JsonObject,
  type JsonValue,
  numberProblem,
  valueProblem,
} from '../../src/protocol/value.ts'

// Any but those with the one name that is refused, which fast-check is fond of.
const jsonValue = (fc.jsonValue() as fc.Arbitrary<JsonValue>).filter(
  (value) => !JSON.stringify(value).includes('__proto__'),
)

function nested(depth: number, wrap: (value: JsonValue) => JsonValue): JsonValue {
  let value: JsonValue = 1
  for (let level = 0; level < depth; level += 1) value = wrap(value)
  return value
}

describe('valueProblem', () => {
  it('finds nothing wrong with any JSON value', () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        expect(valueProblem(value)).toBeUndefined()
      }),
    )
  })

  it('finds nothing wrong with an object that has no prototype, or whose fields are names of methods', () => {
    expect(valueProblem(Object.assign(Object.create(null), { a: 1 }))).toBeUndefined()
    expect(valueProblem({ constructor: 1, toString: null, valueOf: [], hasOwnProperty: {} })).toBeUndefined()
  })

  const cycle: unknown[] = []
  cycle.push(cycle)

  it.each<[string, unknown, string]>([
    ['Infinity', Number.POSITIVE_INFINITY, 'a number is not finite'],
    ['a literal that overflowed', JSON.parse('1e400'), 'a number is not finite'],
    ['NaN', Number.NaN, 'a number is not finite'],
    ['a lone high surrogate', 'a\ud800', 'a string holds a lone surrogate'],
    ['a lone low surrogate', '\udc00a', 'a string holds a lone surrogate'],
    ['a lone surrogate in a name', { '\ud800': 1 }, 'a field name holds a lone surrogate'],
    ['the name __proto__', JSON.parse('{"__proto__":1}'), "the field name '__proto__' is not allowed"],
    ['undefined', undefined, 'a value of type undefined is not JSON'],
    ['a function', () => 1, 'a value of type function is not JSON'],
    ['a symbol', Symbol('s'), 'a value of type symbol is not JSON'],
    ['a big integer', 10n, 'a value of type bigint is not JSON'],
    ['a date', new Date(0), 'only plain objects are JSON'],
    ['a map', new Map(), 'only plain objects are JSON'],
    ['bytes', Buffer.from('a'), 'only plain objects are JSON'],
    ['an instance of a class', new (class Lead {})(), 'only plain objects are JSON'],
    ['a list with a hole', Array(1), 'a value of type undefined is not JSON'],
    ['a cycle', cycle, 'a value is nested deeper than 64'],
  ])('refuses %s, at the top and inside', (_what, value, problem) => {
    expect(valueProblem(value)).toBe(problem)
    expect(valueProblem([1, { a: 'b', c: [value] }])).toBe(problem)
    expect(valueProblem({ a: { b: value } })).toBe(problem)
  })

  it.each<[string, (value: JsonValue) => JsonValue]>([
    ['lists', (value) => [value]],
    ['objects', (value) => ({ a: value })],
  ])('takes 64 nested %s and not one more, however many there are', (_what, wrap) => {
    expect(valueProblem(nested(depthMax, wrap))).toBeUndefined()
    for (const depth of [depthMax + 1, 5_000, 100_000]) {
      expect(valueProblem(nested(depth, wrap))).toBe('a value is nested deeper than 64')
    }
  })
})

describe('numberProblem', () => {
  const exact = [
    '0',
    '-0',
    '1',
    '-7',
    '9007199254740991',
    '9007199254740992',
    '-9007199254740994',
    '10000000000000000000000',
    '100000000000000000',
    String(2n ** 100n),
    BigInt(Number.MAX_VALUE).toString(),
    // Not integer literals: JSON leaves their precision to whoever reads them.
    '0.12345678901234567890',
    '9007199254740993.0',
    '1e22',
    '12345678901234567890e5',
    '-1E+2',
  ]
  const inexact = [
    '9007199254740993',
    '-9007199254740993',
    '12345678901234567890',
    '99999999999999999',
    `${2n ** 100n + 1n}`,
    '9'.repeat(309),
    '9'.repeat(400),
    `1${'0'.repeat(400)}`,
  ]

  it.each(exact)('finds nothing wrong with %s', (literal) => {
    for (const text of [literal, `[${literal}]`, `{"a":${literal} }`, `[1,${literal},1234567890123456]`]) {
      expect(numberProblem(text)).toBeUndefined()
    }
  })

  it.each(inexact)('refuses %s, wherever it stands', (literal) => {
    const shown = literal.length <= 40 ? literal : `${literal.slice(0, 40)}\u2026`
    for (const text of [literal, `[${literal}]`, `{"a":${literal}}`, `["\\"", 1.5 ,${literal} ]`]) {
      expect(numberProblem(text)).toBe(`the integer ${shown} cannot be held exactly`)
    }
  })

  it.each(inexact)('does not mind %s inside a string', (literal) => {
    for (const text of [literal, `a${literal}b`, `"${literal}`, `\\"${literal}`, `\\${literal}`, `[${literal}]`]) {
      expect(numberProblem(JSON.stringify({ [text]: [text] }))).toBeUndefined()
    }
  })

  it('agrees with arithmetic on every text', () => {
    const digits = fc
      .integer({ min: 1, max: 25 })
      .chain((length) => fc.stringMatching(new RegExp(`^-?[1-9]\\d{${length - 1}}$`)))
    const literal = fc.oneof(
      { weight: 3, arbitrary: digits },
      { weight: 1, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }).map(String) },
    )
    const text = fc.oneof(digits, fc.string({ unit: 'binary' }), fc.constantFrom('"', '\\', '\\"1234567890123456789'))
    const item = fc.oneof(
      literal.map((number) => ({
        json: number,
        isRounded: /^-?\d+$/.test(number) && BigInt(number) !== BigInt(Number(number)),
      })),
      text.map((string) => ({ json: JSON.stringify(string), isRounded: false })),
    )
    fc.assert(
      fc.property(fc.array(item), fc.constantFrom(',', ' , ', ',\n'), (items, comma) => {
        const problem = numberProblem(`[${items.map(({ json }) => json).join(comma)}]`)
        const first = items.find(({ isRounded }) => isRounded)
        expect(problem).toBe(first && `the integer ${first.json} cannot be held exactly`)
      }),
      { numRuns: 300 },
    )
  })

  it('stays quick on megabytes of digits', () => {
    const started = performance.now()
    expect(numberProblem('7'.repeat(4_000_000))).toMatch(/^the integer 7{40}/)
    expect(numberProblem(`["${'7'.repeat(4_000_000)}"]`)).toBeUndefined()
    expect(performance.now() - started).toBeLessThan(5_000)
  })
})

describe('a copy', () => {
  it('is equal, and shares nothing with the original', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string().filter((name) => name !== '__proto__'),
          jsonValue,
        ),
        (object) => {
          const before = JSON.stringify(object)
          const copy = copyObject(object)
          expect(copy).toEqual(object)
          spoil(copy)
          expect(JSON.stringify(object)).toBe(before)
        },
      ),
    )
  })

  it('has the fields in the same order', () => {
    expect(JSON.stringify(copyValue([{ b: 1, a: { d: null, c: [] } }]))).toBe('[{"b":1,"a":{"d":null,"c":[]}}]')
  })
})

/** Changes everything that can be reached. */
function spoil(value: JsonValue): void {
  if (typeof value !== 'object' || value === null) return
  for (const part of Object.values(value)) spoil(part)
  if (Array.isArray(value)) value.push('spoilt')
  else value.spoilt = true
}

describe('isObject', () => {
  it('is true of JSON objects, and not of lists and null', () => {
    expect([{}, { a: 1 }].map(isObject)).toEqual([true, true])
    expect([[], null, 'a', 1, true, undefined].map(isObject)).toEqual([false, false, false, false, false, false])
  })
})

describe('approximateBytes', () => {
  it('is never far below the size of the JSON text, and never far above', () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        const units = JSON.stringify(value).length
        const bytes = approximateBytes(value)
        // An escape makes six characters of one; no other text is longer than what was counted, but for long numbers.
        expect(bytes * 6).toBeGreaterThanOrEqual(Buffer.byteLength(JSON.stringify(value)))
        expect(bytes).toBeLessThanOrEqual(units * 9 + 8)
      }),
    )
  })

  it('grows with every field, so that a count of fields can be read off it', () => {
    const many: JsonObject = Object.fromEntries(Array.from({ length: 1_025 }, (_, n) => [String(n), 0]))
    expect(approximateBytes(many)).toBeGreaterThan(1_025)
  })
})
