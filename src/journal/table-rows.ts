// Tables as rows: the header in the state's own row, and a row for each record. Its key is the insertion number, so that
// records are stored, and read back, in the order in which they are listed.
import { assert } from '../base/assert.ts'
import type { RecordId } from '../protocol/arguments.ts'
import { approximateBytes, type JsonObject, type JsonValue } from '../protocol/value.ts'
import type { RecordChange, StagedRecords, TableChange } from '../state/change.ts'
import { compileRecordSchema, type RecordSchema } from '../state/json-schema.ts'
import { type RecordContents, Records, Table } from '../state/table.ts'
import type { ContentRow, Footprint, KindRows } from './kind-rows.ts'
import { fromSortable, sortable } from './row.ts'

const recordsTable = 'records'

function recordRow(order: number, contents: RecordContents | undefined): ContentRow {
  return { table: recordsTable, key: sortable(order), value: contents && [contents.revision, contents.record] }
}

export function stagedRows({ records }: StagedRecords): ContentRow[] {
  return records.map(({ order, contents }) => recordRow(order, contents))
}

export const tableRows: KindRows<Table, RecordChange | TableChange> = {
  tables: [recordsTable],

  header({ header: { fields, schema, maxLength, nextId, nextOrder, generation } }) {
    return {
      fields: fields && [...fields],
      ...(schema && { json_schema: schema.source }),
      max_length: maxLength,
      next_id: nextId,
      next_order: nextOrder,
      generation,
    }
  },

  rowCount: (table) => table.length,

  *contents(table) {
    for (const { order, contents } of table.records.ordered.atLeast()) yield recordRow(order, contents)
  },

  footprint(change): Footprint {
    if (change.subject === 'record') return { extent: 'rows', rows: [recordRow(change.order, change.after)] }
    if (change.before.records === change.after.records) return { extent: 'rows', rows: [] }
    return change.ahead ? { extent: 'staged', generation: change.after.header.generation } : { extent: 'whole' }
  },

  logged(change) {
    if (change.subject === 'table') return {}
    const { id, before, after } = change
    return { id, ...(before && { old_value: before.record }), ...(after && { new_value: after.record }) }
  },

  open(name, version, { fields, json_schema: source, max_length, next_id, next_order, generation }) {
    const header = {
      fields: fields === null ? null : new Set(fields as string[]),
      schema: source === undefined ? undefined : recompiled(source),
      maxLength: max_length as number | null,
      nextId: next_id as number,
      nextOrder: next_order as number,
      generation: generation as number,
    }
    const table = new Table(name, version, { header, records: new Records() })
    return {
      state: table,
      load({ key, value }) {
        const [revision, record] = value as [number, JsonObject]
        const contents = { record, revision, bytes: approximateBytes(record) }
        table.records.insert({ id: record.id as RecordId, order: fromSortable(key), contents })
        return undefined
      },
      finish() {},
    }
  },
}

function recompiled(source: JsonValue): RecordSchema {
  const schema = compileRecordSchema(source)
  assert(!('code' in schema), 'a schema that was accepted once is accepted again')
  return schema
}
