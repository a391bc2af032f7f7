// SET_STATE: all records of a table replaced in one step, however many. Rows are checked and staged as the table's next
// generation, a few at a time; one small change at the end puts the new generation in the place of the old.
// Invariant: until that change nothing is visible, and a refusal of row 9,999 leaves nothing behind.
import { idInData, type RecordId } from '../protocol/arguments.ts'
import type { RowList } from '../protocol/rows.ts'
import { isObject, type JsonObject, type JsonValue } from '../protocol/value.ts'
import { SegmentedMap } from '../state/segmented-map.ts'
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
import { begun, moveConflict } from './field-rules.ts'
import { contentsOf, inferFields, isRefuse, recordWithId, schemaConflict } from './record-rules.ts'

export const replaceCommands: Deciders<'SET_STATE'> = {
  SET_STATE(table, { data }, context) {
    const accepted = Math.min(data.length, table.header.maxLength ?? data.length)
    return inSteps(replace(table, data, accepted, context), accepted)
  },
}

/** `accepted` rows are looked at and kept; what max_length cuts off is not even checked. */
function* replace(table: Table, data: RowList, accepted: number, context: Context): Steps['steps'] {
  const rows: JsonObject[] = []
  const named = new SegmentedMap<RecordId, true>()
  for (const row of data) {
    if (rows.length === accepted) break
    const problem = takeRow(row, rows.length, named)
    if (problem !== undefined) return problem
    rows.push(row as JsonObject)
    if (rows.length % recordsPerStep === 0) yield
  }
  return yield* stage(table, rows, named, data.length - accepted, context)
}

/** Notes the id that a row names, if it may name it. */
function takeRow(row: JsonValue, index: number, named: SegmentedMap<RecordId, true>): Refuse | undefined {
  if (!isObject(row)) return refuse('INVALID_REQUEST', { reason: `row ${index} of 'data' must be an object` })
  const id = idInData(row)
  if (id === undefined) return undefined
  if (id === null) return refuse('INVALID_REQUEST', { reason: `the 'id' in row ${index} of 'data' is not an id` })
  if (named.has(id)) return refuse('DUPLICATE_ID', { id, row: index })
  named.set(id, true)
  return undefined
}

/** Gives every row its id and its place, in the order of the list, and ends with the one change that shows them. */
function* stage(
  table: Table,
  rows: readonly JsonObject[],
  named: SegmentedMap<RecordId, true>,
  dropped: number,
  context: Context,
): Steps['steps'] {
  const generation = table.header.generation + context.decision
  const version = table.version + 1
  const ahead = rows.length > recordsAtOnceMax
  const records = new Records()
  let header: TableHeader = { ...table.header, generation }
  let { nextOrder } = header
  let freeId = 1
  let highestId = 0
  let staged: Cell[] = []
  for (const [index, row] of rows.entries()) {
    let id = idInData(row)
    if (id === undefined || id === null) {
      while (named.has(freeId)) freeId += 1
      id = freeId
      freeId += 1
    }
    if (typeof id === 'number' && id > highestId) highestId = id
    // A row that names a record goes on from there; the others begin.
    const before = named.has(id) ? table.get(id)?.contents.record : undefined
    const record = recordWithId(id, before === undefined ? begun(header, row) : row)
    const conflict = schemaConflict(header, record, index) ?? moveConflict(header, before, record, index)
    const contents = conflict ?? contentsOf(record, version, context.limits)
    if (isRefuse(contents)) return contents
    if (header.fields === null) header = inferFields(header, record)
    const cell = { id, order: nextOrder, contents }
    nextOrder += 1
    records.insert(cell)
    if (!ahead) continue
    staged.push(cell)
    if (staged.length === recordsPerStep) {
      yield { state: table.name, generation, records: staged }
      staged = []
    }
  }
  if (staged.length > 0) yield { state: table.name, generation, records: staged }
  const before = { header: table.header, records: table.records }
  const after = { header: { ...header, nextId: highestId + 1, nextOrder }, records }
  return done({ accepted: rows.length, dropped }, [
    { subject: 'table', type: 'replaced', state: table.name, version, at: context.now.wall, before, after, ahead },
  ])
}
