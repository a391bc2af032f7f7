// The items of a list. They stand in chunks by their position, a number that pushing moves at either end, so a push or a
// pop touches one item however long the list is. Items on a lease stand aside, by their token.
// Invariant: the positions from `start` to before `end` are all taken, and no others. Only apply() changes a list.
import { assert } from '../base/assert.ts'
import { type DeadlineEntry, DeadlineHeap } from '../base/deadline-heap.ts'
import { approximateBytes, type JsonValue } from '../protocol/value.ts'

export type ListEnd = 'first' | 'last'

/** Never changed once made. */
export interface ListItem {
  readonly value: JsonValue
  readonly bytes: number
  /** How often it was leased and came back. */
  readonly deliveries: number
}

/** An item that a worker has, for a while. Never changed once made. */
export interface Lease {
  /** The version of the state at the pop: no other lease of that state ever has it. */
  readonly token: number
  readonly item: ListItem
  readonly leaseMs: number
  /** On the clock that never goes back. A lease that is recovered starts anew, in full. */
  readonly deadline: number
}

const chunkLength = 512

export class ItemList {
  /** The version of the state that made it: no other list of that state ever has it. */
  readonly made: number
  readonly #chunks = new Map<number, (ListItem | undefined)[]>()
  readonly #leases = new Map<number, DeadlineEntry<Lease>>()
  readonly #deadlines = new DeadlineHeap<Lease>()
  #start = 0
  #end = 0

  constructor(made: number) {
    this.made = made
  }

  /** The list with the items of a JSON array. */
  static of(values: readonly JsonValue[], made: number): ItemList {
    const list = new ItemList(made)
    for (const value of values) list.put('last', itemOf(value))
    return list
  }

  /** Has the first item that is put into an empty list stand at this position: a list is recovered with its positions. */
  startAt(position: number): void {
    assert(this.length === 0, 'only an empty list is given another position')
    this.#start = position
    this.#end = position
  }

  get length(): number {
    return this.#end - this.#start
  }

  /** The number of items on a lease. */
  get pending(): number {
    return this.#leases.size
  }

  get nextDeadline(): number | null {
    return this.#deadlines.first()?.at ?? null
  }

  /** The lease that ends first. */
  get firstLease(): Lease | undefined {
    return this.#deadlines.first()?.item
  }

  lease(token: number): Lease | undefined {
    return this.#leases.get(token)?.item
  }

  leases(): Lease[] {
    return [...this.#leases.values()].map(({ item }) => item)
  }

  /** The item that a pop would take. */
  peek(end: ListEnd): ListItem | undefined {
    return this.length === 0 ? undefined : this.#at(end === 'first' ? this.#start : this.#end - 1)
  }

  /** The position that the item at this end has. */
  positionOf(end: ListEnd): number {
    return end === 'first' ? this.#start : this.#end - 1
  }

  /** The position that the next item pushed to this end will have. */
  positionAfter(end: ListEnd): number {
    return end === 'first' ? this.#start - 1 : this.#end
  }

  *items(): Generator<ListItem, void, void> {
    for (let position = this.#start; position < this.#end; position += 1) yield this.#at(position)
  }

  values(): JsonValue[] {
    return Array.from(this.items(), ({ value }) => value)
  }

  put(end: ListEnd, item: ListItem): void {
    const position = this.positionAfter(end)
    if (end === 'first') this.#start = position
    else this.#end = position + 1
    const number = Math.floor(position / chunkLength)
    let chunk = this.#chunks.get(number)
    if (chunk === undefined) {
      chunk = []
      this.#chunks.set(number, chunk)
    }
    chunk[position - number * chunkLength] = item
  }

  take(end: ListEnd, item: ListItem): void {
    assert(this.peek(end) === item, 'a list change starts from what stands')
    const position = this.positionOf(end)
    if (end === 'first') this.#start = position + 1
    else this.#end = position
    const number = Math.floor(position / chunkLength)
    const chunk = this.#chunks.get(number) as (ListItem | undefined)[]
    // An item must not be held by a list that it has left.
    chunk[position - number * chunkLength] = undefined
    const next = end === 'first' ? this.#start : this.#end - 1
    if (this.length === 0 || Math.floor(next / chunkLength) !== number) this.#chunks.delete(number)
  }

  putLease(lease: Lease): void {
    const entry = this.#deadlines.set(undefined, lease, lease.deadline) as DeadlineEntry<Lease>
    this.#leases.set(lease.token, entry)
  }

  takeLease({ token }: Lease): void {
    const entry = this.#leases.get(token)
    assert(entry !== undefined, 'a lease that ends was given')
    this.#leases.delete(token)
    this.#deadlines.set(entry, entry.item, null)
  }

  /** Has all leases begin now, in full: the clock of a life that is over says nothing in the next. */
  restartLeases(mono: number): void {
    for (const lease of this.leases()) {
      this.takeLease(lease)
      this.putLease({ token: lease.token, item: lease.item, leaseMs: lease.leaseMs, deadline: mono + lease.leaseMs })
    }
  }

  #at(position: number): ListItem {
    const number = Math.floor(position / chunkLength)
    return this.#chunks.get(number)?.[position - number * chunkLength] as ListItem
  }
}

export function itemOf(value: JsonValue, deliveries = 0): ListItem {
  return { value, bytes: approximateBytes(value), deliveries }
}
