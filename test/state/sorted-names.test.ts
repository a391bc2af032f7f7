// SortedNames against a sorted array, and compareBytes against the bytes themselves.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareBytes, SortedNames } from '../../src/state/sorted-names.ts'

// Few characters, so that names share prefixes; from each side of where UTF-16 and UTF-8 disagree.
const unit = fc.constantFrom(
  'a',
  'b',
  '\u007f',
  '\u0080',
  '\u07ff',
  '\u0800',
  '\ud7ff',
  '\ue000',
  '\uffff',
  '😀',
  '\u{10ffff}',
)
const name = fc.string({ unit, maxLength: 4 })
const plainName = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '😀', '\ud7ff'), maxLength: 4 })

function compareEncoded(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

function expectedRange(model: Set<string>, prefix: string, after: string | undefined, limit: number): string[] {
  return [...model]
    .filter((each) => each.startsWith(prefix) && (after === undefined || compareEncoded(each, after) > 0))
    .sort(compareEncoded)
    .slice(0, limit)
}

function filled(names: Iterable<string>): SortedNames {
  const sorted = new SortedNames()
  for (const each of names) sorted.add(each)
  return sorted
}

describe('compareBytes', () => {
  it('orders as the UTF-8 bytes do', () => {
    const anyName = fc.oneof(name, fc.string({ unit: 'binary' }))
    fc.assert(
      fc.property(anyName, anyName, (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(compareEncoded(a, b))
      }),
      { numRuns: 2_000 },
    )
  })

  it('puts a character above U+FFFF behind U+FFFF, where `<` puts it before', () => {
    expect(['\uffff', '😀'].sort()).toEqual(['😀', '\uffff'])
    expect(compareBytes('😀', '\uffff')).toBeGreaterThan(0)
    expect(compareBytes('\uffff', '😀')).toBeLessThan(0)
  })
})

describe('SortedNames', () => {
  it.each([
    ['any names', name],
    ['names for which `<` is right', plainName],
  ])('does what a sorted array does: %s', (_what, anyName) => {
    const operations = fc.array(fc.record({ adds: fc.boolean(), name: anyName }), { maxLength: 60 })
    const query = fc.record({
      prefix: fc.oneof(fc.constant(''), anyName),
      after: fc.option(fc.oneof(anyName, name), { nil: undefined }),
      limit: fc.nat({ max: 5 }),
    })
    fc.assert(
      fc.property(operations, fc.array(query), (list, queries) => {
        const sorted = new SortedNames()
        const model = new Set<string>()
        for (const operation of list) {
          const held = model.has(operation.name)
          expect(sorted.has(operation.name)).toBe(held)
          if (operation.adds) expect(sorted.add(operation.name)).toBe(!held)
          else expect(sorted.delete(operation.name)).toBe(held)
          if (operation.adds) model.add(operation.name)
          else model.delete(operation.name)
          expect(sorted.size).toBe(model.size)
        }
        expect(sorted.range()).toEqual([...model].sort(compareEncoded))
        for (const { prefix, after, limit } of queries) {
          const range = after === undefined ? { prefix, limit } : { prefix, after, limit }
          expect(sorted.range(range)).toEqual(expectedRange(model, prefix, after, limit))
        }
      }),
    )
  })

  const count = 20_000
  it.each<[string, (index: number) => number]>([
    ['ascending', (index) => index],
    ['descending', (index) => count - 1 - index],
    ['shuffled', (index) => (index * 7_919) % count],
    ['from both ends to the middle', (index) => (index % 2 === 0 ? index / 2 : count - (index + 1) / 2)],
  ])('stays sorted over many chunks, filled in %s order and emptied in another', (_what, orderOf) => {
    const text = (number: number): string => `lead:${String(number).padStart(6, '0')}`
    const sorted = new SortedNames()
    for (let index = 0; index < count; index += 1) expect(sorted.add(text(orderOf(index)))).toBe(true)
    const all = Array.from({ length: count }, (_, index) => text(index))
    expect(sorted.range()).toEqual(all)
    expect(sorted.range({ after: text(9_998), limit: 3 })).toEqual(all.slice(9_999, 10_002))
    expect(sorted.range({ prefix: 'lead:0150' })).toEqual(all.slice(15_000, 15_100))
    for (let index = 0; index < count; index += 3) expect(sorted.delete(text((index * 7_919) % count))).toBe(true)
    const kept = new Set(all)
    for (let index = 0; index < count; index += 3) kept.delete(text((index * 7_919) % count))
    expect(sorted.size).toBe(kept.size)
    expect(sorted.range()).toEqual([...kept])
    for (const each of kept) sorted.delete(each)
    expect(sorted.range()).toEqual([])
    expect(sorted.add('again')).toBe(true)
    expect(sorted.range()).toEqual(['again'])
  })

  it('goes on in the right order once the first name beyond the surrogates arrives, and after it has left', () => {
    const sorted = filled(['😀', 'a', '日'])
    expect(sorted.range()).toEqual(['a', '日', '😀'])
    sorted.add('\uffee')
    expect(sorted.range()).toEqual(['a', '日', '\uffee', '😀'])
    expect(sorted.range({ after: '\uffee' })).toEqual(['😀'])
    sorted.delete('\uffee')
    expect(sorted.range({ after: '\uffee' })).toEqual(['😀'])
    expect(filled(['😀']).range({ after: '\uffee' })).toEqual(['😀'])
  })

  it('lists none for a limit of 0', () => {
    expect(filled(['a']).range({ limit: 0 })).toEqual([])
  })

  it('continues a suspended listing behind its last name, whatever changed meanwhile', () => {
    const text = (number: number): string => String(number).padStart(5, '0')
    const change = fc.array(fc.record({ adds: fc.boolean(), number: fc.nat({ max: 2_000 }) }), { maxLength: 5 })
    fc.assert(
      fc.property(fc.infiniteStream(change), (changes) => {
        const sorted = filled(Array.from({ length: 1_000 }, (_, index) => text(index * 2)))
        const untouched = new Set(sorted.range())
        const added = new Set<string>()
        const listed: string[] = []
        for (const each of sorted.from(undefined, '')) {
          listed.push(each)
          if (listed.length % 10 !== 0) continue
          const [next = []] = changes.take(1)
          for (const { adds, number } of next) {
            if (adds && sorted.add(text(number))) added.add(text(number))
            else if (sorted.delete(text(number))) untouched.delete(text(number))
          }
        }
        expect(listed).toEqual([...new Set(listed)].sort())
        // What was there all the time is listed; what is listed was there at some time.
        const seen = new Set(listed)
        expect([...untouched].filter((each) => !seen.has(each))).toEqual([])
        expect(listed.filter((each) => Number(each) % 2 === 1 && !added.has(each))).toEqual([])
      }),
      { numRuns: 20 },
    )
  })

  it('starts a suspended listing after a name and within a prefix', () => {
    const sorted = filled(['a/1', 'a/2', 'a/3', 'b/1'])
    expect([...sorted.from('a/1', 'a/')]).toEqual(['a/2', 'a/3'])
    expect([...sorted.from('b', 'a/')]).toEqual([])
    expect([...sorted.from('0', 'b')]).toEqual(['b/1'])
  })
})
