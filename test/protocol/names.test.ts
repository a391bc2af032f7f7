// What may be the name of a state.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nameProblem } from '../../src/protocol/names.ts'

describe('nameProblem', () => {
  it.each([
    'a',
    ' ',
    '~',
    'x'.repeat(255),
    '\u00e9'.repeat(127),
    '\u20ac'.repeat(85),
    '\u{1f600}'.repeat(63),
    '../../x',
    'C:\\x',
    '{tag}',
    '\u00a0',
    '\u200d',
    '\ufeff',
  ])('finds nothing wrong with %j', (name) => {
    expect(nameProblem(name)).toBeUndefined()
  })

  it.each<[unknown, string]>([
    [undefined, "'state' must be a string"],
    [null, "'state' must be a string"],
    [5, "'state' must be a string"],
    [['a'], "'state' must be a string"],
    [{}, "'state' must be a string"],
    ['', "'state' must not be empty"],
    ['x'.repeat(256), "'state' must be at most 255 bytes long"],
    ['x'.repeat(10_000_000), "'state' must be at most 255 bytes long"],
    ['\u00e9'.repeat(128), "'state' must be at most 255 bytes long"],
    ['\u20ac'.repeat(86), "'state' must be at most 255 bytes long"],
    [`x${'\u{1f600}'.repeat(64)}`, "'state' must be at most 255 bytes long"],
    ['\u0000', "'state' must not hold control characters"],
    ['a\tb', "'state' must not hold control characters"],
    ['a\u007f', "'state' must not hold control characters"],
    ['a\u0085', "'state' must not hold control characters"],
    ['\u202eexe', "'state' must not hold control characters"],
    ['\u2066a', "'state' must not hold control characters"],
    ['\u061c', "'state' must not hold control characters"],
    ['\ud83d', "'state' holds a lone surrogate"],
    ['a\ude00b', "'state' holds a lone surrogate"],
  ])('refuses %j', (name, problem) => {
    expect(nameProblem(name)).toBe(problem)
  })

  it('calls the thing by the name it is given', () => {
    expect(nameProblem('', 'lock')).toBe("'lock' must not be empty")
  })

  it('counts bytes, not characters', () => {
    const character = fc.constantFrom('x', '\u00e9', '\u20ac', '\u{1f600}')
    fc.assert(
      fc.property(fc.array(character, { minLength: 50, maxLength: 300, size: 'max' }), (characters) => {
        const name = characters.join('')
        expect(nameProblem(name) === undefined).toBe(Buffer.byteLength(name) <= 255)
      }),
    )
  })
})
