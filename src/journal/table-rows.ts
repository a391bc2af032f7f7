// Tables as rows: the header in the state's own row, and a row for each record. Its key is the insertion number, so that
// records are stored, and read back, in the order in which they are listed.
import { assert } from '../base/assert.ts'
import type { RecordId } from '../protocol/arguments.ts'
import { approximateBytes, type JsonObject, type JsonValue } from '../protocol/value.ts'
import type { RecordChange, StagedRecords, TableChange } from '../state/change.ts'
import { compileRecordSchema, type RecordSchema } from '../state/json-schema.ts'
import { compileFieldMachine } from '../state/machine-field.ts'
import { type BoundField, type RecordContents, Records, Table } from '../state/table.ts'
import type { Footprint, KindRows, StoredContentRow } from './kind-rows.ts'
import { fromSortable, sortable } from './row.ts'

const recordsTable = 'records'

export function recordRow(order: number, { revision, record }: RecordContents): StoredContentRow {
  return { table: recordsTable, key: sortable(order), value: [revision, record] }
}

export function stagedRows({ records }: StagedRecords): StoredContentRow[] {
  return records.map(({ order, contents }) => recordRow(order, contents))
}

export const tableRows: KindRows<Table, RecordChange | TableChange> = {
  tables: [recordsTable],

  header({ header: { fields, schema, maxLength, bound, nextId, nextOrder, generation } }) {
    return {
      fields: fields && [...fields],
      ...(schema && { json_schema: schema.source }),
      max_length: maxLength,
      ...(bound && { machine: { field: bound.field, definition: bound.machine.source } }),
      next_id: nextId,
      next_order: nextOrder,
      generation,
    }
  },

  *contents(table) {
    for (const { order, contents } of table.records.ordered.atLeast()) yield recordRow(order, contents)
  },

  footprint(change): Footprint {
    if (change.subject === 'record') {
      const { order, after } = change
      const row = after && recordRow(order, after)
      return { extent: 'rows', rows: [row ?? { table: recordsTable, key: sortable(order), value: undefined }] }
    }
    if (change.before.records === change.after.records) return { extent: 'rows', rows: [] }
    return change.ahead ? { extent: 'staged', generation: change.after.header.generation } : { extent: 'whole' }
  },

  open(name, version, { fields, json_schema: source, max_length, machine, next_id, next_order, generation }) {
    const header = {
      fields: fields === null ? null : new Set(fields as string[]),
      schema: source === undefined ? undefined : recompiled(source),
      maxLength: max_length as number | null,
      ...(machine !== undefined && { bound: boundAgain(machine as JsonObject) }),
      nextId: next_id as number,
      nextOrder: next_order as number,
      generation: generation as number,
    }
    const records = new Records()
    return {
      load({ key, value }) {
        const [revision, record] = value as [number, JsonObject]
        const contents = { record, revision, bytes: approximateBytes(record) }
        records.insert({ id: record.id as RecordId, order: fromSortable(key), contents })
      },
      finish: () => ({ state: new Table(name, version, { header, records }), left: [] }),
    }
  },
}

function recompiled(source: JsonValue): RecordSchema {
  const schema = compileRecordSchema(source)
  assert(!('code' in schema), 'a schema that was accepted once is accepted again')
  return schema
}

function boundAgain({ field, definition }: JsonObject): BoundField {
  const machine = compileFieldMachine(definition as JsonValue)
  assert(!('code' in machine), 'a machine that was accepted once is accepted again')
  return { field: field as string, machine }
}
