// What a watch tells: changes in their order, what stands when it begins, and that it has missed something.
import type { RecordId } from '../protocol/arguments.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import { dateOf } from './key-values.ts'

/**
 * Of one thing: `created`, `updated`, `deleted`, `expired`, and of a list `pushed` and `popped`. Of the whole state:
 * `replaced`, `altered`, `ids_reserved`, `cleared`, `state_created`, `state_deleted`, which carry no contents.
 */
export type ChangeType =
  | 'created'
  | 'updated'
  | 'deleted'
  | 'expired'
  | 'pushed'
  | 'popped'
  | 'replaced'
  | 'altered'
  | 'ids_reserved'
  | 'cleared'
  | 'state_created'
  | 'state_deleted'

/** One change of a state. */
export interface ChangeEvent {
  readonly type: ChangeType
  readonly state: string
  /** The version of the state after it: each change takes exactly one. */
  readonly version: number
  /** Of a record or an instance. */
  readonly id?: RecordId
  /** Of a key. */
  readonly key?: string
  /** Of an item: the end of its list at which it came or went. */
  readonly end?: 'first' | 'last'
  /** What stood before: a record, a value, the item that left, an instance as `{value, context, done}`. None for a list. */
  readonly oldValue?: JsonValue
  /** What stands after; none where nothing does, or where the contents of a list stay as they were. */
  readonly newValue?: JsonValue
  readonly at: Date
}

/** One of the things that stand when the watch begins. */
export interface ListedEvent {
  readonly type: 'listed'
  readonly state: string
  /** The version at which all that is listed stands. */
  readonly version: number
  readonly id?: RecordId
  readonly key?: string
  readonly newValue: JsonValue
}

/** All that stands was listed, and what happens after this version follows. */
export interface ReadyEvent {
  readonly type: 'ready'
  readonly state: string
  readonly version: number
}

/**
 * What happened until this version cannot be told any more: only what follows it. A watch that began with what stands
 * lists it again after this.
 */
export interface LaggedEvent {
  readonly type: 'lagged'
  readonly state: string
  readonly version: number
}

export type WatchEvent = ChangeEvent | ListedEvent | ReadyEvent | LaggedEvent

/** A change as it came. */
export function eventOf(state: string, change: JsonObject): ChangeEvent {
  const { type, version, id, key, end, old_value: oldValue, new_value: newValue, at } = change
  return {
    type: type as ChangeType,
    state,
    version: version as number,
    ...(id !== undefined && { id: id as RecordId }),
    ...(key !== undefined && { key: key as string }),
    ...(end !== undefined && { end: end as 'first' | 'last' }),
    ...(oldValue !== undefined && { oldValue }),
    ...(newValue !== undefined && { newValue }),
    at: dateOf(at as number),
  }
}
