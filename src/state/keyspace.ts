// A keyspace: keys with their values, in byte order, and what of them is due when. Only apply() (state/change.ts) changes
// one.
// Invariant: `cells` and `names` hold the same keys; a key stands in `expiries` if it has an end, and in `leases` if an
// item of its list is on a lease.
import { type DeadlineEntry, DeadlineHeap } from '../base/deadline-heap.ts'
import type { JsonValue } from '../protocol/value.ts'
import type { ItemList } from './item-list.ts'
import { SegmentedMap } from './segmented-map.ts'
import { SortedNames } from './sorted-names.ts'

/** What a write puts in a key's place. Never changed once made, but for the items of a list. */
export interface KeyContents {
  /** Any JSON value but an array; null where there is a list. */
  readonly value: JsonValue
  /** The items, where the value is an array. They live on from one write to the next. */
  readonly list: ItemList | undefined
  readonly encoding: 'base64' | undefined
  /** 1 at the key's creation, one more with each write. */
  readonly version: number
  /** The version of the state at the last write. */
  readonly revision: number
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly updatedAt: number
  readonly expiresAt: number | null
  /** About how many bytes the value takes as JSON text; of a list, those on a lease included. */
  readonly bytes: number
}

export interface KeyCell {
  readonly key: string
  contents: KeyContents
  expiry: DeadlineEntry<KeyCell> | undefined
  lease: DeadlineEntry<KeyCell> | undefined
}

/** The keys of a keyspace. */
export class Keys {
  readonly cells = new SegmentedMap<string, KeyCell>()
  readonly names = new SortedNames()
  /** By the wall clock. */
  readonly expiries = new DeadlineHeap<KeyCell>()
  /** By the clock that never goes back: keys by the first lease of their list that ends. */
  readonly leases = new DeadlineHeap<KeyCell>()
  bytes = 0
  listItems = 0
  pendingItems = 0

  /** Puts contents in a key's place, or removes it; `move` changes its list in between, if that is what happens. */
  set(key: string, after: KeyContents | undefined, move?: () => void): void {
    const cell = this.cells.get(key)
    if (cell !== undefined) this.#count(cell, -1)
    move?.()
    if (after === undefined) {
      if (cell !== undefined) this.#remove(cell)
    } else if (cell === undefined) this.#add({ key, contents: after, expiry: undefined, lease: undefined })
    else {
      cell.contents = after
      this.#count(cell, 1)
      this.#setDeadlines(cell, after.expiresAt, after.list?.nextDeadline ?? null)
    }
  }

  /** Has all leases begin now, in full, after a recovery. */
  restartLeases(mono: number): void {
    if (this.pendingItems === 0) return
    for (const cell of this.cells.values()) {
      const { list, expiresAt } = cell.contents
      if (list === undefined || list.pending === 0) continue
      list.restartLeases(mono)
      this.#setDeadlines(cell, expiresAt, list.nextDeadline)
    }
  }

  #add(cell: KeyCell): void {
    const { key, contents } = cell
    this.cells.set(key, cell)
    this.names.add(key)
    this.#count(cell, 1)
    this.#setDeadlines(cell, contents.expiresAt, contents.list?.nextDeadline ?? null)
  }

  #remove(cell: KeyCell): void {
    this.cells.delete(cell.key)
    this.names.delete(cell.key)
    this.#setDeadlines(cell, null, null)
  }

  #setDeadlines(cell: KeyCell, expiresAt: number | null, leaseEndsAt: number | null): void {
    cell.expiry = this.expiries.set(cell.expiry, cell, expiresAt)
    cell.lease = this.leases.set(cell.lease, cell, leaseEndsAt)
  }

  #count({ key, contents: { bytes, list } }: KeyCell, sign: 1 | -1): void {
    this.bytes += sign * (bytes + key.length)
    if (list === undefined) return
    this.listItems += sign * list.length
    this.pendingItems += sign * list.pending
  }
}

export class Keyspace {
  readonly kind = 'keys'
  readonly name: string
  version: number
  keys: Keys
  /** Where it stands among the keyspaces of its shard, by what of it is due first. Kept by the directory. */
  expiry: DeadlineEntry<Keyspace> | undefined
  lease: DeadlineEntry<Keyspace> | undefined

  constructor(name: string, version: number, keys: Keys) {
    this.name = name
    this.version = version
    this.keys = keys
  }

  get(key: string): KeyCell | undefined {
    return this.keys.cells.get(key)
  }

  get length(): number {
    return this.keys.cells.size
  }
}
