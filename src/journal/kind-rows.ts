// What a kind of state has to say so that it can be stored: which rows a state of that kind is made of, and how it is
// made of them again. One module for each kind implements this; state-rows.ts asks them, and drivers know none of it.
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import type { Change } from '../state/change.ts'
import type { State } from '../state/directory.ts'

/** A row of a state's contents. `key` tells it from the others of the same table and state. */
export interface ContentRow {
  readonly table: string
  readonly key: string
  /** Undefined for a row that goes. */
  readonly value: JsonValue | undefined
}

/** Rows that belong to nobody from now on: all of these tables whose key begins so. They are removed little by little. */
export interface LeftRows {
  readonly tables: readonly string[]
  readonly prefix: string
}

/** Makes a state of its rows again. */
export interface StateLoader {
  readonly state: State
  /** Takes a row of the contents; answers with what the row is a part of if that belongs to nobody. */
  load(row: { readonly table: string; readonly key: string; readonly value: JsonValue }): LeftRows | undefined
  /** Called once, after the last row. */
  finish(): void
}

/**
 * What a change means for the rows of its state. `rows`: these, and the state's own. `whole`: every row there is, as the
 * contents were exchanged. `staged`: every row, but they were handed over before, under this generation.
 */
export type Footprint =
  | { readonly extent: 'rows'; readonly rows: readonly ContentRow[]; readonly left?: LeftRows }
  | { readonly extent: 'whole' }
  | { readonly extent: 'staged'; readonly generation: number }

export interface KindRows<KindState extends State = State, KindChange extends Change = Change> {
  /** The tables of its contents. They sort behind `directory`, so that a state is read before what it holds. */
  readonly tables: readonly string[]
  /** What the state's own row holds besides name, kind and version. */
  header(state: KindState): JsonObject
  /** How many rows its contents take. */
  rowCount(state: KindState): number
  contents(state: KindState): Iterable<ContentRow>
  footprint(change: KindChange): Footprint
  /** What the change log keeps of a change besides state, version, type and time. */
  logged(change: KindChange): JsonObject
  /** Begins with the state's own row; the rows of its contents follow, table by table, in the order of their keys. */
  open(name: string, version: number, header: JsonObject): StateLoader
}
