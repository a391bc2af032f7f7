// What the states of a shard hold: counted in one go and in slices, and which of them are the largest.
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { StateSize } from '../../src/protocol/statistics.ts'
import { addTo, holdings, holdingsInSlices } from '../../src/shard/holdings.ts'
import { Directory } from '../../src/state/directory.ts'
import { Keys, Keyspace } from '../../src/state/keyspace.ts'

function directoryOf(states: number): Directory {
  const directory = new Directory(10)
  for (let index = 0; index < states; index += 1) directory.insert(new Keyspace(`s${index}`, 0, new Keys()))
  return directory
}

describe('what a shard holds', () => {
  it('is the same in slices as in one go', async () => {
    const directory = directoryOf(20_000)
    const found = await holdingsInSlices(directory)
    expect(found).toEqual(holdings(directory))
    expect(found.keyspaces).toBe(20_000)
  })

  it('lets others run between the slices, and counts what stays though states come and go', async () => {
    const directory = directoryOf(20_000)
    // Each look at the clock finds a slice over, however fast the machine is.
    let at = 0
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (at += 2))
    onTestFinished(() => clock.mockRestore())
    const counting = holdingsInSlices(directory)
    let turns = 0
    const others = (): void => {
      turns += 1
      directory.insert(new Keyspace(`new ${turns}`, 0, new Keys()))
      directory.remove(`s${turns}`, 0)
      if (!isDone) setImmediate(others)
    }
    let isDone = false
    setImmediate(others)
    const found = await counting
    isDone = true
    expect(turns).toBeGreaterThan(0)
    expect(Math.abs(found.keyspaces - 20_000)).toBeLessThanOrEqual(turns)
  })

  it('names as many of the largest as were asked for, in their order', () => {
    const largest: StateSize[] = []
    for (const bytes of [3, 9, 1, 9, 7, 2]) addTo(largest, { state: `s${bytes}`, kind: 'keys', entries: 1, bytes }, 3)
    expect(largest.map(({ bytes }) => bytes)).toEqual([9, 9, 7])
    expect(holdings(directoryOf(4), 2).largest).toHaveLength(2)
    expect(holdings(directoryOf(4)).largest).toEqual([])
  })
})
