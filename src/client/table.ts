// One table, with methods instead of commands. It knows its name and who runs its commands, and keeps nothing else: any
// number of these may stand for the same table.
import type { RecordId } from '../protocol/arguments.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import type { CallOptions } from './caller.ts'
import type { WriteCallOptions } from './fence.ts'
import { given } from './given.ts'
import type { ListOptions } from './paged-list.ts'
import { RecordList } from './record-list.ts'
import type { FieldsOf, IdOf, JsonFields, NewRecord, StoredRecord } from './rows.ts'
import { deletedOf, nothing, StateHandle } from './state-handle.ts'

export interface CreateTableOptions {
  /** How many records the table may hold. Default: no bound. */
  readonly maxLength?: number | undefined
  /** A JSON Schema that every record has to fit. Default: the fields of the first record. */
  readonly schema?: JsonObject | undefined
  /** A field that begins in the initial state of a flat machine, and moves along its transitions only. Default: none. */
  readonly machine?: { readonly field: string; readonly definition: JsonObject } | undefined
}

export interface AlterTableOptions {
  /** The new bound; null for none. */
  readonly maxLength?: number | null | undefined
  /** New fields, with the value that the records which are there get. */
  readonly addFields?: JsonObject | undefined
  readonly dropFields?: readonly string[] | undefined
}

export interface TableInfo {
  readonly name: string
  readonly kind: string
  readonly maxLength: number | null
  /** The number of records. */
  readonly currentLength: number
  /** The names of the fields; null before the first record. */
  readonly fields: readonly string[] | null
  /** Rises by one with every change. */
  readonly version: number
  readonly shard: number
  readonly durability: string
}

export interface TableSchema {
  /** The names of the fields, sorted; null before the first record. */
  readonly fields: readonly string[] | null
  /** The JSON Schema of the table, if it was created with one. */
  readonly jsonSchema: JsonObject | undefined
}

export interface Replaced {
  /** Rows that the table now holds. */
  readonly accepted: number
  /** Rows beyond the bound of the table, which were left out. */
  readonly dropped: number
}

/** What has to stand for a write to happen: the revision of the record, 0 for none, or the values of some fields. */
export type RecordCondition<Row> = { readonly revision?: number } & Partial<FieldsOf<Row>>

export interface RecordWriteOptions<Row> extends WriteCallOptions {
  /** The write is refused with `VERSION_CONFLICT`, `expected` and `found` in its details, where this does not hold. */
  readonly if?: RecordCondition<Row> | undefined
}

/** A record with the version that its table had at its last write. */
export interface RecordEntry<Row> {
  readonly record: StoredRecord<Row>
  readonly revision: number
}

/**
 * A table of records of type `Row`. Every method rejects with a `HoldfastError` if it is refused: besides what is said
 * below, `STATE_NOT_FOUND` where the table does not exist and `SCHEMA_MISMATCH` where data does not fit it.
 */
export class Table<Row extends JsonFields<Row> = JsonObject> extends StateHandle {
  /** Creates the table, empty. `STATE_EXISTS` if there is one of this name. */
  create(options: CreateTableOptions = {}, callOptions?: WriteCallOptions): Promise<void> {
    const { maxLength, schema, machine } = options
    return this.run('CREATE_STATE', given({ max_length: maxLength, schema, machine }), nothing, callOptions)
  }

  /** Deletes the table with all its records. */
  drop(callOptions?: WriteCallOptions): Promise<void> {
    return this.run('DELETE_STATE', {}, nothing, callOptions)
  }

  /** Changes the bound or the fields of the table and of all its records, in one step. */
  alter(options: AlterTableOptions, callOptions?: WriteCallOptions): Promise<void> {
    const { maxLength, addFields, dropFields } = options
    const args = given({ max_length: maxLength, add_fields: addFields, drop_fields: dropFields as string[] })
    return this.run('ALTER_STATE', args, nothing, callOptions)
  }

  info(callOptions?: CallOptions): Promise<TableInfo> {
    return this.run('GET_STATE_INFO', {}, infoOf, callOptions)
  }

  schema(callOptions?: CallOptions): Promise<TableSchema> {
    return this.run('GET_SCHEMA', {}, schemaOf, callOptions)
  }

  /** Replaces all records in one step, cut to the bound of the table. A bad row changes nothing. */
  replace(rows: readonly NewRecord<Row>[], callOptions?: WriteCallOptions): Promise<Replaced> {
    return this.run('SET_STATE', { data: rows as readonly object[] as JsonValue[] }, replacedOf, callOptions)
  }

  /** Adds a record and resolves to its id: the one in the data, or the next. `RECORD_EXISTS` if that id is taken. */
  insert(data: NewRecord<Row>, callOptions?: WriteCallOptions): Promise<IdOf<Row>> {
    return this.run('CREATE_RECORD', { data: data as object as JsonObject }, idOf, callOptions) as Promise<IdOf<Row>>
  }

  /** Replaces a record entirely, or adds it. */
  set(id: IdOf<Row>, data: NewRecord<Row>, options?: RecordWriteOptions<Row>): Promise<void> {
    return this.run('SET_RECORD', writing(id, options, data), nothing, options)
  }

  /** Changes some fields of a record. Resolves to false if there is none of this id. */
  patch(id: IdOf<Row>, fields: Partial<FieldsOf<Row>>, options?: RecordWriteOptions<Row>): Promise<boolean> {
    return this.run('PATCH_RECORD', writing(id, options, fields), patchedOf, options)
  }

  /** Removes a record. Resolves to false if there is none of this id. */
  delete(id: IdOf<Row>, options?: RecordWriteOptions<Row>): Promise<boolean> {
    return this.run('DELETE_RECORD', writing(id, options), deletedOf, options)
  }

  /** Reads a record; null if there is none of this id. */
  get(id: IdOf<Row>, callOptions?: CallOptions): Promise<StoredRecord<Row> | null> {
    return this.run('GET_RECORD', { id }, recordOf, callOptions) as Promise<StoredRecord<Row> | null>
  }

  /** Reads a record with its revision, which a later write can insist on; null if there is none of this id. */
  entry(id: IdOf<Row>, callOptions?: CallOptions): Promise<RecordEntry<Row> | null> {
    return this.run('GET_RECORD', { id }, entryOf<Row>, callOptions)
  }

  /** Reads all records in the order of their insertion, page by page, so that the table may be of any size. */
  list(options: ListOptions = {}): RecordList<StoredRecord<Row>> {
    return new RecordList(this.caller, this.name, options)
  }

  /** Reads all records as they stand at one moment. `LIMIT_EXCEEDED` where they do not fit into one reply. */
  all(callOptions?: CallOptions): Promise<StoredRecord<Row>[]> {
    return this.run('LIST_RECORDS', {}, recordsOf, callOptions) as Promise<object[]> as Promise<StoredRecord<Row>[]>
  }
}

/** The arguments of a write of one record. */
function writing<Row>(id: RecordId, options: RecordWriteOptions<Row> | undefined, data?: object): JsonObject {
  const args: JsonObject = data === undefined ? { id } : { id, data: data as JsonObject }
  if (options?.if !== undefined) args.if = options.if as object as JsonObject
  return args
}

// What a method makes of the reply. Functions of their own, so that a call does not have to make one.

function idOf(reply: JsonObject): JsonValue {
  return reply.id as JsonValue
}

function patchedOf(reply: JsonObject): boolean {
  return reply.patched as boolean
}

function recordOf(reply: JsonObject): JsonValue {
  return reply.record as JsonValue
}

function entryOf<Row>({ record, revision }: JsonObject): RecordEntry<Row> | null {
  return record === null ? null : { record: record as object as StoredRecord<Row>, revision: revision as number }
}

function recordsOf(reply: JsonObject): JsonValue {
  return reply.records as JsonValue
}

function replacedOf(reply: JsonObject): Replaced {
  return { accepted: reply.accepted as number, dropped: reply.dropped as number }
}

function schemaOf({ schema, json_schema: jsonSchema }: JsonObject): TableSchema {
  return { fields: schema as string[] | null, jsonSchema: jsonSchema as JsonObject | undefined }
}

function infoOf(reply: JsonObject): TableInfo {
  return {
    name: reply.name as string,
    kind: reply.kind as string,
    maxLength: reply.max_length as number | null,
    currentLength: reply.current_length as number,
    fields: reply.schema as string[] | null,
    version: reply.version as number,
    shard: reply.shard as number,
    durability: reply.durability as string,
  }
}
