// A table: records by id, in the order of their insertion, under a schema. Only `apply` (state/change.ts) changes one.
// Invariant: `cells` and `ordered` hold the same cells, and every record fits the header's schema.
import type { RecordId } from '../protocol/arguments.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { RecordSchema } from './json-schema.ts'
import type { FieldMachine } from './machine-field.ts'
import { SegmentedMap } from './segmented-map.ts'
import { SortedList } from './sorted-list.ts'

/** What a write puts in a record's place. Never changed once made, so that undo, lists and events may share it. */
export interface RecordContents {
  /** The record as a reader sees it, `id` included. */
  readonly record: JsonObject
  /** The version of the state at this write. */
  readonly revision: number
  /** About how many bytes the record takes as JSON text. */
  readonly bytes: number
}

/** Where a record stands in its table: the contents change, the id and the place in the order do not. */
export interface Cell {
  readonly id: RecordId
  /** The insertion number: it rises with every new record of the table, and is never used again. */
  readonly order: number
  contents: RecordContents
}

/** A field, and the machine that it follows. */
export interface BoundField {
  readonly field: string
  readonly machine: FieldMachine
}

/** What a table knows besides its records. A change replaces it whole. */
export interface TableHeader {
  /** The names that a record's fields have, sorted, `id` included; null until something defines them. */
  readonly fields: ReadonlySet<string> | null
  /** Present where the state was created with a JSON Schema. */
  readonly schema: RecordSchema | undefined
  readonly maxLength: number | null
  /** Present where one field of the records follows a machine. */
  readonly bound?: BoundField
  /** The next automatic id; past Number.MAX_SAFE_INTEGER they are used up. */
  readonly nextId: number
  /** The next insertion number. It outlives SET_STATE, so that a cursor into a replaced list meets no strangers. */
  readonly nextOrder: number
  /**
   * Stored rows of another generation do not belong to the table: they are staged, or were replaced. Each attempt to
   * replace has a generation of its own, so that what a refused one had staged cannot get into the next.
   */
  readonly generation: number
}

/** The records of one generation. */
export class Records {
  readonly cells = new SegmentedMap<RecordId, Cell>()
  readonly ordered = new SortedList<Cell, { readonly order: number }>((a, b) => a.order - b.order)
  bytes = 0

  insert(cell: Cell): void {
    this.cells.set(cell.id, cell)
    this.ordered.add(cell)
    this.bytes += cell.contents.bytes
  }

  remove(cell: Cell): void {
    this.cells.delete(cell.id)
    this.ordered.delete(cell)
    this.bytes -= cell.contents.bytes
  }
}

/** What a table is made of, besides its name and version. */
export interface TableParts {
  readonly header: TableHeader
  readonly records: Records
}

export class Table implements TableParts {
  readonly kind = 'table'
  readonly name: string
  version: number
  header: TableHeader
  records: Records

  constructor(name: string, version: number, { header, records }: TableParts) {
    this.name = name
    this.version = version
    this.header = header
    this.records = records
  }

  get(id: RecordId): Cell | undefined {
    return this.records.cells.get(id)
  }

  get length(): number {
    return this.records.cells.size
  }
}
