// Patterns of keys: what they match, which are none, and that no pattern and no text makes matching slow.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Glob, patternLengthMax, readGlob } from '../../src/base/glob.ts'

function glob(pattern: string): Glob {
  const read = readGlob(pattern)
  if ('reason' in read) throw new Error(read.reason)
  return read
}

describe('a pattern', () => {
  it.each([
    ['', [''], ['a']],
    ['a', ['a'], ['', 'b', 'aa']],
    ['*', ['', 'a', 'a/b'], []],
    ['a*', ['a', 'ab', 'a/b'], ['', 'b', 'ba']],
    ['*a', ['a', 'ba'], ['', 'ab']],
    ['a*b*c', ['abc', 'aXbXc', 'abbcc', 'abcbc'], ['ab', 'acb', 'abcd']],
    ['a**b', ['ab', 'aXb'], ['a', 'b']],
    ['a*a', ['aa', 'aba'], ['a']],
    ['*ab*', ['ab', 'xaby', 'aab'], ['a', 'ba']],
    ['*aab*', ['aaab', 'xaaby'], ['abab']],
    ['?', ['a', '\u{1f600}', '\uffff'], ['', 'ab']],
    ['/nodes/?/status', ['/nodes/a/status'], ['/nodes/ab/status', '/nodes//status']],
    ['[a-c]x', ['ax', 'bx', 'cx'], ['dx', 'x', 'a']],
    ['[c-a]', ['b'], ['d']],
    ['[!a-c]', ['d', '\u{1f600}'], ['a', '']],
    ['[^a]', ['b'], ['a']],
    ['[ab-]', ['a', 'b', '-'], ['c']],
    ['[]a]', [']', 'a'], ['b']],
    ['[a\\]]', ['a', ']'], ['\\']],
    ['[\u{1f600}-\u{1f602}]', ['\u{1f601}'], ['\u{1f603}', '\ud83d']],
    ['\\*', ['*'], ['a', '\\*']],
    ['a\\[b', ['a[b'], ['ab']],
    ['a]', ['a]'], ['a']],
    ['(a+)+$', ['(a+)+$'], ['aaaa']],
    ['.', ['.'], ['a']],
  ])('%s matches the right texts', (pattern, good, bad) => {
    const read = glob(pattern)
    expect(good.filter((text) => !read.matches(text))).toEqual([])
    expect(bad.filter((text) => read.matches(text))).toEqual([])
  })

  it.each([
    ['[', "the '[' at character 1 of 'pattern' has no end"],
    ['ab[', "the '[' at character 3 of 'pattern' has no end"],
    ['[]', "the '[' at character 1 of 'pattern' has no end"],
    ['[!]', "the '[' at character 1 of 'pattern' has no end"],
    ['[a-', "the '[' at character 1 of 'pattern' has no end"],
    ['[a', "the '[' at character 1 of 'pattern' has no end"],
    ['[\\]', "the '[' at character 1 of 'pattern' has no end"],
    ['a\\', "'pattern' ends with a backslash"],
    ['a'.repeat(patternLengthMax + 1), `'pattern' must have at most ${patternLengthMax} characters`],
  ])('%s is none', (pattern, reason) => {
    expect(readGlob(pattern)).toEqual({ reason })
  })

  it.each([
    ['a/b*c', 'a/b'],
    ['a/\\*b?', 'a/*b'],
    ['a/b', 'a/b'],
    ['*', ''],
    ['[a]b', ''],
  ])('%s knows the text that every match begins with', (pattern, prefix) => {
    expect(glob(pattern).prefix).toBe(prefix)
  })

  it('means what a regular expression of the same meaning means', () => {
    const parts = fc.constantFrom('a', 'b', '*', '?', '[ab]', '[!a]', 'ab', '**')
    const patterns = fc.array(parts, { maxLength: 12 })
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 14 })
    const meaning: Record<string, string> = { '*': '.*', '?': '.', '**': '.*', '[!a]': '[^a]' }
    fc.assert(
      fc.property(patterns, text, (given, name) => {
        const expression = new RegExp(`^${given.map((part) => meaning[part] ?? part).join('')}$`)
        expect(glob(given.join('')).matches(name)).toBe(expression.test(name))
      }),
      { numRuns: 5_000 },
    )
  })
})

describe('the work that matching takes', () => {
  const text = 'a'.repeat(1_000)
  it.each([
    ['*'.repeat(1_000)],
    [`${'*a'.repeat(500)}b`],
    [`*${'a'.repeat(500)}b*`],
    [`*${'a?'.repeat(250)}b*`],
    [`*${'[a-z]'.repeat(200)}b*`],
    [`${'a*'.repeat(500)}b`],
    [`*${'a'.repeat(31)}*${'a'.repeat(600)}b*`],
    ['*a*a*a*a*a*a*a*a*b'],
  ])('is linear in the text for %s', (pattern) => {
    const read = glob(pattern)
    expect(read.matches(text)).toBe(pattern === '*'.repeat(1_000))
    // The text once, its ends once more, and once again for each 32 tokens of the longest part.
    expect(read.steps).toBeLessThanOrEqual(text.length * (3 + Math.ceil(pattern.length / 32)))
  })
})
