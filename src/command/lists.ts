// Lists and work queues: push, pop, lease. Any JSON array is a list. Owns nothing: reads the keyspace, answers with changes.
// Invariant: an item is in its list, on one lease, or gone for good, and a lease that ends puts it back: work is not lost
// to a worker that died. Leases go with their key: when that is removed or written anew, so are its items that are out.
import type { JsonValue } from '../protocol/value.ts'
import { type ItemList, itemOf, type Lease, type ListEnd, type ListItem } from '../state/item-list.ts'
import type { KeyContents, Keyspace } from '../state/keyspace.ts'
import type { Context, Deciders, Decision, Done, Refuse } from './decide.ts'
import { Entry, sizeProblem, wrongType } from './key-rules.ts'
import { isRefuse } from './record-rules.ts'

type ListCommands = 'PUSH_LIST' | 'LIST_LENGTH' | 'POP_LIST' | 'ACK_ITEM' | 'RETURN_ITEM'

/** The contents of a key that has a list. */
type ListContents = KeyContents & { readonly list: ItemList }

export const listCommands: Deciders<ListCommands> = {
  PUSH_LIST(keyspace, { key, item, end = 'last' }, context) {
    const entry = new Entry(keyspace, key, context)
    const tooLarge = sizeProblem(item, 'an item', context)
    if (tooLarge !== undefined) return tooLarge
    const contents = listIn(entry)
    if (contents === undefined) {
      const result = entry.write({ value: [item], expiresAt: null })
      return isRefuse(result) ? result : entry.done({ length: 1 })
    }
    return isRefuse(contents) ? contents : push(entry, contents, item, end)
  },

  LIST_LENGTH(keyspace, { key }, context) {
    const entry = new Entry(keyspace, key, context)
    const contents = listIn(entry)
    if (contents !== undefined && isRefuse(contents)) return contents
    return entry.done({ length: contents?.list.length ?? 0 })
  },

  POP_LIST(keyspace, { key, end = 'last', wait = 0, lease }, context) {
    const entry = new Entry(keyspace, key, context)
    const contents = listIn(entry)
    if (contents !== undefined && isRefuse(contents)) return contents
    if (contents === undefined || contents.list.length === 0) {
      if (wait === 0) return entry.done({ item: null })
      return { outcome: 'park', key, deadline: context.now.mono + wait * 1000, reply: { item: null } }
    }
    return lease === undefined ? pop(entry, contents, end) : popOnLease(entry, contents, end, lease * 1000, context)
  },

  ACK_ITEM(keyspace, { key, token }, context) {
    const entry = new Entry(keyspace, key, context)
    const leased = leaseIn(entry, token)
    if (leased === undefined) return entry.done({ acknowledged: false })
    if (isRefuse(leased)) return leased
    const { contents, lease } = leased
    const after = entry.withList(contents, contents.bytes - lease.item.bytes)
    entry.move('acknowledged', contents, after, { at: 'lease', lease }, undefined)
    return entry.done({ acknowledged: true })
  },

  RETURN_ITEM(keyspace, { key, token }, context) {
    const entry = new Entry(keyspace, key, context)
    const leased = leaseIn(entry, token)
    if (leased === undefined) return entry.done({ returned: false })
    if (isRefuse(leased)) return leased
    giveBack(entry, leased.contents, leased.lease)
    return entry.done({ returned: true })
  },
}

/** The end of a lease whose time is over. The key itself must not be due. */
export function leaseEnded(keyspace: Keyspace, key: string, context: Context): Done {
  const entry = new Entry(keyspace, key, context)
  const contents = entry.contents as ListContents
  giveBack(entry, contents, contents.list.firstLease as Lease)
  return entry.done({})
}

/** The list of a key; undefined where there is no key, a refusal where the key holds something else. */
function listIn({ key, contents }: Entry): ListContents | Refuse | undefined {
  if (contents === undefined) return undefined
  return contents.list === undefined ? wrongType(key, 'a list') : (contents as ListContents)
}

/** What a token of a list stands for; undefined for one that was settled, or never given. */
function leaseIn(entry: Entry, token: number): { contents: ListContents; lease: Lease } | Refuse | undefined {
  const contents = listIn(entry)
  if (contents === undefined || isRefuse(contents)) return contents
  const lease = contents.list.lease(token)
  return lease && { contents, lease }
}

function push(entry: Entry, before: ListContents, value: JsonValue, end: ListEnd): Decision {
  const { list, bytes } = before
  const item = itemOf(value)
  const after = entry.withList(before, bytes + item.bytes)
  const to = { at: end, position: list.positionAfter(end), item }
  entry.move('pushed', before, after, undefined, to)
  return entry.done({ length: list.length + 1 })
}

function pop(entry: Entry, before: ListContents, end: ListEnd): Decision {
  const from = placeAt(before.list, end)
  const after = entry.withList(before, before.bytes - from.item.bytes)
  entry.move('popped', before, after, from, undefined)
  return entry.done({ item: from.item.value })
}

function popOnLease(entry: Entry, before: ListContents, end: ListEnd, leaseMs: number, { now }: Context): Decision {
  const from = placeAt(before.list, end)
  const { item } = from
  const token = entry.nextVersion
  const lease = { token, item, leaseMs, deadline: now.mono + leaseMs }
  const after = entry.withList(before, before.bytes)
  entry.move('leased', before, after, from, { at: 'lease', lease })
  return entry.done({ item: item.value, token, deliveries: item.deliveries + 1 })
}

/** Puts a leased item back to the first end, from where it is the next to be taken by a queue's workers. */
function giveBack(entry: Entry, before: ListContents, lease: Lease): void {
  const { value, bytes, deliveries } = lease.item
  const item = { value, bytes, deliveries: deliveries + 1 }
  const after = entry.withList(before, before.bytes)
  const to = { at: 'first' as const, position: before.list.positionAfter('first'), item }
  entry.move('returned', before, after, { at: 'lease', lease }, to)
}

/** Where the item at an end of a list that is not empty stands. */
function placeAt(list: ItemList, end: ListEnd) {
  return { at: end, position: list.positionOf(end), item: list.peek(end) as ListItem }
}
