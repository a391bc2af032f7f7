// The lines of an export, one JSON object each: a header, then each state followed by what it holds, and a last line with
// counts, without which a file is known to be cut short. docs/import-export.md shows them; a change that old programs
// would misread raises `formatVersion`.
import type { RecordId } from '../protocol/arguments.ts'
import { type Refusal, refusal } from '../protocol/errors.ts'
import { isObject, type JsonObject, type JsonValue, numberProblem } from '../protocol/value.ts'

export const formatVersion = 1

/** A state as its line describes it: what CREATE_STATE is given. */
export interface StateLine {
  readonly state: string
  readonly kind: 'table' | 'keys' | 'machine'
  readonly [option: string]: JsonValue
}

/** What the last line of a file says of it; what it leaves out is not held against what was found. */
export interface Totals {
  readonly states?: number
  readonly records?: number
  readonly keys?: number
  readonly instances?: number
  /** States that were written to while they were read. */
  readonly changed_while_read?: readonly string[]
}

interface HeaderEntry {
  readonly type: 'header'
}
export interface StateEntry {
  readonly type: 'state'
  readonly line: StateLine
}
export interface RecordEntry {
  readonly type: 'record'
  readonly data: JsonObject
}
export interface KeyEntry {
  readonly type: 'key'
  readonly key: string
  readonly value: JsonValue
  readonly encoding?: 'base64'
  /** Unix seconds. */
  readonly expiresAt?: number
  /** Whether lines follow with more items of this list. */
  readonly more?: boolean
}
/** Items of a list too long for one line, to go behind those before them. */
export interface ItemsEntry {
  readonly type: 'items'
  readonly key: string
  /** How many items of the list stand on the lines before. */
  readonly from: number
  readonly items: readonly JsonValue[]
}
export interface InstanceEntry {
  readonly type: 'instance'
  readonly id: RecordId
  readonly value: JsonValue
  readonly context: JsonObject
}
interface EndEntry {
  readonly type: 'end'
  readonly totals: Totals
}

/** What belongs to the state of the last state line. */
export type RowEntry = RecordEntry | KeyEntry | ItemsEntry | InstanceEntry
export type Entry = HeaderEntry | StateEntry | RowEntry | EndEntry

/** The kind of state that a row belongs to. */
export const kindOfRow = { record: 'table', key: 'keys', items: 'keys', instance: 'machine' } as const

/** The commands that say what a state is, and their fields on a state's line. */
const optionsOfKind = {
  table: ['max_length', 'fields', 'schema', 'machine', 'next_id'],
  keys: [],
  machine: ['definition', 'history_limit', 'next_id'],
} as const

/**
 * A value as JSON text that is read back as just this value. The shortest text of a large number is not always what it is
 * exactly, which a reader takes for a mistake unless it has an exponent.
 */
export function jsonText(value: JsonValue): string {
  const text = JSON.stringify(value)
  if (numberProblem(text) === undefined) return text
  return text.replaceAll(/"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g, (found) =>
    found.startsWith('"') || numberProblem(found) === undefined ? found : Number(found).toExponential(),
  )
}

export function headerLine(server: string): JsonObject {
  return { holdfast_export: formatVersion, exported_at: new Date().toISOString(), server }
}

export function endLine(totals: Totals): JsonObject {
  return { end: totals as JsonObject }
}

/** The line of an entry that holds something. */
export function lineOf(entry: RowEntry | StateEntry): JsonObject {
  switch (entry.type) {
    case 'state':
      return entry.line
    case 'record':
      return { record: entry.data }
    case 'instance':
      return { instance: { id: entry.id, value: entry.value, context: entry.context } }
    case 'items':
      return { items: entry.items as JsonValue[], of: entry.key, from: entry.from }
    case 'key': {
      const { key, value, encoding, expiresAt, more } = entry
      return {
        key,
        value,
        ...(encoding && { encoding }),
        ...(expiresAt !== undefined && { expires_at: expiresAt }),
        ...(more && { more }),
      }
    }
  }
}

/** What CREATE_STATE is given for a state's line. */
export function creationOf({ state: _, kind, ...options }: StateLine): JsonObject {
  const known = Object.entries(options).filter(([name, value]) => value !== null && isOption(kind, name))
  return { kind, ...Object.fromEntries(known) }
}

function isOption(kind: StateLine['kind'], name: string): boolean {
  return (optionsOfKind[kind] as readonly string[]).includes(name)
}

/** Reads a line of an export. A field `rejected` is passed over, so that a file of refused rows can be imported. */
export function readEntry(value: JsonValue): Entry | Refusal {
  if (!isObject(value)) return malformed('a line must be a JSON object')
  if (value.holdfast_export !== undefined) return readHeader(value)
  if (value.state !== undefined) return readState(value)
  if (value.record !== undefined)
    return isObject(value.record) ? record(value.record) : malformed("'record' must be an object")
  if (value.items !== undefined) return readItems(value)
  if (value.key !== undefined) return readKey(value)
  if (value.instance !== undefined) return readInstance(value.instance)
  if (isObject(value.end)) return { type: 'end', totals: value.end }
  return malformed("a line must have 'state', 'record', 'key', 'items', 'instance' or 'end'")
}

export function record(data: JsonObject): RecordEntry {
  return { type: 'record', data }
}

function readHeader({ holdfast_export: version }: JsonObject): Entry | Refusal {
  if (version === formatVersion) return { type: 'header' }
  return malformed(`the format has version ${JSON.stringify(version)}, and this program reads ${formatVersion}`)
}

function readState({ rejected: _, ...line }: JsonObject): Entry | Refusal {
  const { state, kind, ...options } = line
  if (typeof state !== 'string') return malformed("'state' must be a name")
  if (kind !== 'table' && kind !== 'keys' && kind !== 'machine') {
    return malformed("'kind' must be 'table', 'keys' or 'machine'")
  }
  const informative = ['version', 'length']
  const strange = Object.keys(options).find((name) => !informative.includes(name) && !isOption(kind, name))
  if (strange !== undefined) return malformed(`a state of kind '${kind}' has no '${strange}'`)
  return { type: 'state', line: line as StateLine }
}

function readKey({ key, value, encoding, expires_at: expiresAt, more }: JsonObject): Entry | Refusal {
  if (typeof key !== 'string' || value === undefined) return malformed("a key needs 'key', a string, and 'value'")
  if (encoding !== undefined && encoding !== 'base64') return malformed("'encoding' must be 'base64'")
  if (expiresAt !== undefined && typeof expiresAt !== 'number') return malformed("'expires_at' must be in Unix seconds")
  return {
    type: 'key',
    key,
    value,
    ...(encoding && { encoding }),
    ...(expiresAt !== undefined && { expiresAt }),
    ...(more === true && { more }),
  }
}

function readItems({ items, of: key, from }: JsonObject): Entry | Refusal {
  if (!Array.isArray(items) || typeof key !== 'string' || typeof from !== 'number') {
    return malformed("'items' must be a list, with 'of', its key, and 'from', a number")
  }
  return { type: 'items', key, from, items }
}

function readInstance(instance: JsonValue): Entry | Refusal {
  const { id, value, context = {} } = isObject(instance) ? instance : {}
  if ((typeof id !== 'string' && typeof id !== 'number') || value === undefined || !isObject(context)) {
    return malformed("an instance needs 'id', 'value' and 'context'")
  }
  return { type: 'instance', id, value, context }
}

export function malformed(reason: string): Refusal {
  return refusal('INVALID_REQUEST', { reason })
}
