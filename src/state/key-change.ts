// Changes of keyspaces: what happened to a key, to an item of a list, or to all keys. See change.ts, which joins them to
// the others; the same promises hold.
import { assert } from '../base/assert.ts'
import type { JsonValue } from '../protocol/value.ts'
import type { ChangeBase } from './change.ts'
import type { ItemList, Lease, ListEnd, ListItem } from './item-list.ts'
import type { KeyContents, Keys, Keyspace } from './keyspace.ts'

/** One key came, changed or went. */
export interface KeyChange extends ChangeBase {
  readonly subject: 'key'
  readonly type: 'created' | 'updated' | 'deleted' | 'expired'
  readonly key: string
  readonly before: KeyContents | undefined
  readonly after: KeyContents | undefined
  /**
   * The value that was written, an array as it was then: the list that `after` holds goes on changing. Undefined where
   * no value was written.
   */
  readonly written: JsonValue | undefined
}

/** Where an item stands: at an end of its list, or on a lease. */
export type ItemPlace =
  | { readonly at: ListEnd; readonly position: number; readonly item: ListItem }
  | { readonly at: 'lease'; readonly lease: Lease }

/** One item came to a list, moved or went. It is all that a journal has to store, besides the key without its list. */
export interface ListChange extends ChangeBase {
  readonly subject: 'list'
  readonly type: 'pushed' | 'popped' | 'leased' | 'acknowledged' | 'returned'
  readonly key: string
  readonly before: KeyContents
  readonly after: KeyContents
  /** Undefined for an item that comes from outside. */
  readonly from: ItemPlace | undefined
  /** Undefined for an item that leaves. */
  readonly to: ItemPlace | undefined
}

/** All keys went at once. */
export interface KeysChange extends ChangeBase {
  readonly subject: 'keys'
  readonly type: 'cleared'
  readonly before: Keys
  readonly after: Keys
}

export type KeyspaceChange = KeyChange | ListChange | KeysChange

export function inverseInKeyspace(change: KeyspaceChange): KeyspaceChange {
  switch (change.subject) {
    case 'key':
      return { ...change, before: change.after, after: change.before }
    case 'list':
      return { ...change, before: change.after, after: change.before, from: change.to, to: change.from }
    case 'keys':
      return { ...change, before: change.after, after: change.before }
  }
}

export function setInKeyspace(keyspace: Keyspace, change: KeyspaceChange): void {
  if (change.subject === 'keys') {
    keyspace.keys = change.after
    return
  }
  const { key, before, after } = change
  assert(keyspace.get(key)?.contents === before, 'a change of a key starts from what stands')
  if (change.subject === 'key') keyspace.keys.set(key, after)
  else keyspace.keys.set(key, after, () => moveItem(change.after.list as ItemList, change))
}

function moveItem(list: ItemList, { from, to }: ListChange): void {
  if (from?.at === 'lease') list.takeLease(from.lease)
  else if (from !== undefined) list.take(from.at, from.item)
  if (to?.at === 'lease') list.putLease(to.lease)
  else if (to !== undefined) list.put(to.at, to.item)
}
