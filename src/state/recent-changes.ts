// The newest changes of a shard's states, for whoever reads on from a version that it has seen. Bounded by number and bytes
// over all states together, the oldest go first. Owned by one shard, which notes each change as it is applied.
// Invariant: of each state it holds the newest changes without a gap, so what follows a version that it still knows is all
// that happened since. States that are read have an index; what nobody reads costs one entry of one queue, unless so many
// states are read that all have one. Without a disk, where it is the only log, most of it is let go until somebody reads.
import { assert } from '../base/assert.ts'
import type { Durability } from '../base/durability.ts'
import type { Limits } from '../base/limits.ts'
import { Queue } from '../base/queue.ts'
import { bytesOfKept, concerns, type KeptChange, type LoggedChange, loggedOf } from './logged-change.ts'

export interface RecentBounds {
  readonly changesMax: number
  readonly bytesMax: number
  /** So many are kept when of the last `changesMax` changes none was read by anybody. */
  readonly unreadMax: number
}

/** The journal's log is as long as it may be, so what is at hand of it is, too; without one only as much as is read. */
export function recentBounds(limits: Limits, durability: Durability): RecentBounds {
  const { changesLoggedPerShardMax: changesMax, changeLogBytesPerShardMax: bytesMax } = limits
  const unreadMax = durability === 'memory' ? Math.min(limits.changesUnreadPerShardMax, changesMax) : changesMax
  return { changesMax, bytesMax, unreadMax }
}

/** What to look for, and how much of it. */
export interface ReadBounds {
  /** Only changes of names that begin so, and of wholes. */
  readonly prefix: string
  readonly changesMax: number
  readonly bytesMax: number
  /** So many entries are looked at. */
  readonly scannedMax: number
}

export interface ReadChanges {
  readonly changes: readonly LoggedChange[]
  /** Nothing else happened up to this version that was looked for; undefined for nothing after where it began. */
  readonly scannedTo: number | undefined
}

/** An index for one state takes a look at all changes. Beyond so many, one more look makes those of all states. */
const singleIndexesMax = 64

export class RecentChanges {
  readonly #bounds: RecentBounds
  readonly #all = new Queue<KeptChange>()
  readonly #indexes = new Map<string, Queue<KeptChange>>()
  /** Every state has an index that has a change here; one without has none. */
  #isAllIndexed = false
  #bytes = 0
  /** How many changes came since somebody read last. */
  #sinceRead = Number.POSITIVE_INFINITY

  constructor(bounds: RecentBounds) {
    this.#bounds = bounds
  }

  get length(): number {
    return this.#all.length
  }

  /** About how many bytes they take. */
  get bytes(): number {
    return this.#bytes
  }

  /** The version of the oldest change that is known of a state; undefined if none is. */
  oldestOf(state: string): number | undefined {
    return this.#indexOf(state).first()?.version
  }

  append(change: KeptChange): void {
    this.#all.push(change)
    this.#bytes += bytesOfKept(change)
    this.#sinceRead += 1
    if (this.#isAllIndexed) this.#index(change)
    else if (this.#indexes.size > 0) this.#indexes.get(change.state)?.push(change)
  }

  /** Takes back the newest change of all, which was not committed. */
  takeBack(): void {
    const change = this.#all.pop()
    assert(change !== undefined, 'only what was noted is taken back')
    this.#bytes -= bytesOfKept(change)
    this.#unindex(change, 'pop')
  }

  /** Lets go of what is too much. Only what is committed may go, as it cannot be had back. */
  trim(): void {
    const { changesMax, bytesMax, unreadMax } = this.#bounds
    const isUnread = this.#sinceRead > changesMax
    if (isUnread && this.#indexes.size > 0) this.#dropIndexes()
    const keptMax = isUnread ? unreadMax : changesMax
    while (this.#all.length > keptMax || this.#bytes > bytesMax) {
      const change = this.#all.shift() as KeptChange
      this.#bytes -= bytesOfKept(change)
      this.#unindex(change, 'shift')
    }
  }

  /** Lets go of everything: it is not known what followed it. */
  clear(): void {
    while (this.#all.length > 0) this.takeBack()
  }

  /** What happened to a state after a version, the oldest first. */
  read(state: string, after: number, { prefix, changesMax, bytesMax, scannedMax }: ReadBounds): ReadChanges {
    const queue = this.#indexOf(state)
    const changes: LoggedChange[] = []
    const first = firstAfter(queue, after)
    const end = Math.min(queue.length, first + scannedMax)
    let bytes = 0
    let scannedTo: number | undefined
    for (let index = first; index < end; index += 1) {
      const change = queue.at(index) as KeptChange
      if (concerns(change, prefix)) {
        bytes += bytesOfKept(change)
        if (changes.length === changesMax || (bytes > bytesMax && changes.length > 0)) break
        changes.push(loggedOf(change))
      }
      scannedTo = change.version
    }
    return { changes, scannedTo }
  }

  /** The changes of one state, kept apart from when they are first asked for. */
  #indexOf(state: string): Queue<KeptChange> {
    this.#sinceRead = 0
    if (!this.#isAllIndexed && !this.#indexes.has(state)) this.#makeIndex(state)
    return this.#indexes.get(state) ?? new Queue()
  }

  #makeIndex(state: string): void {
    this.#isAllIndexed = this.#indexes.size >= singleIndexesMax
    if (this.#isAllIndexed) this.#indexes.clear()
    else this.#indexes.set(state, new Queue())
    for (let at = 0; at < this.#all.length; at += 1) {
      const change = this.#all.at(at) as KeptChange
      if (this.#isAllIndexed || change.state === state) this.#index(change)
    }
  }

  #dropIndexes(): void {
    this.#indexes.clear()
    this.#isAllIndexed = false
  }

  #index(change: KeptChange): void {
    const index = this.#indexes.get(change.state)
    if (index !== undefined) return index.push(change)
    const created = new Queue<KeptChange>()
    created.push(change)
    this.#indexes.set(change.state, created)
  }

  #unindex({ state }: KeptChange, takeOut: 'pop' | 'shift'): void {
    if (this.#indexes.size === 0) return
    const index = this.#indexes.get(state)
    index?.[takeOut]()
    // Where all states have an index, those of states that are forgotten must not add up.
    if (this.#isAllIndexed && index?.length === 0) this.#indexes.delete(state)
  }
}

/** Where the first change after a version stands. */
function firstAfter(queue: Queue<KeptChange>, version: number): number {
  let low = 0
  let high = queue.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((queue.at(middle) as KeptChange).version <= version) low = middle + 1
    else high = middle
  }
  return low
}
