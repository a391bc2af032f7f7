// Records of a table: create, set, patch, delete, get, list. Owns nothing: reads the table, answers with changes.
// Invariant: a refusal leaves nothing behind; whatever is returned as a change can be applied without failing.
import { idInData, normalId, type RecordId } from '../protocol/arguments.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { RecordChange } from '../state/change.ts'
import type { Cell, Table } from '../state/table.ts'
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
  CREATE_RECORD(table, { data }, context) {
    const named = idInData(data)
    if (named === null) return refuse('INVALID_REQUEST', { reason: "the 'id' in 'data' is not an id" })
    if (named !== undefined && table.get(named) !== undefined) return refuse('RECORD_EXISTS', { id: named })
    const id = named ?? table.header.nextId
    if (named === undefined && !Number.isSafeInteger(id)) {
      return refuse('LIMIT_EXCEEDED', { what: 'The automatic id', limit: Number.MAX_SAFE_INTEGER })
    }
    return insert(table, id, data, context, { id })
  },

  SET_RECORD(table, args, context) {
    const id = normalId(args.id)
    const conflict = idConflict(id, args.data)
    if (conflict !== undefined) return conflict
    const cell = table.get(id)
    if (cell === undefined) return insert(table, id, args.data, context, {})
    const record = recordWithId(id, args.data)
    return schemaConflict(table.header, record) ?? update(table, cell, record, context, {})
  },

  PATCH_RECORD(table, args, context) {
    const id = normalId(args.id)
    const cell = table.get(id)
    if (cell === undefined) return done({ patched: false })
    const conflict = patchConflict(table.header, args.data) ?? idConflict(id, args.data)
    if (conflict !== undefined) return conflict
    const record = { ...cell.contents.record, ...args.data }
    record.id = id
    return typeConflict(table.header, record) ?? update(table, cell, record, context, { patched: true })
  },

  DELETE_RECORD(table, args, context) {
    const id = normalId(args.id)
    const cell = table.get(id)
    if (cell === undefined) return done({ deleted: false })
    const { order, contents: before } = cell
    const stamp = { state: table.name, version: table.version + 1, at: context.now.wall }
    return done({ deleted: true }, [
      { subject: 'record', type: 'deleted', ...stamp, id, order, before, after: undefined },
    ])
  },

  GET_RECORD(table, args) {
    const contents = table.get(normalId(args.id))?.contents
    return done(contents ? { record: contents.record, revision: contents.revision } : { record: null, revision: 0 })
  },

  LIST_RECORDS(table, { limit = Number.POSITIVE_INFINITY, after }) {
    const order = after === undefined ? 0 : orderOfCursor(after)
    if (order === undefined) return refuse('INVALID_REQUEST', { reason: "'after' is not a cursor of LIST_RECORDS" })
    return inSteps(list(table, limit, order), Math.min(limit, table.length))
  },
}

function insert(table: Table, id: RecordId, data: JsonObject, context: Context, reply: JsonObject): Decision {
  const { header } = table
  const record = recordWithId(id, data)
  const conflict = schemaConflict(header, record)
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

function update(table: Table, cell: Cell, record: JsonObject, context: Context, reply: JsonObject): Decision {
  const version = table.version + 1
  const after = contentsOf(record, version, context.limits)
  if (isRefuse(after)) return after
  const { id, order, contents: before } = cell
  const stamp = { state: table.name, version, at: context.now.wall }
  return done(reply, [{ subject: 'record', type: 'updated', ...stamp, id, order, before, after }])
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

/** Cursors are opaque to callers, so that what they are made of may change. */
function cursorOfOrder(order: number): string {
  return `r${order.toString(36)}`
}

function orderOfCursor(cursor: string): number | undefined {
  if (!/^r[\da-z]{1,11}$/.test(cursor)) return undefined
  const order = Number.parseInt(cursor.slice(1), 36)
  return Number.isSafeInteger(order) ? order : undefined
}
