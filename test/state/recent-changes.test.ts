// The newest changes of a shard without a disk: few while nobody reads, and all that may be kept from the first reading on.
import { describe, expect, it } from 'vitest'
import { defaultLimits } from '../../src/base/limits.ts'
import { LoggedChange } from '../../src/state/logged-change.ts'
import { RecentChanges, recentBounds } from '../../src/state/recent-changes.ts'

const limits = { ...defaultLimits, changesLoggedPerShardMax: 100, changesUnreadPerShardMax: 10 }
const all = { prefix: '', changesMax: 1_000, bytesMax: 1_000_000, scannedMax: 1_000 }

/** Versions count on over all calls, and each change is a commit of its own. */
function recent(durability: 'memory' | 'relaxed' | 'strict') {
  const changes = new RecentChanges(recentBounds(limits, durability))
  let version = 0
  return {
    changes,
    write: (count: number): void => {
      for (const end = version + count; version < end; ) {
        version += 1
        changes.append(new LoggedChange({ state: 's', version, type: 'updated', at: 0 }, {}, 0))
        changes.trim()
      }
    },
  }
}

describe('recent changes without a disk', () => {
  it('are the newest few while nobody has read', () => {
    const { changes, write } = recent('memory')
    write(500)
    expect(changes.length).toBe(10)
    expect(changes.oldestOf('s')).toBe(491)
  })

  it('are as many as may be from a reading on, without a gap to what was there', () => {
    const { changes, write } = recent('memory')
    write(500)
    expect(changes.oldestOf('s')).toBe(491)
    write(60)
    expect(changes.length).toBe(70)
    const { changes: read } = changes.read('s', 490, all)
    expect(read.map(({ version }) => version)).toEqual(Array.from({ length: 70 }, (_, index) => 491 + index))
    write(200)
    expect(changes.length).toBe(10)
  })

  it('stay all while each reading comes before the last one is forgotten', () => {
    const { changes, write } = recent('memory')
    for (let round = 0; round < 6; round += 1) {
      changes.read('other', 0, all)
      write(100)
    }
    expect(changes.length).toBe(100)
    write(1)
    expect(changes.length).toBe(10)
  })
})

describe('recent changes with a disk', () => {
  it.each(['relaxed', 'strict'] as const)('are all that the log has, though nobody reads: %s', (durability) => {
    const { changes, write } = recent(durability)
    write(500)
    expect(changes.length).toBe(100)
  })
})
