// The rules that every write of a record is held to, whichever command brings it: size, schema, id.
// Pure functions over a header and the data; they answer with a refusal or with what may be stored.
import type { Limits } from '../base/limits.ts'
import { idInData, type RecordId } from '../protocol/arguments.ts'
import { printable } from '../protocol/envelope.ts'
import { approximateBytes, type JsonObject } from '../protocol/value.ts'
import { compareBytes } from '../state/sorted-names.ts'
import type { RecordContents, TableHeader } from '../state/table.ts'
import { type Refuse, refuse } from './decide.ts'

/** The record as it is stored and read: its id first, in normal form, then the other fields as they came. */
export function recordWithId(id: RecordId, data: JsonObject): JsonObject {
  const record: JsonObject = { id, ...data }
  record.id = id
  return record
}

/** Refuses data that names another id than the record has. */
export function idConflict(id: RecordId, data: JsonObject): Refuse | undefined {
  const named = idInData(data)
  return named === undefined || named === id ? undefined : refuse('ID_IMMUTABLE', { id })
}

/** Holds a whole record against the schema. `row` is its place in a list, for the words of the refusal. */
export function schemaConflict(header: TableHeader, record: JsonObject, row?: number): Refuse | undefined {
  const { fields, schema } = header
  if (fields === null) return undefined
  let known = 0
  let strange = 0
  for (const field in record) {
    if (fields.has(field)) known += 1
    else strange += 1
  }
  // A JSON Schema says itself which fields are required.
  const complete = schema !== undefined || known === fields.size
  if (strange === 0 && complete) return typeConflict(header, record, row)
  const missing = complete ? [] : [...fields].filter((field) => !Object.hasOwn(record, field))
  return refuse('SCHEMA_MISMATCH', {
    ...(missing.length > 0 && { missing: namesShown(missing) }),
    ...(strange > 0 && { unknown: unknownFields(fields, record) }),
    ...(row !== undefined && { row }),
  })
}

/** Holds the values of a record, whose fields are known to be right, against the JSON Schema if there is one. */
export function typeConflict({ schema }: TableHeader, record: JsonObject, row?: number): Refuse | undefined {
  const violation = schema?.check(record)
  if (violation === undefined) return undefined
  return refuse('SCHEMA_MISMATCH', { ...violation, ...(row !== undefined && { row }) })
}

/** Refuses a patch that brings fields of its own. */
export function patchConflict({ fields }: TableHeader, data: JsonObject): Refuse | undefined {
  if (fields === null) return undefined
  for (const field in data) {
    if (!fields.has(field)) return refuse('UNKNOWN_FIELDS', { fields: unknownFields(fields, data) })
  }
  return undefined
}

function unknownFields(fields: ReadonlySet<string>, data: JsonObject): string[] {
  return namesShown(Object.keys(data).filter((field) => !fields.has(field)))
}

/** The fields that a refusal names, sorted: enough to see the mistake, too little to flood a log. */
export function namesShown(fields: readonly string[]): string[] {
  return fields.slice(0, namesSortedMax).sort(compareBytes).slice(0, namesShownMax).map(printable)
}

const namesShownMax = 20
// A million names take a second to sort.
const namesSortedMax = 1_024

/** The header after a first record, whose fields become the schema. */
export function inferFields(header: TableHeader, record: JsonObject): TableHeader {
  return header.fields === null ? { ...header, fields: new Set(Object.keys(record).sort(compareBytes)) } : header
}

/** What is stored of a record; refuses one that is too large. `bytes` is its measure where that is known already. */
export function contentsOf(
  record: JsonObject,
  revision: number,
  limits: Limits,
  bytes: number = approximateBytes(record),
): RecordContents | Refuse {
  // A character takes at most three bytes of UTF-8, or six as an escape; only what could pass the bound is measured.
  if (bytes * 6 > limits.recordBytesMax) {
    if (Buffer.byteLength(JSON.stringify(record)) > limits.recordBytesMax) {
      return refuse('LIMIT_EXCEEDED', { what: 'The size of a record in bytes', limit: limits.recordBytesMax })
    }
  }
  if (bytes > limits.recordFieldsMax && Object.keys(record).length > limits.recordFieldsMax) {
    return refuse('LIMIT_EXCEEDED', { what: 'The number of fields of a record', limit: limits.recordFieldsMax })
  }
  return { record, revision, bytes }
}

export function isRefuse(result: object): result is Refuse {
  return 'outcome' in result
}

/** The counter after a record with `id` came: an explicit integer lifts it, nothing lowers it. */
export function nextIdAfter(nextId: number, id: RecordId): number {
  return typeof id === 'number' && id >= nextId ? id + 1 : nextId
}
