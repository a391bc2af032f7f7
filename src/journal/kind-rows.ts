// What a kind of state has to say so that it can be stored: which rows a state of that kind is made of, and how it is
// made of them again. One module for each kind implements this; state-rows.ts asks them, and drivers know none of it.
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import type { Change } from '../state/change.ts'
import type { State } from '../state/directory.ts'

/** Where a row of a state's contents stands. `key` tells it from the others of the same table and state. */
export interface ContentPlace {
  readonly table: string
  readonly key: string
}

export interface StoredContentRow extends ContentPlace {
  readonly value: JsonValue
}

/** A row to be written, or with an undefined value to be removed. */
export interface ContentRow extends ContentPlace {
  readonly value: JsonValue | undefined
}

/** Rows that belong to nobody any more: those of these tables whose key begins so. They are removed little by little. */
export interface LeftRows {
  readonly tables: readonly string[]
  /** Ends with a slash. No row of these tables whose key begins so is ever written again. */
  readonly prefix: string
}

/**
 * What a change means for the rows of its state. `rows`: these, and the state's own; `left` is what they leave behind.
 * `whole`: every row there is, as the contents were exchanged. `staged`: every row, but they were handed over before,
 * under this generation.
 */
export type Footprint =
  | { readonly extent: 'rows'; readonly rows: readonly ContentRow[]; readonly left?: readonly LeftRows[] }
  | { readonly extent: 'whole' }
  | { readonly extent: 'staged'; readonly generation: number }

/** A state that is being made of its rows. */
export interface Opening<Of extends State = State> {
  /** Takes the next row, in the order of table and key. */
  load(row: StoredContentRow): void
  /** Once all rows are in. `left` are those that came and have no place in the state. */
  finish(): { readonly state: Of; readonly left: readonly LeftRows[] }
}

export interface KindRows<Of extends State = State, KindChange extends Change = Change> {
  /** The tables of its contents. They sort behind `directory`, so that a state is read before what it holds. */
  readonly tables: readonly string[]
  /** What the state's own row holds besides name, kind, version and length. */
  header(state: Of): JsonObject
  contents(state: Of): Iterable<StoredContentRow>
  footprint(change: KindChange): Footprint
  open(name: string, version: number, header: JsonObject): Opening<Of>
}
