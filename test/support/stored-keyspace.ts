// A keyspace as a durable driver would store it: a row for each key, one for each item of a list by its position, and one
// for each lease by its token. It is written from the changes alone, and a keyspace is made of it again.
import { type ItemList, ItemList as Items, itemOf, type Lease, type ListItem } from '../../src/state/item-list.ts'
import type { ItemPlace, KeyspaceChange } from '../../src/state/key-change.ts'
import { type KeyContents, Keys } from '../../src/state/keyspace.ts'

interface StoredList {
  readonly made: number
  readonly items: Map<number, ListItem>
  readonly leases: Map<number, Lease>
}

interface StoredKey {
  readonly contents: Omit<KeyContents, 'list'>
  /** Undefined for a key whose value is no list. */
  readonly list: StoredList | undefined
}

export class StoredKeyspace {
  version: number
  readonly rows = new Map<string, StoredKey>()

  constructor(version: number) {
    this.version = version
  }

  keep(change: KeyspaceChange): void {
    if (change.version !== this.version + 1) throw new Error(`${change.state} skips from version ${this.version}`)
    this.version = change.version
    if (change.subject === 'keys') return this.rows.clear()
    const { key, after } = change
    if (after === undefined) {
      this.rows.delete(key)
      return
    }
    const { list: _, ...contents } = after
    const before = this.rows.get(key)
    if (change.subject === 'key' && change.written !== undefined) {
      const items = Array.isArray(change.written) ? change.written : undefined
      this.rows.set(key, {
        contents,
        list: items && {
          made: change.version,
          items: new Map(items.map((value, index) => [index, itemOf(value)])),
          leases: new Map(),
        },
      })
      return
    }
    this.rows.set(key, { contents, list: before?.list })
    if (change.subject === 'list' && before?.list !== undefined) {
      this.#remove(before.list, change.from)
      this.#add(before.list, change.to)
    }
  }

  /** Takes what a restore has put in place. */
  fill({ cells }: Keys): void {
    for (const { key, contents: whole } of cells.values()) {
      const { list, ...contents } = whole
      const first = list?.positionOf('first') ?? 0
      this.rows.set(key, {
        contents,
        list: list && {
          made: list.made,
          items: new Map(Array.from(list.items(), (item, index) => [first + index, item])),
          leases: new Map(list.leases().map((lease) => [lease.token, lease])),
        },
      })
    }
  }

  #remove({ items, leases }: StoredList, place: ItemPlace | undefined): void {
    if (place === undefined) return
    const removed = place.at === 'lease' ? leases.delete(place.lease.token) : items.delete(place.position)
    if (!removed) throw new Error('a change takes an item from where none is')
  }

  #add({ items, leases }: StoredList, place: ItemPlace | undefined): void {
    if (place?.at === 'lease') leases.set(place.lease.token, place.lease)
    else if (place !== undefined) {
      if (items.has(place.position)) throw new Error('a change puts an item where one is')
      items.set(place.position, place.item)
    }
  }

  recovered(): Keys {
    const keys = new Keys()
    for (const [key, { contents, list }] of this.rows) keys.set(key, { ...contents, list: list && listOf(list) })
    return keys
  }
}

function listOf({ made, items, leases }: StoredList): ItemList {
  const list = new Items(made)
  const positions = [...items.keys()].sort((a, b) => a - b)
  const [first = 0] = positions
  // Positions go on from where they stood.
  list.startAt(first)
  for (const position of positions) list.put('last', items.get(position) as ListItem)
  for (const lease of leases.values()) list.putLease(lease)
  return list
}
