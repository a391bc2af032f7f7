// What a kind of state has to say so that it can be stored: which rows a state of that kind is made of, and how it is
// made of them again. One module for each kind implements this; state-rows.ts asks them, and drivers know none of it.
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import type { Change } from '../state/change.ts'
import type { Table } from '../state/table.ts'

/** A row of a state's contents. `key` tells it from the others of the same table and state. */
export interface ContentRow {
  readonly table: string
  readonly key: string
  /** Undefined for a row that goes. */
  readonly value: JsonValue | undefined
}

/**
 * What a change means for the rows of its state. `rows`: these, and the state's own. `whole`: every row there is, as the
 * contents were exchanged. `staged`: every row, but they were handed over before, under this generation.
 */
export type Footprint =
  | { readonly extent: 'rows'; readonly rows: readonly ContentRow[] }
  | { readonly extent: 'whole' }
  | { readonly extent: 'staged'; readonly generation: number }

export interface KindRows<State = Table, KindChange extends Change = Change> {
  /** The tables of its contents. They sort behind `directory`, so that a state is read before what it holds. */
  readonly tables: readonly string[]
  /** What the state's own row holds besides name, kind and version. */
  header(state: State): JsonObject
  /** How many rows its contents take. */
  rowCount(state: State): number
  contents(state: State): Iterable<ContentRow>
  footprint(change: KindChange): Footprint
  /** What the change log keeps of a change besides state, version, type and time. */
  logged(change: KindChange): JsonObject
  /** The state without its contents. */
  open(name: string, version: number, header: JsonObject): State
  /** Puts in what a row of the contents holds. */
  load(state: State, row: { readonly table: string; readonly key: string; readonly value: JsonValue }): void
}
