// The watchdog, on counters that a test moves: it ends what hangs, but never inside a database.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { databaseState, progressSlot, progressSlotCount } from '../../src/protocol/mailbox.ts'
import { Watchdog } from '../../src/router/watchdog.ts'

const silenceMs = 1_000
let progress: Int32Array
let watchdog: Watchdog
let events: string[]

beforeEach(() => {
  vi.useFakeTimers()
  progress = new Int32Array(new SharedArrayBuffer(progressSlotCount * 4))
  Atomics.store(progress, progressSlot.working, 1)
  watchdog = new Watchdog(progress, silenceMs)
  events = []
  watchdog.start(() => 1, {
    onHang: () => events.push('hangs'),
    onStall: (isStalled) => events.push(isStalled ? 'stalls' : 'goes on'),
  })
})
afterEach(() => {
  watchdog.stop()
  vi.useRealTimers()
})

describe('a shard that stands still', () => {
  it('is told once, and is barred from its database first', () => {
    vi.advanceTimersByTime(silenceMs * 3)
    expect(events).toEqual(['hangs'])
    expect(watchdog.hasFired).toBe(true)
    expect(Atomics.load(progress, progressSlot.database)).toBe(databaseState.barred)
  })

  it('inside its database is left alone, and noticed when it goes on', () => {
    Atomics.store(progress, progressSlot.database, databaseState.inside)
    vi.advanceTimersByTime(silenceMs * 3)
    expect(events).toEqual(['stalls'])
    Atomics.add(progress, progressSlot.steps, 1)
    vi.advanceTimersByTime(silenceMs / 2)
    expect(events).toEqual(['stalls', 'goes on'])
    expect(watchdog.hasFired).toBe(false)
  })

  it('outside again, but still, hangs', () => {
    Atomics.store(progress, progressSlot.database, databaseState.inside)
    vi.advanceTimersByTime(silenceMs * 2)
    Atomics.store(progress, progressSlot.database, databaseState.outside)
    vi.advanceTimersByTime(silenceMs)
    expect(events).toEqual(['stalls', 'hangs'])
  })

  it('with nothing to do is idle', () => {
    Atomics.store(progress, progressSlot.working, 0)
    Atomics.store(progress, progressSlot.batchTaken, 1)
    vi.advanceTimersByTime(silenceMs * 3)
    expect(events).toEqual([])
  })
})
