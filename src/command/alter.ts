// ALTER_STATE: another bound, more or fewer fields. Every record is rewritten, so it is decided in steps like SET_STATE.
// And RESERVE_IDS, which alters nothing but which ids come next.
// Invariant: what comes out fits the altered schema, or nothing is altered.
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import { compileRecordSchema, type RecordSchema } from '../state/json-schema.ts'
import { compareBytes } from '../state/sorted-names.ts'
import { type Cell, Records, type Table, type TableHeader } from '../state/table.ts'
import {
  type Context,
  type Deciders,
  done,
  inSteps,
  type Refuse,
  recordsAtOnceMax,
  recordsPerStep,
  refuse,
  type Steps,
} from './decide.ts'
import { contentsOf, isRefuse, namesShown, typeConflict } from './record-rules.ts'
import { fieldNames } from './states.ts'

interface Alteration {
  readonly add: JsonObject
  readonly drop: readonly string[]
}

export const alterCommands: Deciders<'ALTER_STATE' | 'RESERVE_IDS'> = {
  ALTER_STATE(table, { max_length, add_fields: add = {}, drop_fields: drop = [] }, context) {
    const maxLength = max_length === undefined ? table.header.maxLength : max_length
    if (maxLength !== null && maxLength < table.length) {
      return refuse('MAX_LENGTH_REACHED', { state: table.name, max_length: maxLength })
    }
    const header = alteredHeader({ ...table.header, maxLength }, { add, drop })
    if (isRefuse(header)) return header
    const rewrites = Object.keys(add).length > 0 || drop.length > 0
    return inSteps(alter(table, header, rewrites ? { add, drop } : undefined, context), rewrites ? table.length : 0)
  },

  // As what it takes is written before it is answered, no automatic id can ever be one of these.
  RESERVE_IDS(table, { count }, { now }) {
    const { header, records } = table
    const { nextId: first } = header
    if (count > Number.MAX_SAFE_INTEGER - first + 1) {
      return refuse('LIMIT_EXCEEDED', { what: 'The automatic id', limit: Number.MAX_SAFE_INTEGER })
    }
    const before = { header, records }
    const after = { header: { ...header, nextId: first + count }, records }
    const change = { subject: 'table', type: 'ids_reserved', state: table.name, version: table.version + 1 } as const
    return done({ first }, [{ ...change, at: now.wall, before, after, ahead: false }])
  },
}

function alteredHeader(header: TableHeader, { add, drop }: Alteration): TableHeader | Refuse {
  const added = Object.keys(add)
  if (added.length === 0 && drop.length === 0) return header
  const { bound } = header
  // Before its first record a table has these fields already, the second by its machine.
  const fields = new Set(header.fields ?? (bound === undefined ? ['id'] : ['id', bound.field]))
  if (added.includes('id') || drop.includes('id')) {
    return refuse('INVALID_REQUEST', { reason: "'id' can be neither added nor dropped" })
  }
  if (bound !== undefined && (added.includes(bound.field) || drop.includes(bound.field))) {
    return refuse('INVALID_REQUEST', {
      reason: `'${bound.field}' follows a machine: it can be neither added nor dropped`,
    })
  }
  const unknown = drop.filter((field) => !fields.delete(field))
  if (unknown.length > 0) return refuse('SCHEMA_MISMATCH', { unknown: namesShown(unknown) })
  const existing = added.find((field) => fields.has(field))
  if (existing !== undefined) return refuse('INVALID_REQUEST', { reason: `the field '${existing}' exists already` })
  for (const field of added) fields.add(field)
  const schema = alteredSchema(header.schema, { add, drop })
  if (schema !== undefined && 'code' in schema) {
    return refuse('INVALID_DEFINITION', { path: schema.path, reason: schema.reason })
  }
  return { ...header, fields: new Set([...fields].sort(compareBytes)), schema }
}

/** A JSON Schema follows: dropped fields leave it, added ones are required and may hold anything. */
function alteredSchema(schema: RecordSchema | undefined, { add, drop }: Alteration) {
  if (schema === undefined) return undefined
  const { properties = {}, required = [], ...rest } = schema.source as { properties?: JsonObject; required?: string[] }
  const kept = Object.entries(properties).filter(([field]) => !drop.includes(field))
  const added = Object.keys(add).map((field): [string, JsonValue] => [field, {}])
  const needed = [...required.filter((field) => !drop.includes(field)), ...Object.keys(add)]
  return compileRecordSchema({ ...rest, properties: Object.fromEntries([...kept, ...added]), required: needed })
}

function rewritten(record: JsonObject, alteration: Alteration | undefined): JsonObject {
  const kept = Object.entries(record).filter(([field]) => !alteration?.drop.includes(field))
  return { ...Object.fromEntries(kept), ...alteration?.add }
}

function* alter(
  table: Table,
  altered: TableHeader,
  alteration: Alteration | undefined,
  context: Context,
): Steps['steps'] {
  const version = table.version + 1
  const ahead = alteration !== undefined && table.length > recordsAtOnceMax
  const header = alteration === undefined ? altered : { ...altered, generation: altered.generation + context.decision }
  const records = alteration === undefined ? table.records : new Records()
  let staged: Cell[] = []
  for (const { id, order, contents: before } of alteration === undefined ? [] : table.records.ordered.atLeast()) {
    const record = rewritten(before.record, alteration)
    const contents = typeConflict(header, record) ?? contentsOf(record, version, context.limits)
    if (isRefuse(contents)) return contents
    const cell = { id, order, contents }
    records.insert(cell)
    staged.push(cell)
    if (staged.length === recordsPerStep) {
      yield ahead ? { state: table.name, generation: header.generation, records: staged } : undefined
      staged = []
    }
  }
  if (ahead && staged.length > 0) yield { state: table.name, generation: header.generation, records: staged }
  const before = { header: table.header, records: table.records }
  const after = { header, records }
  return done({ max_length: header.maxLength, schema: fieldNames(header.fields) }, [
    { subject: 'table', type: 'altered', state: table.name, version, at: context.now.wall, before, after, ahead },
  ])
}
