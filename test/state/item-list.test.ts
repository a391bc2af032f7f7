// The items of a list: a deque that touches one item at a time, against an array.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ItemList, itemOf, type ListEnd } from '../../src/state/item-list.ts'

const ends = fc.constantFrom<ListEnd[]>('first', 'last')

describe('a list of items', () => {
  it('gives what an array would give, at both ends and in order', () => {
    const moves = fc.array(fc.tuple(ends, fc.constantFrom('put', 'put', 'take')), { maxLength: 2_500, size: 'max' })
    fc.assert(
      fc.property(moves, (given) => {
        const list = new ItemList(1)
        const array: number[] = []
        for (const [index, [end, move]] of given.entries()) {
          if (move === 'put') {
            list.put(end, itemOf(index))
            if (end === 'first') array.unshift(index)
            else array.push(index)
          } else {
            const item = list.peek(end)
            expect(item?.value).toBe(end === 'first' ? array.shift() : array.pop())
            if (item !== undefined) list.take(end, item)
          }
          expect(list.length).toBe(array.length)
        }
        expect(list.values()).toEqual(array)
      }),
      { numRuns: 100 },
    )
  })

  it('numbers its items so that none has the position of another, also once it was started elsewhere', () => {
    const list = new ItemList(1)
    list.startAt(-700)
    for (const end of ['first', 'last', 'last', 'first'] as const) list.put(end, itemOf(end))
    expect([list.positionOf('first'), list.positionOf('last')]).toEqual([-702, -699])
    expect([list.positionAfter('first'), list.positionAfter('last')]).toEqual([-703, -698])
    expect(list.values()).toEqual(['first', 'first', 'last', 'last'])
  })

  it('keeps leases by their tokens, the one that ends first in front', () => {
    const list = new ItemList(1)
    const lease = (token: number, deadline: number) => ({ token, item: itemOf(token), leaseMs: 5, deadline })
    for (const given of [lease(1, 30), lease(2, 10), lease(3, 20)]) list.putLease(given)
    expect([list.pending, list.nextDeadline, list.firstLease?.token]).toEqual([3, 10, 2])
    list.takeLease(lease(2, 10))
    expect([list.pending, list.nextDeadline, list.lease(2), list.lease(3)?.token]).toEqual([2, 20, undefined, 3])
    expect(list.leases().map(({ token }) => token)).toEqual([1, 3])
  })
})
