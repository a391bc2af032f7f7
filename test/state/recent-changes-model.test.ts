// The recent changes of a shard beside a plain list of them, for few readers and for so many that all states have an index.
import { describe, expect, it } from 'vitest'
import { loggedAgain } from '../../src/state/logged-change.ts'
import { RecentChanges } from '../../src/state/recent-changes.ts'
import { randomFrom } from '../support/random.ts'

const changesMax = 500
const everything = { prefix: '', changesMax: 10_000, scannedMax: 10_000, bytesMax: 1_000_000 }

function nothing(): RecentChanges {
  return new RecentChanges({ changesMax, bytesMax: 1_000_000, unreadMax: changesMax })
}

describe('the recent changes of a shard', () => {
  it.each([
    [1, 3],
    [2, 60],
    [3, 70],
    [4, 400],
  ])('are of each state what happened to it last, without a gap, whoever reads (%i: %i states)', (seed, stateCount) => {
    const random = randomFrom(seed)
    const recent = nothing()
    let kept: { readonly state: string; readonly version: number }[] = []
    const versions = new Map<string, number>()
    const names = Array.from({ length: stateCount }, (_, index) => `s${index}`)
    const check = (state: string): void => {
      const all = kept.filter((change) => change.state === state).map(({ version }) => version)
      expect(recent.oldestOf(state)).toBe(all[0])
      const after = (versions.get(state) ?? 0) - random(4)
      const read = recent.read(state, after, everything).changes.map(({ version }) => version)
      expect(read).toEqual(all.filter((version) => version > after))
    }
    for (let step = 0; step < 6_000; step += 1) {
      const state = names[random(stateCount)] as string
      const choice = random(10)
      const newest = kept.at(-1)
      if (choice < 6) {
        const version = (versions.get(state) ?? 0) + 1
        versions.set(state, version)
        kept.push({ state, version })
        recent.append(loggedAgain({ state, version, type: 'updated', at: 0, key: 'k' }))
      } else if (choice < 7 && newest !== undefined) {
        kept.pop()
        versions.set(newest.state, newest.version - 1)
        recent.takeBack()
      } else if (choice < 8) {
        recent.trim()
        kept = kept.slice(-changesMax)
      } else check(state)
    }
    for (const state of names) check(state)
    recent.clear()
    kept = []
    for (const state of names) check(state)
  })
})
