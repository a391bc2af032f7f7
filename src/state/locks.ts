// The locks of one shard: who holds which until when, the newest token of every name that is remembered, and the counter
// that tokens are taken from. A lock is no state: one of each may have the same name. Only apply() (change.ts) changes it.
// Invariant: a token is granted once, and above every one before it. A name that is not known had no token above `floor`.
import { type DeadlineEntry, DeadlineHeap } from '../base/deadline-heap.ts'
import { SegmentedMap } from './segmented-map.ts'
import { SortedNames } from './sorted-names.ts'

/** Who has a lock. Never changed once made. */
export interface Holder {
  readonly owner: string
  readonly ttlMs: number
  /** On the clock that never goes back. */
  readonly deadline: number
}

/** What is known of a name: its newest token, and who holds it. Never changed once made. */
export interface Lock {
  readonly token: number
  /** Undefined for a lock that is free. */
  readonly holder: Holder | undefined
}

/** Where tokens come from. Those up to `reserved` may have been granted, as far as a recovery can tell. */
export interface Tokens {
  readonly last: number
  readonly reserved: number
}

export interface LockCell {
  readonly name: string
  lock: Lock
  expiry: DeadlineEntry<LockCell> | undefined
  free: DeadlineEntry<LockCell> | undefined
}

export class Locks {
  readonly #cells = new SegmentedMap<string, LockCell>()
  readonly #held = new SortedNames()
  /** Those that nobody holds, by their tokens: the oldest is forgotten first, as that raises the floor least. */
  readonly #free = new DeadlineHeap<LockCell>()
  readonly #deadlines = new DeadlineHeap<LockCell>()
  tokens: Tokens = { last: 0, reserved: 0 }
  /** No name that is not known had a token above this one. */
  floor = 0

  get(name: string): Lock | undefined {
    return this.#cells.get(name)?.lock
  }

  /** The names of the locks that are held. */
  get held(): SortedNames {
    return this.#held
  }

  /** How many names are remembered whose lock is free. */
  get freeCount(): number {
    return this.#free.size
  }

  /** The free lock that would be forgotten first. */
  get oldestFree(): string | undefined {
    return this.#free.first()?.item.name
  }

  /** The newest token that was ever granted for a name, as far as anybody can still tell. */
  newestOf(name: string): number {
    return this.get(name)?.token ?? this.floor
  }

  /** The lock whose time is over first. */
  get firstDeadline(): DeadlineEntry<LockCell> | undefined {
    return this.#deadlines.first()
  }

  set(name: string, lock: Lock | undefined): void {
    const cell = this.#cells.get(name)
    if (lock === undefined) {
      if (cell === undefined) return
      cell.expiry = this.#deadlines.set(cell.expiry, cell, null)
      this.#cells.delete(name)
      this.#held.delete(name)
      cell.free = this.#free.set(cell.free, cell, null)
    } else if (cell === undefined) this.#put({ name, lock, expiry: undefined, free: undefined })
    else {
      cell.lock = lock
      this.#put(cell)
    }
  }

  /** Has all that are held begin now, in full, after a recovery. */
  restart(mono: number): void {
    for (const name of this.#held.range()) {
      const { token, holder } = this.get(name) as Lock
      if (holder !== undefined) this.set(name, { token, holder: { ...holder, deadline: mono + holder.ttlMs } })
    }
  }

  #put(cell: LockCell): void {
    const { name, lock } = cell
    const { holder } = lock
    this.#cells.set(name, cell)
    if (holder === undefined) this.#held.delete(name)
    else this.#held.add(name)
    cell.free = this.#free.set(cell.free, cell, holder === undefined ? lock.token : null)
    cell.expiry = this.#deadlines.set(cell.expiry, cell, holder?.deadline ?? null)
  }
}
