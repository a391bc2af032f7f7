// Keyspaces as rows: one for each key, and where its value is a list, one for each item by its position and one for each
// item on a lease by its token, so that a push or a pop writes two rows however long the list is.
// Invariant: the rows of a list begin with the version that made it, and its key's row names that. A list whose key went or
// was written anew is not touched any more: its rows belong to nobody, and go little by little.
//
//     table       │ text, all times in milliseconds since 1970
//     item_leases │ 13/19     [{"job":1},0,60000]      token; item, how often it came back, how long the lease is
//     items       │ 13/12     [{"job":2},0]            position; item, how often it came back
//     keys        │ jobs      {"list":"13","bytes":24,"version":4,"revision":9,…}
import { assert } from '../base/assert.ts'
import { approximateBytes, type JsonObject, type JsonValue } from '../protocol/value.ts'
import { ItemList, itemOf, type Lease, type ListItem } from '../state/item-list.ts'
import type { ItemPlace, KeyChange, KeyspaceChange, ListChange } from '../state/key-change.ts'
import { type KeyContents, Keys, Keyspace } from '../state/keyspace.ts'
import type { ContentPlace, ContentRow, Footprint, KindRows, LeftRows, StoredContentRow } from './kind-rows.ts'
import { fromSortable, sortable } from './row.ts'

// The first two sort before the third: a list is whole when its key is read.
const leasesTable = 'item_leases'
const itemsTable = 'items'
const keysTable = 'keys'
const listTables = [leasesTable, itemsTable]

// Below any position: nobody pushes so often. What is counted from there has one number of digits, and sorts.
const positionMin = -(10 ** 15)

/** A position as text that sorts as the positions do. Those below zero are counted from the lowest that there could be. */
function positionText(position: number): string {
  return position < 0 ? `-${sortable(position - positionMin)}` : sortable(position)
}

function positionOf(text: string): number {
  return text.startsWith('-') ? positionMin + fromSortable(text.slice(1)) : fromSortable(text)
}

function itemAt(made: number, position: number): ContentPlace {
  return { table: itemsTable, key: `${sortable(made)}/${positionText(position)}` }
}

function leaseAt(made: number, { token }: Lease): ContentPlace {
  return { table: leasesTable, key: `${sortable(made)}/${sortable(token)}` }
}

export function itemRow(made: number, position: number, { value, deliveries }: ListItem): StoredContentRow {
  return { ...itemAt(made, position), value: [value, deliveries] }
}

export function leaseRow(made: number, lease: Lease): StoredContentRow {
  const { item, leaseMs } = lease
  return { ...leaseAt(made, lease), value: [item.value, item.deliveries, leaseMs] }
}

export function keyRow(key: string, contents: KeyContents): StoredContentRow {
  const { value, list, encoding, version, revision, createdAt, updatedAt, expiresAt, bytes } = contents
  return {
    table: keysTable,
    key,
    value: {
      ...(list === undefined ? { value } : { list: sortable(list.made), bytes }),
      ...(encoding && { encoding }),
      version,
      revision,
      created_at: createdAt,
      updated_at: updatedAt,
      ...(expiresAt !== null && { expires_at: expiresAt }),
    },
  }
}

function* listRows(list: ItemList): Generator<StoredContentRow, void, void> {
  let position = list.positionOf('first')
  for (const item of list.items()) {
    yield itemRow(list.made, position, item)
    position += 1
  }
  for (const lease of list.leases()) yield leaseRow(list.made, lease)
}

function leftBy(made: string): LeftRows {
  return { tables: listTables, prefix: `${made}/` }
}

/** A row goes with its item, so a list that is empty has none. */
function leftOf(list: ItemList | undefined): LeftRows[] {
  return list === undefined || list.length + list.pending === 0 ? [] : [leftBy(sortable(list.made))]
}

function footprintOfKey({ key, before, after, written }: KeyChange): Footprint {
  const rows: ContentRow[] = [after ? keyRow(key, after) : { table: keysTable, key, value: undefined }]
  // Only the key's end moved.
  if (after !== undefined && written === undefined) return { extent: 'rows', rows }
  if (after?.list !== undefined) {
    // What was written, not what stands: that follows from the changes behind this one.
    const { made } = after.list
    for (const [position, value] of (written as JsonValue[]).entries())
      rows.push(itemRow(made, position, itemOf(value)))
  }
  return { extent: 'rows', rows, left: leftOf(before?.list) }
}

function footprintOfItem({ key, after, from, to }: ListChange): Footprint {
  const { made } = after.list as ItemList
  const rows: ContentRow[] = [keyRow(key, after)]
  if (from !== undefined) rows.push({ ...placeOf(made, from), value: undefined })
  if (to !== undefined) rows.push(to.at === 'lease' ? leaseRow(made, to.lease) : itemRow(made, to.position, to.item))
  return { extent: 'rows', rows }
}

function placeOf(made: number, place: ItemPlace): ContentPlace {
  return place.at === 'lease' ? leaseAt(made, place.lease) : itemAt(made, place.position)
}

export const keyRows: KindRows<Keyspace, KeyspaceChange> = {
  tables: [...listTables, keysTable],

  header: () => ({}),

  *contents({ keys }) {
    for (const { key, contents } of keys.cells.values()) {
      yield keyRow(key, contents)
      if (contents.list !== undefined) yield* listRows(contents.list)
    }
  },

  footprint(change): Footprint {
    if (change.subject === 'keys') return { extent: 'whole' }
    return change.subject === 'key' ? footprintOfKey(change) : footprintOfItem(change)
  },

  open(name, version) {
    const keys = new Keys()
    const lists = new Map<string, ItemList>()
    return {
      load({ table, key, value }) {
        if (table === keysTable) return loadKey(keys, lists, key, value as JsonObject)
        const [made = '', place = ''] = key.split('/')
        const list = lists.get(made) ?? new ItemList(fromSortable(made))
        lists.set(made, list)
        if (table === itemsTable) loadItem(list, positionOf(place), value as [JsonValue, number])
        else loadLease(list, fromSortable(place), value as [JsonValue, number, number])
      },
      finish: () => ({ state: new Keyspace(name, version, keys), left: [...lists.keys()].map(leftBy) }),
    }
  },
}

function loadItem(list: ItemList, position: number, [value, deliveries]: [JsonValue, number]): void {
  if (list.length === 0) list.startAt(position)
  list.put('last', itemOf(value, deliveries))
}

/** Its deadline is set when all leases begin anew, which is before anybody looks. */
function loadLease(list: ItemList, token: number, [value, deliveries, leaseMs]: [JsonValue, number, number]): void {
  list.putLease({ token, item: itemOf(value, deliveries), leaseMs, deadline: leaseMs })
}

/** Takes the list of the key out of `lists`. */
function loadKey(keys: Keys, lists: Map<string, ItemList>, key: string, row: JsonObject): void {
  const { value, list: made, bytes, encoding, version, revision, created_at, updated_at, expires_at } = row
  const list = made === undefined ? undefined : listOf(lists, made as string)
  assert((value === undefined) === (list !== undefined), 'a key has a value or a list')
  keys.set(key, {
    value: value ?? null,
    list,
    encoding: encoding as 'base64' | undefined,
    version: version as number,
    revision: revision as number,
    createdAt: created_at as number,
    updatedAt: updated_at as number,
    expiresAt: (expires_at ?? null) as number | null,
    bytes: list === undefined ? approximateBytes(value as JsonValue) : (bytes as number),
  })
}

/** A list without items has no rows. */
function listOf(lists: Map<string, ItemList>, made: string): ItemList {
  const list = lists.get(made) ?? new ItemList(fromSortable(made))
  lists.delete(made)
  return list
}
