// Keyspaces as rows: one for each key, one for each item of a list by its position, and one for each lease by its token. A
// push or a pop touches the row of its key and that of its item, however long the list is.
// Invariant: the rows of a list begin with its number, the version of the state at which the list was written. Rows of
// another number belong to nobody, so a list goes with the row of its key, and its items are removed little by little.
import { assert } from '../base/assert.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import { approximateBytes } from '../protocol/value.ts'
import { ItemList, type Lease, type ListItem } from '../state/item-list.ts'
import type { ItemPlace, KeyChange, KeyspaceChange, ListChange } from '../state/key-change.ts'
import { type KeyContents, Keys, Keyspace } from '../state/keyspace.ts'
import type { ContentRow, Footprint, KindRows, LeftRows } from './kind-rows.ts'
import { fromSortable, sortable } from './row.ts'

// In this order they are read: a key before what its list holds.
const keysTable = 'keys'
const leasesTable = 'leases'
const itemsTable = 'list_items'

/** Positions go below zero where items are pushed to the first end. */
const positionZero = 2 ** 52

const listNumbers = new WeakMap<ItemList, number>()

/** A list that was put there as a whole, with its key, has the revision of that. */
function numberOf(list: ItemList, { revision }: KeyContents): number {
  const known = listNumbers.get(list)
  if (known !== undefined) return known
  listNumbers.set(list, revision)
  return revision
}

function keyRow(key: string, contents: KeyContents | undefined): ContentRow {
  if (contents === undefined) return { table: keysTable, key, value: undefined }
  const { value, list, encoding, version, revision, createdAt, updatedAt, expiresAt, bytes } = contents
  const stored: JsonObject = {
    ...(list === undefined ? { value } : { list: numberOf(list, contents) }),
    ...(encoding && { encoding }),
    version,
    revision,
    created_at: createdAt,
    updated_at: updatedAt,
    ...(expiresAt !== null && { expires_at: expiresAt }),
    bytes,
  }
  return { table: keysTable, key, value: stored }
}

function itemRow(list: number, position: number, item: ListItem | undefined): ContentRow {
  const key = `${sortable(list)}/${sortable(position + positionZero)}`
  return { table: itemsTable, key, value: item && [item.deliveries, item.value] }
}

function leaseRow(list: number, token: number, lease: Lease | undefined): ContentRow {
  const key = `${sortable(list)}/${sortable(token)}`
  return { table: leasesTable, key, value: lease && [lease.item.deliveries, lease.item.value, lease.leaseMs] }
}

function leftBy(list: number): LeftRows {
  return { tables: [leasesTable, itemsTable], prefix: `${sortable(list)}/` }
}

function ofKey({ key, before, after, written, version }: KeyChange): Footprint {
  const rows: ContentRow[] = []
  const exchanged =
    before?.list !== undefined && after?.list !== before.list ? numberOf(before.list, before) : undefined
  if (after?.list !== undefined && written !== undefined) {
    assert(Array.isArray(written), 'a list is written as an array')
    listNumbers.set(after.list, version)
    for (const [position, value] of written.entries()) {
      rows.push(itemRow(version, position, { value, deliveries: 0, bytes: 0 }))
    }
  }
  rows.push(keyRow(key, after))
  return { extent: 'rows', rows, ...(exchanged !== undefined && { left: leftBy(exchanged) }) }
}

function ofList({ key, after, from, to }: ListChange): Footprint {
  const number = numberOf(after.list as ItemList, after)
  const rows = [keyRow(key, after)]
  if (from !== undefined) rows.push(placeRow(number, from, false))
  if (to !== undefined) rows.push(placeRow(number, to, true))
  return { extent: 'rows', rows }
}

function placeRow(list: number, place: ItemPlace, isThere: boolean): ContentRow {
  if (place.at === 'lease') return leaseRow(list, place.lease.token, isThere ? place.lease : undefined)
  return itemRow(list, place.position, isThere ? place.item : undefined)
}

export const keyspaceRows: KindRows<Keyspace, KeyspaceChange> = {
  tables: [keysTable, leasesTable, itemsTable],

  header: () => ({}),

  rowCount: ({ keys }) => keys.cells.size + keys.listItems + keys.pendingItems,

  *contents({ keys }) {
    for (const { key, contents } of keys.cells.values()) {
      yield keyRow(key, contents)
      const { list } = contents
      if (list === undefined) continue
      const number = numberOf(list, contents)
      let position = list.positionOf('first')
      for (const item of list.items()) {
        yield itemRow(number, position, item)
        position += 1
      }
      for (const lease of list.leases()) yield leaseRow(number, lease.token, lease)
    }
  },

  footprint(change) {
    if (change.subject === 'keys') return { extent: 'whole' }
    return change.subject === 'key' ? ofKey(change) : ofList(change)
  },

  logged(change) {
    if (change.subject === 'keys') return {}
    const { key, before } = change
    if (change.subject === 'list') {
      const place = change.to ?? change.from
      const item = place?.at === 'lease' ? place.lease.item : place?.item
      return { key, ...(item && { item: item.value }) }
    }
    return {
      key,
      ...(before !== undefined && before.list === undefined && { old_value: before.value }),
      ...(change.written !== undefined && { new_value: change.written }),
    }
  },

  open(name, version) {
    const keyspace = new Keyspace(name, version, new Keys())
    const found = new Map<string, KeyContents>()
    const lists = new Map<number, ItemList>()
    return {
      state: keyspace,
      load({ table, key, value }) {
        if (table === keysTable) {
          found.set(key, contentsOf(value as JsonObject, lists))
          return undefined
        }
        const [number = '', place = ''] = key.split('/')
        const list = lists.get(fromSortable(number))
        if (list === undefined) return leftBy(fromSortable(number))
        const [deliveries, itemValue, leaseMs] = value as [number, JsonValue, number]
        const item = { value: itemValue, deliveries, bytes: approximateBytes(itemValue) }
        if (table === leasesTable) {
          // When it ends is decided by the shard: it begins anew.
          list.putLease({ token: fromSortable(place), item, leaseMs, deadline: 0 })
        } else {
          if (list.length === 0) list.startAt(fromSortable(place) - positionZero)
          list.put('last', item)
        }
        return undefined
      },
      finish() {
        for (const [key, contents] of found) keyspace.keys.set(key, contents)
      },
    }
  },
}

function contentsOf(stored: JsonObject, lists: Map<number, ItemList>): KeyContents {
  const { value = null, list: number, encoding, version, revision, created_at, updated_at, expires_at = null } = stored
  let list: ItemList | undefined
  if (typeof number === 'number') {
    list = new ItemList()
    lists.set(number, list)
    listNumbers.set(list, number)
  }
  return {
    value,
    list,
    encoding: encoding as 'base64' | undefined,
    version: version as number,
    revision: revision as number,
    createdAt: created_at as number,
    updatedAt: updated_at as number,
    expiresAt: expires_at as number | null,
    bytes: stored.bytes as number,
  }
}
