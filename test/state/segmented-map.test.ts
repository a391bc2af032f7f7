// SegmentedMap against the Map that it stands in for, and the bound on what one insert may move.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SegmentedMap } from '../../src/state/segmented-map.ts'

type Key = number | string

/** Runs one operation on both and compares what it says. */
function agree(map: SegmentedMap<Key, number>, model: Map<Key, number>, operation: Operation): void {
  const { key } = operation
  if (operation.type === 'delete') {
    expect(map.delete(key)).toBe(model.delete(key))
  } else if (operation.type === 'set') {
    map.set(key, operation.value)
    model.set(key, operation.value)
  }
  expect(map.get(key)).toBe(model.get(key))
  expect(map.has(key)).toBe(model.has(key))
  expect(map.size).toBe(model.size)
}

interface Operation {
  type: 'set' | 'delete' | 'get'
  key: Key
  value: number
}

const key = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.integer({ min: -3, max: 3 }).map(String),
  fc.maxSafeInteger(),
  fc.string({ unit: 'grapheme' }),
)

const operations = fc.array(
  fc.record<Operation>({ type: fc.constantFrom('set', 'set', 'delete', 'get'), key, value: fc.nat() }),
  { maxLength: 100 },
)

function sorted(values: Iterable<number>): number[] {
  return [...values].sort((a, b) => a - b)
}

describe('SegmentedMap', () => {
  it('does what a Map does while it is small', () => {
    fc.assert(
      fc.property(operations, (list) => {
        const map = new SegmentedMap<Key, number>()
        const model = new Map<Key, number>()
        for (const operation of list) agree(map, model, operation)
        expect(sorted(map.values())).toEqual(sorted(model.values()))
      }),
    )
  })

  it('does what a Map does while it grows over many segments and shrinks again', () => {
    const map = new SegmentedMap<Key, number>()
    const model = new Map<Key, number>()
    const keyOf = (index: number): Key => (index % 2 === 0 ? index * 4_096 : `lead:${index}`)
    for (let index = 0; index < 30_000; index += 1) {
      map.set(keyOf(index), index)
      model.set(keyOf(index), index)
      if (index % 3 === 0) expect(map.delete(keyOf(index >> 1))).toBe(model.delete(keyOf(index >> 1)))
    }
    expect(map.size).toBe(model.size)
    expect(sorted(map.values())).toEqual(sorted(model.values()))
    for (let index = 0; index < 31_000; index += 1) expect(map.get(keyOf(index))).toBe(model.get(keyOf(index)))
    fc.assert(
      fc.property(operations, (list) => {
        for (const operation of list) agree(map, model, operation)
      }),
    )
    for (const each of model.keys()) expect(map.delete(each)).toBe(true)
    expect(map.size).toBe(0)
    expect([...map.values()]).toEqual([])
  })

  it('keeps the number 1 and the text "1" apart, in every segment', () => {
    const map = new SegmentedMap<Key, string>()
    for (let index = 0; index < 5_000; index += 1) {
      map.set(index, `number ${index}`)
      map.set(String(index), `text ${index}`)
    }
    expect(map.size).toBe(10_000)
    for (let index = 0; index < 5_000; index += 1) {
      expect(map.get(index)).toBe(`number ${index}`)
      expect(map.get(String(index))).toBe(`text ${index}`)
    }
  })

  it('overwrites without growing', () => {
    const map = new SegmentedMap<number, number>()
    for (let round = 0; round < 3; round += 1) {
      for (let index = 0; index < 5_000; index += 1) map.set(index, round)
    }
    expect(map.size).toBe(5_000)
    expect(new Set(map.values())).toEqual(new Set([2]))
  })

  it('shows what stays exactly once in its pieces, though much comes and goes between them', () => {
    const map = new SegmentedMap<string, string>()
    const names = Array.from({ length: 9_000 }, (_, index) => `stays ${index}`)
    for (const name of names) map.set(name, name)
    for (let index = 0; index < 2_000; index += 1) map.set(`goes ${index}`, `goes ${index}`)
    const shown: string[] = []
    let pieces = 0
    for (const piece of map.pieces()) {
      shown.push(...piece)
      for (let index = 0; index < 700; index += 1) map.set(`new ${pieces} ${index}`, 'new')
      for (let index = 0; index < 100; index += 1) map.delete(`goes ${pieces * 100 + index}`)
      pieces += 1
    }
    expect(pieces).toBeGreaterThan(11)
    expect(shown.filter((name) => name.startsWith('stays')).sort()).toEqual(names.sort())
  })

  it.each<[string, number, (index: number) => Key]>([
    ['consecutive integers', 1_000_000, (index) => index],
    ['negative integers', 100_000, (index) => -index],
    ['multiples of a power of two', 100_000, (index) => index * 65_536],
    ['integers beyond 32 bits', 100_000, (index) => index * 2 ** 33 + 7],
    ['short texts', 200_000, (index) => `lead:${index}`],
    ['paths that differ in the middle', 50_000, (index) => `/${'n'.repeat(60)}/${index}/${'s'.repeat(60)}`],
  ])('never has to move more than a few thousand entries at once: %s', (_what, count, keyOf) => {
    const map = new SegmentedMap<Key, number>()
    let segmentSizeMax = 0
    for (let index = 0; index < count; index += 1) {
      map.set(keyOf(index), index)
      // Looked at often enough that no segment could pass the bound by more than a few hundred in between.
      if (index % 500 === 0) segmentSizeMax = Math.max(segmentSizeMax, map.segmentSizeMax)
    }
    expect(map.size).toBe(count)
    expect(segmentSizeMax).toBeGreaterThan(1_000)
    expect(segmentSizeMax).toBeLessThan(2_800)
  })
})
