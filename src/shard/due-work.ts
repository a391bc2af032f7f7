// What time brings about by itself: keys and locks that expire, leases that end, timers that fire. It comes at the head
// of every batch, and a timer sees to it that a batch comes where nobody asks for anything. Owned by one shard, which applies what is decided here.
// Invariant: as long as anything is due one day, a timer runs or the shard is about to take its turn.
import type { Clocks, WakeAfter } from '../base/clock.ts'
import { nextDue } from '../command/due.ts'
import type { Change } from '../state/change.ts'
import type { Directory } from '../state/directory.ts'
import type { Facts } from './executor.ts'

/** What is due is brought about at the head of a batch, so much of it at a time. */
const duePerBatchMax = 1_000
/** An idle shard lets what is due gather for so long, so that many deadlines are few commits. */
const gatheringMs = 50
/** A journal that refused what was due is not asked again sooner. */
const retryMs = 1_000
/** The longest wait for a timer: the wall clock may be set, and a Node timer of more than 2^31 ms fires at once. */
const wakeMsMax = 60_000

export interface DueWorkOptions {
  readonly directory: Directory
  readonly facts: Facts
  readonly wakeAfter: WakeAfter
  /** Something is due. */
  readonly onWake: () => void
}

export class DueWork {
  readonly #options: DueWorkOptions
  /** Before this moment nothing is brought about; on the clock that never goes back. */
  #notBefore = Number.NEGATIVE_INFINITY
  #wake: { readonly at: number; readonly callOff: () => void } | undefined

  constructor(options: DueWorkOptions) {
    this.#options = options
  }

  /**
   * Brings about what is due, as far as it fits into one batch; each change must be applied before the next is decided.
   * While the disk is full timers do not fire, as what they write would not fit.
   */
  bringAbout(now: Clocks, isFull: boolean, applyChange: (change: Change) => void): void {
    const { directory, facts } = this.#options
    if (!hasDeadlines(directory) || now.mono < this.#notBefore) return
    if (isFull) this.postpone(now)
    const context = { ...facts, state: '', now, decision: 0 }
    for (let count = 0; count < duePerBatchMax; count += 1) {
      const changes = nextDue(directory, context, !isFull)
      if (changes === undefined) return
      for (const change of changes) applyChange(change)
    }
  }

  /** The journal refused a batch: what was due is due still, but is left for a while. */
  postpone({ mono }: Clocks): void {
    this.#notBefore = mono + retryMs
  }

  /**
   * Sees to it that `onWake` is called when something is due, or a caller has waited until `waitEndsAt`. Returns true if
   * that is so already.
   */
  plan({ wall, mono }: Clocks, waitEndsAt: number | null): boolean {
    const { directory, wakeAfter, onWake } = this.#options
    if (!hasDeadlines(directory) && waitEndsAt === null) return false
    const { firstExpiry, firstLease, firstTimer, locks } = directory
    const never = Number.POSITIVE_INFINITY
    const byWallAt = mono - wall + Math.min(firstExpiry?.at ?? never, firstTimer?.at ?? never)
    const changesAt = Math.max(
      Math.min(byWallAt, firstLease?.at ?? never, locks.firstDeadline?.at ?? never),
      this.#notBefore,
    )
    const dueAt = Math.min(changesAt, waitEndsAt ?? never, mono + wakeMsMax)
    if (dueAt <= mono) return true
    const at = dueAt + gatheringMs
    if (this.#wake !== undefined && this.#wake.at <= at) return false
    this.stop()
    const callOff = wakeAfter(at - mono, () => {
      this.#wake = undefined
      onWake()
    })
    this.#wake = { at, callOff }
    return false
  }

  stop(): void {
    this.#wake?.callOff()
    this.#wake = undefined
  }
}

function hasDeadlines({ firstExpiry, firstLease, firstTimer, locks }: Directory): boolean {
  const { firstDeadline: firstLock } = locks
  return (firstExpiry ?? firstLease ?? firstTimer ?? firstLock) !== undefined
}
