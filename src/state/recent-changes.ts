// The newest changes of a shard's states, for whoever reads on from a version that it has seen. Bounded by number and bytes
// over all states together, the oldest go first. Owned by one shard, which notes each change as it is applied.
// Invariant: of each state it holds the newest changes without a gap, so what follows a version that it still knows is all
// that happened since.
import { assert } from '../base/assert.ts'
import type { Limits } from '../base/limits.ts'
import { Queue } from '../base/queue.ts'
import { concerns, type LoggedChange } from './logged-change.ts'
import { SegmentedMap } from './segmented-map.ts'

export type RecentBounds = Pick<Limits, 'changesLoggedPerShardMax' | 'changeLogBytesPerShardMax'>

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

export class RecentChanges {
  readonly #bounds: RecentBounds
  readonly #all = new Queue<LoggedChange>()
  readonly #byState = new SegmentedMap<string, Queue<LoggedChange>>()
  #bytes = 0

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
    return this.#byState.get(state)?.first()?.version
  }

  append(change: LoggedChange): void {
    let queue = this.#byState.get(change.state)
    if (queue === undefined) {
      queue = new Queue()
      this.#byState.set(change.state, queue)
    }
    queue.push(change)
    this.#all.push(change)
    this.#bytes += change.bytes
  }

  /** Takes back the newest change of all, which was not committed. */
  takeBack(): void {
    const change = this.#all.pop()
    assert(change !== undefined, 'only what was noted is taken back')
    this.#byState.get(change.state)?.pop()
    this.#forget(change)
  }

  /** Lets go of what is too much. Only what is committed may go, as it cannot be had back. */
  trim(): void {
    const { changesLoggedPerShardMax: changesMax, changeLogBytesPerShardMax: bytesMax } = this.#bounds
    while (this.#all.length > changesMax || this.#bytes > bytesMax) {
      const change = this.#all.shift() as LoggedChange
      this.#byState.get(change.state)?.shift()
      this.#forget(change)
    }
  }

  /** Lets go of everything: it is not known what followed it. */
  clear(): void {
    while (this.#all.length > 0) this.takeBack()
  }

  /** What happened to a state after a version, the oldest first. */
  read(state: string, after: number, { prefix, changesMax, bytesMax, scannedMax }: ReadBounds): ReadChanges {
    const queue = this.#byState.get(state)
    const changes: LoggedChange[] = []
    if (queue === undefined) return { changes, scannedTo: undefined }
    const first = firstAfter(queue, after)
    const end = Math.min(queue.length, first + scannedMax)
    let bytes = 0
    let scannedTo: number | undefined
    for (let index = first; index < end; index += 1) {
      const change = queue.at(index) as LoggedChange
      if (concerns(change, prefix)) {
        bytes += change.bytes
        if (changes.length === changesMax || (bytes > bytesMax && changes.length > 0)) break
        changes.push(change)
      }
      scannedTo = change.version
    }
    return { changes, scannedTo }
  }

  #forget(change: LoggedChange): void {
    this.#bytes -= change.bytes
    if (this.#byState.get(change.state)?.length === 0) this.#byState.delete(change.state)
  }
}

/** Where the first change after a version stands. */
function firstAfter(queue: Queue<LoggedChange>, version: number): number {
  let low = 0
  let high = queue.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((queue.at(middle) as LoggedChange).version <= version) low = middle + 1
    else high = middle
  }
  return low
}
