// What the watches of a client share: how many may wait at the server, and how many read at a time.
import { describe, expect, it } from 'vitest'
import { WatchPlaces } from '../../src/client/watch-places.ts'

describe('the places of watches', () => {
  it('to wait are so many, and can be had again', () => {
    const places = new WatchPlaces(2)
    expect([places.takeWait(), places.takeWait(), places.takeWait()]).toEqual([true, true, false])
    places.giveBackWait()
    expect([places.takeWait(), places.takeWait()]).toEqual([true, false])
  })

  it('let a thousand read at a time, the others in their order, also after a read that fails', async () => {
    const places = new WatchPlaces()
    const begun: number[] = []
    const ends: (() => void)[] = []
    const reads = Array.from({ length: 2_500 }, (_, index) =>
      places.read(async () => {
        begun.push(index)
        await new Promise<void>((resolve) => ends.push(resolve))
        if (index % 2 === 0) throw new Error('no answer')
      }),
    )
    const settled = Promise.allSettled(reads)
    let longest = 0
    while (begun.length < reads.length || ends.length > 0) {
      longest = Math.max(longest, ends.length)
      for (const end of ends.splice(0, 100)) end()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect((await settled).filter(({ status }) => status === 'rejected')).toHaveLength(1_250)
    expect(longest).toBe(1_000)
    expect(begun).toEqual(reads.map((_, index) => index))
  })
})
