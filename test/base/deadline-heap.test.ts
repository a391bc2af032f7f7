// The heap of deadlines against the simplest one that could be right: a list that is sorted whenever it is asked.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DeadlineEntry, DeadlineHeap } from '../../src/base/deadline-heap.ts'

type Move = { readonly item: number; readonly at: number | null }

describe('a heap of deadlines', () => {
  it('has first what is due first, whatever is added, moved and taken out', () => {
    const moves = fc.array(fc.record<Move>({ item: fc.nat({ max: 30 }), at: fc.option(fc.nat({ max: 50 })) }), {
      maxLength: 300,
    })
    fc.assert(
      fc.property(moves, (given) => {
        const heap = new DeadlineHeap<number>()
        const entries = new Map<number, DeadlineEntry<number>>()
        for (const { item, at } of given) {
          const entry = heap.set(entries.get(item), item, at)
          if (entry === undefined) entries.delete(item)
          else entries.set(item, entry)
          const due = [...entries.values()].map((each) => each.at)
          expect(heap.size).toBe(entries.size)
          expect(heap.first()?.at).toBe(due.length === 0 ? undefined : Math.min(...due))
        }
        const order: number[] = []
        for (let first = heap.first(); first !== undefined; first = heap.first()) {
          order.push(first.at)
          heap.set(first, first.item, null)
        }
        expect(order).toEqual([...entries.values()].map(({ at }) => at).sort((a, b) => a - b))
      }),
      { numRuns: 500 },
    )
  })

  it('holds one entry for an item, however often its deadline is moved', () => {
    const heap = new DeadlineHeap<string>()
    let entry = heap.set(undefined, 'a', 1)
    for (let at = 2; at < 10_000; at += 1) entry = heap.set(entry, 'a', at)
    expect(heap.size).toBe(1)
    expect(heap.first()).toMatchObject({ item: 'a', at: 9_999 })
  })
})
