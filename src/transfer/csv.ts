// Tables as CSV (RFC 4180): where a record ends, what its cells are, and what value each cell stands for. Whatever this
// writes, it reads back as the same record; other programs' files are read by the same rules (docs/import-export.md).
// A cell of a field with a type in the table's JSON Schema is read as that type; any other by its look.
import type { Refusal } from '../protocol/errors.ts'
import { isObject, type JsonObject, type JsonValue, numberProblem } from '../protocol/value.ts'
import { jsonText, malformed, type RecordEntry, record } from './format.ts'

const quote = 0x22
const newline = 0x0a
const carriageReturn = 0x0d

/** A cell as it stands: an empty cell without quotes is nothing, one with quotes the empty text. */
export interface Cell {
  readonly text: string
  readonly isQuoted: boolean
}

/** How a column is read and written. */
export interface Column {
  readonly field: string
  /** `text`: every cell is text as it stands. */
  readonly reads: 'text' | 'any'
  /** What an empty cell without quotes stands for. */
  readonly empty: 'null' | 'absent' | 'text'
}

/** The columns of a table: of its fields, and of its JSON Schema where it has one. */
export function columnsOf(fields: readonly string[], schema: JsonValue | undefined): Column[] {
  const { properties = {}, required = [] } = isObject(schema) ? schema : {}
  return fields.map((field): Column => {
    const property = isObject(properties) ? properties[field] : undefined
    const types = isObject(property) ? [property.type ?? []].flat() : []
    const isText = types.length === 1 && types[0] === 'string'
    const mayMiss = isObject(schema) && field !== 'id' && !(Array.isArray(required) && required.includes(field))
    const empty = mayMiss ? 'absent' : isText ? 'text' : 'null'
    return { field, reads: isText ? 'text' : 'any', empty }
  })
}

/** Finds where records end, over any number of buffers; newlines within quotes belong to their cell. */
export class RecordEnds {
  readonly #delimiter: number
  #state: 'begin' | 'bare' | 'quoted' | 'quote' = 'begin'
  /** Newlines within the record that is being read. */
  lines = 0

  constructor(delimiter: string) {
    this.#delimiter = delimiter.charCodeAt(0)
  }

  /** The position behind the end of the record, or -1 where it goes on behind the buffer. */
  next(bytes: Uint8Array, from: number): number {
    let state = this.#state
    for (let index = from; index < bytes.length; index += 1) {
      const byte = bytes[index]
      if (state === 'quoted') {
        if (byte === quote) state = 'quote'
        else if (byte === newline) this.lines += 1
      } else if (byte === newline) {
        this.#state = 'begin'
        this.lines += 1
        return index + 1
      } else if (byte === quote && state !== 'bare') state = 'quoted'
      else state = byte === this.#delimiter ? 'begin' : 'bare'
    }
    this.#state = state
    return -1
  }
}

/** The cells of one record, which may end with a newline. */
export function readCells(text: string, delimiter: string): Cell[] | Refusal {
  const cells: Cell[] = []
  let end = text.length
  if (text.charCodeAt(end - 1) === newline) end -= 1
  if (text.charCodeAt(end - 1) === carriageReturn) end -= 1
  let at = 0
  for (;;) {
    if (text.charCodeAt(at) === quote && at < end) {
      let close = text.indexOf('"', at + 1)
      while (close >= 0 && close + 1 < end && text.charCodeAt(close + 1) === quote) close = text.indexOf('"', close + 2)
      if (close < 0 || close >= end) return malformed(`the quote of cell ${cells.length + 1} is never closed`)
      const after = close + 1
      if (after < end && text[after] !== delimiter) {
        return malformed(`behind the quote of cell ${cells.length + 1} there is something else than '${delimiter}'`)
      }
      cells.push({ text: text.slice(at + 1, close).replaceAll('""', '"'), isQuoted: true })
      at = after
    } else {
      const found = text.indexOf(delimiter, at)
      const stop = found < 0 || found > end ? end : found
      const cell = text.slice(at, stop)
      if (cell.includes('"')) return malformed(`cell ${cells.length + 1} has a quote and does not begin with one`)
      cells.push({ text: cell, isQuoted: false })
      at = stop
    }
    if (at >= end) return cells
    at += 1
  }
}

/** The record that the cells stand for. */
export function recordOf(cells: readonly Cell[], columns: readonly Column[]): RecordEntry | Refusal {
  if (cells.length !== columns.length) {
    return malformed(`the row has ${cells.length} cells, and the first line names ${columns.length}`)
  }
  const data: JsonObject = {}
  for (let index = 0; index < columns.length; index += 1) {
    const column = columns[index] as Column
    const value = valueOf(cells[index] as Cell, column)
    if (value !== undefined) data[column.field] = value
  }
  return record(data)
}

const numberForm = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** The value of a cell; undefined for a field that the record does not have. An empty id is one to be given. */
export function valueOf({ text, isQuoted }: Cell, { field, reads, empty }: Column): JsonValue | undefined {
  if (text === '' && !isQuoted) {
    if (field === 'id' || empty === 'absent') return undefined
    return empty === 'null' ? null : ''
  }
  return reads === 'text' ? text : lookOf(text)
}

function lookOf(text: string): JsonValue {
  const first = text.charCodeAt(0)
  const isNumeric = first === 0x2d || (first >= 0x30 && first <= 0x39)
  if (isNumeric) return isNumber(text) ? Number(text) : text
  if (text === 'true') return true
  if (text === 'false') return false
  if (text === 'null') return null
  if (first === 0x5b || first === 0x7b || first === quote) return jsonOf(text)
  return text
}

/** A number that cannot be held as it is written stays text. */
function isNumber(text: string): boolean {
  return numberForm.test(text) && Number.isFinite(Number(text)) && numberProblem(text) === undefined
}

/** A list, an object, or a text that would otherwise be read as something else. */
function jsonOf(text: string): JsonValue {
  try {
    const value = JSON.parse(text) as JsonValue
    return numberProblem(text) === undefined ? value : text
  } catch {
    return text
  }
}

/** The text of a cell, quoted where it has to be. */
export function cellOf(value: JsonValue | undefined, { field, reads, empty }: Column, delimiter: string): string {
  if (value === undefined) return ''
  if (value === null) return empty === 'null' && field !== 'id' ? '' : 'null'
  if (typeof value !== 'string') return quoted(jsonText(value), delimiter)
  if (value === '') return '""'
  // What would be read as something else is written as JSON text.
  return quoted(reads === 'text' || lookOf(value) === value ? value : JSON.stringify(value), delimiter)
}

export function quoted(text: string, delimiter: string): string {
  const needsQuotes =
    text.includes('"') ||
    text.includes(delimiter) ||
    text.includes('\n') ||
    text.includes('\r') ||
    text.startsWith('\ufeff')
  return needsQuotes ? `"${text.replaceAll('"', '""')}"` : text
}

/** One record as a line. */
export function csvLine(record: JsonObject, columns: readonly Column[], delimiter: string): string {
  const line = columns.map((column) => cellOf(record[column.field], column, delimiter)).join(delimiter)
  return `${line}\n`
}
