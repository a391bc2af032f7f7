// What code of the operator's own sees of a shard: the form of a change as it is shown outside, the deltas of the
// persistence callback, and the functions that a module or an embedding program may give.
// Invariant: all of it is plain data and frozen, so nobody outside can reach what the shard holds.
import type { RecordId } from './arguments.ts'
import type { JsonObject, JsonValue } from './value.ts'

/** One change, in the form in which it is shown outside of its shard. */
export interface ChangeView {
  readonly state: string
  /** The version of the state after it. */
  readonly version: number
  /**
   * `created`, `updated`, `deleted`, `expired`; of a list `pushed`, `popped`, `leased`, `acknowledged`, `returned`; of a
   * whole `replaced`, `altered`, `ids_reserved`, `cleared`, `state_created`, `state_deleted`.
   */
  readonly type: string
  /** Of a record or an instance. */
  readonly id?: RecordId
  /** Of a key, or of a list. */
  readonly key?: string
  /**
   * What stood before: a record, a value, an item, or an instance as `{value, context, done}`. Absent where nothing stood,
   * for a whole, and for a list, whose items are not repeated.
   */
  readonly old_value?: JsonValue
  /** What stands after; absent where nothing does, for a whole, and for a list of which only the time to live changed. */
  readonly new_value?: JsonValue
  /** Of a transition: where an instance stood, or what the field that follows a machine held. */
  readonly from?: JsonValue
  readonly to?: JsonValue
  /** Of a transition of an instance: what was sent, or the reserved name of the timer that fired. */
  readonly event?: string
  /** When it was decided, in seconds since 1970. */
  readonly at: number
}

/** What the persistence callback is told: what happened to the records of a table, and anything else as its change. */
export type Delta =
  | { readonly create_record: JsonObject }
  | { readonly set_record: JsonObject }
  /** The id, and the fields that became different. */
  | { readonly patch_record: JsonObject }
  | { readonly delete_record: RecordId }
  /** How many records there are now, and how many `max_length` cut off. */
  | { readonly set_state: number; readonly dropped: number }
  | { readonly change: ChangeView }

/** Throws to refuse a change before it is made. Decides at once: a promise is refused as a mistake. */
export type Validate = (change: ChangeView) => void
/** Hears of a transition after its commit. What it throws, or rejects with, is counted and logged. */
export type OnTransition = (change: ChangeView) => unknown
/** Hears of every change after its commit. What it throws, or rejects with, is counted and logged. */
export type OnChange = (state: string, delta: Delta) => unknown

/** What a module that is loaded into each shard may export. */
export interface Extension {
  readonly validate?: Validate
  readonly onTransition?: OnTransition
  readonly onChange?: OnChange
}

export type HookName = keyof Extension
export const hookNames: readonly HookName[] = ['validate', 'onTransition', 'onChange']
