// Records of a table: create, set, patch, delete, get, list. Owns nothing: reads the table, answers with changes.
// Invariant: a refusal leaves nothing behind; whatever is returned as a change can be applied without failing.
import { idInData, normalId, type RecordId } from '../protocol/arguments.ts'
import { approximateBytes, fieldBytes, type JsonObject, type JsonValue } from '../protocol/value.ts'
import type { RecordChange } from '../state/change.ts'
import type { Cell, RecordContents, Table } from '../state/table.ts'
import { cursorOfOrder, orderOfCursor } from './cursor.ts'
import {
  type Context,
  type Deciders,
  type Decision,
  done,
  inSteps,
  recordsPerStep,
  refuse,
  type Steps,
} from './decide.ts'
import { begun, placeConflict } from './field-rules.ts'
import { conditionConflict } from './record-conditions.ts'
import {
  contentsOf,
  idConflict,
  inferFields,
  isRefuse,
  nextIdAfter,
  patchConflict,
  recordWithId,
  schemaConflict,
  typeConflict,
} from './record-rules.ts'

type RecordCommands = 'CREATE_RECORD' | 'SET_RECORD' | 'PATCH_RECORD' | 'DELETE_RECORD' | 'GET_RECORD' | 'LIST_RECORDS'

export const recordCommands: Deciders<RecordCommands> = {
  CREATE_RECORD(table, { data, imported = false }, context) {
    const named = idInData(data)
    if (named === null) return refuse('INVALID_REQUEST', { reason: "the 'id' in 'data' is not an id" })
    if (named !== undefined && table.get(named) !== undefined) return refuse('RECORD_EXISTS', { id: named })
    const id = named ?? table.header.nextId
    if (named === undefined && !Number.isSafeInteger(id)) {
      return refuse('LIMIT_EXCEEDED', { what: 'The automatic id', limit: Number.MAX_SAFE_INTEGER })
    }
    return insert(table, id, data, context, { id }, imported)
  },

  SET_RECORD(table, args, context) {
    const id = normalId(args.id)
    const cell = table.get(id)
    const conflict = conditionConflict(args.if, cell?.contents) ?? idConflict(id, args.data)
    if (conflict !== undefined) return conflict
    if (cell === undefined) return insert(table, id, args.data, context, {}, args.imported)
    const record = recordWithId(id, args.data)
    const { imported = false } = args
    return schemaConflict(table.header, record) ?? update(table, cell, record, context, {}, { imported })
  },

  PATCH_RECORD(table, args, context) {
    const id = normalId(args.id)
    const cell = table.get(id)
    const unmet = conditionConflict(args.if, cell?.contents)
    if (unmet !== undefined) return unmet
    if (cell === undefined) return done({ patched: false })
    const conflict = patchConflict(table.header, args.data) ?? idConflict(id, args.data)
    if (conflict !== undefined) return conflict
    const { record, bytes } = patched(cell.contents, args.data)
    return typeConflict(table.header, record) ?? update(table, cell, record, context, { patched: true }, { bytes })
  },

  DELETE_RECORD(table, args, context) {
    const id = normalId(args.id)
    const cell = table.get(id)
    const unmet = conditionConflict(args.if, cell?.contents)
    if (unmet !== undefined) return unmet
    if (cell === undefined) return done({ deleted: false })
    return done({ deleted: true }, [changed('deleted', table, cell, undefined, context)])
  },

  GET_RECORD(table, args) {
    const contents = table.get(normalId(args.id))?.contents
    return done(contents ? { record: contents.record, revision: contents.revision } : { record: null, revision: 0 })
  },

  LIST_RECORDS(table, { limit = Number.POSITIVE_INFINITY, after }) {
    const order = orderOfCursor(after)
    if (order === undefined) return refuse('INVALID_REQUEST', { reason: "'after' is not a cursor of LIST_RECORDS" })
    return inSteps(list(table, limit, order), Math.min(limit, table.length))
  },
}

function insert(
  table: Table,
  id: RecordId,
  data: JsonObject,
  context: Context,
  reply: JsonObject,
  imported = false,
): Decision {
  const { header } = table
  const record = recordWithId(id, begun(header, data))
  const conflict = schemaConflict(header, record) ?? placeConflict(header, undefined, record, imported)
  if (conflict !== undefined) return conflict
  if (header.maxLength !== null && table.length >= header.maxLength) {
    return refuse('MAX_LENGTH_REACHED', { state: table.name, max_length: header.maxLength })
  }
  const version = table.version + 1
  const after = contentsOf(record, version, context.limits)
  if (isRefuse(after)) return after
  const counted = {
    ...inferFields(header, record),
    nextId: nextIdAfter(header.nextId, id),
    nextOrder: header.nextOrder + 1,
  }
  const change: RecordChange = {
    subject: 'record',
    type: 'created',
    state: table.name,
    version,
    at: context.now.wall,
    id,
    order: header.nextOrder,
    before: undefined,
    after,
    header: { before: header, after: counted },
  }
  return done(reply, [change])
}

function update(
  table: Table,
  cell: Cell,
  record: JsonObject,
  context: Context,
  reply: JsonObject,
  { bytes, imported = false }: { readonly bytes?: number; readonly imported?: boolean },
): Decision {
  const conflict = placeConflict(table.header, cell.contents.record, record, imported)
  if (conflict !== undefined) return conflict
  const after = contentsOf(record, table.version + 1, context.limits, bytes)
  return isRefuse(after) ? after : done(reply, [changed('updated', table, cell, after, context)])
}

/** A record that stands already gets other contents, or none. Written out: a spread costs as much as the rest of it. */
function changed(
  type: 'updated' | 'deleted',
  { name, version }: Table,
  { id, order, contents }: Cell,
  after: RecordContents | undefined,
  { now }: Context,
): RecordChange {
  return {
    subject: 'record',
    type,
    state: name,
    version: version + 1,
    at: now.wall,
    id,
    order,
    before: contents,
    after,
    header: undefined,
  }
}

/** The record with the patch over it, and its size: only what the patch touches is measured again. */
function patched(contents: RecordContents, data: JsonObject): { record: JsonObject; bytes: number } {
  const record: JsonObject = { ...contents.record }
  let { bytes } = contents
  for (const field in data) {
    // That it is the record's own was checked; it may be written in another form.
    if (field === 'id') continue
    const value = data[field] as JsonValue
    bytes += approximateBytes(value)
    bytes += Object.hasOwn(record, field) ? -approximateBytes(record[field] as JsonValue) : fieldBytes(field)
    record[field] = value
  }
  return { record, bytes }
}

/** Gathers references only: contents never change once made, so the reply can be encoded at leisure. */
function* list(table: Table, limit: number, afterOrder: number): Steps['steps'] {
  const records: JsonObject[] = []
  let last = afterOrder
  for (const cell of table.records.ordered.after({ order: afterOrder })) {
    if (records.length === limit) return done({ records, next: cursorOfOrder(last) })
    records.push(cell.contents.record)
    last = cell.order
    if (records.length % recordsPerStep === 0) yield
  }
  return done({ records })
}
