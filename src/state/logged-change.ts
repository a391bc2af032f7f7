// A change as the change log keeps it, and as whoever watches a state sees it: what came, what went and when, without the
// rest of what a change carries. The journal writes it as JSON text, so its fields have the names that they have there.
// Invariant: it shares only what is never changed once made, and of a whole, such as a replaced table, holds no contents.
import type { RecordId } from '../protocol/arguments.ts'
import { approximateBytes, type JsonObject, type JsonValue } from '../protocol/value.ts'
import type { ChangeOfState, RecordChange } from './change.ts'
import type { InstanceContents } from './instance.ts'
import type { ListEnd } from './item-list.ts'
import type { ItemPlace, KeyChange, ListChange } from './key-change.ts'

/** What an entry takes besides the values in it. */
const entryBytes = 128

type About = Pick<Partial<LoggedChange>, 'type' | 'id' | 'key' | 'end' | 'old_value' | 'new_value'>

/** Written out field by field, so that all of them have one shape: a shard makes one for each change. */
export class LoggedChange {
  readonly state: string
  readonly version: number
  readonly type: string
  /** Milliseconds since 1970. */
  readonly at: number
  /** Of a record or an instance. */
  readonly id: RecordId | undefined
  /** Of a key, or of a list. */
  readonly key: string | undefined
  /** Of an item: at which end of its list it came or went. */
  readonly end: ListEnd | undefined
  /** What stood before; undefined where nothing did, for a whole, and for a list. */
  readonly old_value: JsonValue | undefined
  /** What stands after; undefined where nothing does, for a whole, and where the contents of a list stay as they were. */
  readonly new_value: JsonValue | undefined
  readonly #bytes: number

  constructor(
    { state, version, type, at }: Pick<ChangeOfState, 'state' | 'version' | 'type' | 'at'>,
    about: About,
    bytes: number,
  ) {
    this.state = state
    this.version = version
    this.type = about.type ?? type
    this.at = at
    this.id = about.id
    this.key = about.key
    this.end = about.end
    this.old_value = about.old_value
    this.new_value = about.new_value
    this.#bytes = bytes + entryBytes
  }

  /** About how many bytes it takes, all that it refers to counted. */
  get bytes(): number {
    return this.#bytes
  }
}

const whole: About = {}

/** What the log keeps of a change. Called when it was just applied. */
export function loggedChange(change: ChangeOfState): LoggedChange {
  switch (change.subject) {
    case 'record': {
      const { id, before, after } = change
      const about = { id, old_value: before?.record, new_value: after?.record }
      return new LoggedChange(change, about, (before?.bytes ?? 0) + (after?.bytes ?? 0))
    }
    case 'instance': {
      const { id, before, after } = change
      const about = { id, old_value: before && described(before), new_value: after && described(after) }
      return new LoggedChange(change, about, (before?.bytes ?? 0) + (after?.bytes ?? 0))
    }
    case 'key':
      return ofKey(change)
    case 'list':
      return ofItem(change)
    default:
      return new LoggedChange(change, whole, 0)
  }
}

/** What is kept of a change until somebody reads it: most are kept as they are, which costs next to nothing. */
export type KeptChange = LoggedChange | RecordChange | KeyChange

/** The change itself, where nothing that it refers to goes on changing. Called when it was just applied. */
export function keptChange(change: ChangeOfState): KeptChange {
  if (change.subject === 'record') return change
  const isOfList = change.subject === 'key' && (change.before?.list ?? change.after?.list) !== undefined
  return change.subject === 'key' && !isOfList && change.written === undefined ? change : loggedChange(change)
}

export function loggedOf(kept: KeptChange): LoggedChange {
  return kept instanceof LoggedChange ? kept : loggedChange(kept)
}

/** About how many bytes it takes, all that it refers to counted. */
export function bytesOfKept(kept: KeptChange): number {
  if (kept instanceof LoggedChange) return kept.bytes
  return (kept.before?.bytes ?? 0) + (kept.after?.bytes ?? 0) + entryBytes
}

/** The same of an entry of the journal, which was read back. */
export function loggedAgain(entry: JsonObject): LoggedChange {
  const { state, version, type, at, ...about } = entry
  const known = { state, version, type, at } as unknown as Pick<ChangeOfState, 'state' | 'version' | 'type' | 'at'>
  const bytes = [about.old_value, about.new_value].reduce<number>(
    (sum, value) => (value === undefined ? sum : sum + approximateBytes(value)),
    0,
  )
  return new LoggedChange(known, about, bytes)
}

function described({ configuration: { value, done }, context }: InstanceContents): JsonObject {
  return { value, context, done }
}

/** A list may be of any length, so what it held is not said where it is replaced or goes. */
function ofKey(change: KeyChange): LoggedChange {
  const { key, before, after, written } = change
  const hadValue = before !== undefined && before.list === undefined
  const about = {
    key,
    old_value: hadValue ? before.value : undefined,
    new_value: written ?? (after?.list === undefined ? after?.value : undefined),
  }
  return new LoggedChange(change, about, (hadValue ? before.bytes : 0) + (after?.bytes ?? 0))
}

// To a reader of the list an item that is leased is gone, one that comes back is pushed, and an acknowledgement changes
// nothing but the key's version.
const typesOfItems = {
  pushed: 'pushed',
  popped: 'popped',
  leased: 'popped',
  returned: 'pushed',
  acknowledged: 'updated',
} as const

function ofItem(change: ListChange): LoggedChange {
  const { key, type, from, to } = change
  const [left, came] = [atEnd(from), atEnd(to)]
  const about = {
    type: typesOfItems[type],
    key,
    end: (left ?? came)?.at,
    old_value: left?.item.value,
    new_value: came?.item.value,
  }
  return new LoggedChange(change, about, (left ?? came)?.item.bytes ?? 0)
}

function atEnd(place: ItemPlace | undefined) {
  return place === undefined || place.at === 'lease' ? undefined : place
}

/** Whether a change is about a name that begins so; what happens to a whole is about every name. */
export function concerns(change: ChangeOfState | LoggedChange, prefix: string): boolean {
  if (prefix === '') return true
  const { key, id } = change as { readonly key?: string; readonly id?: RecordId }
  const name = key ?? id
  return name === undefined || String(name).startsWith(prefix)
}

/** A change in the form in which it is shown; times are in seconds. */
export function shownChange(change: LoggedChange): JsonObject {
  const { version, type, id, key, end, old_value: oldValue, new_value: newValue, at } = change
  const shown: JsonObject = { version, type }
  const hasName = key !== undefined || id !== undefined
  if (key !== undefined) shown.key = key
  else if (id !== undefined) shown.id = id
  if (end !== undefined) shown.end = end
  if (oldValue !== undefined) shown.old_value = oldValue
  if (newValue !== undefined) shown.new_value = newValue
  if (hasName && type !== 'deleted' && type !== 'expired') shown.revision = version
  shown.at = at / 1000
  return shown
}
