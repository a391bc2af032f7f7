// The types of what is stored, derived from what its user says a record or a value looks like. Nothing here runs.
import type { RecordId } from '../protocol/arguments.ts'
import type { JsonValue } from '../protocol/value.ts'

/** A type itself where it is of the JSON model; one that it does not fit where a Date, a Map or a method is in it. */
export type Json<T> = unknown extends T
  ? T
  : T extends JsonValue
    ? T
    : T extends (...args: never[]) => unknown
      ? never
      : T extends object
        ? { [Field in keyof T]: Json<T[Field]> }
        : never

/** What a type of records must fit: its fields are JSON. */
export type JsonFields<Row> = object & { [Field in keyof Row]: Json<Row[Field]> }

/** The type of the ids of a table: what the record type says, or any id. */
export type IdOf<Row> = Row extends { id?: infer Id extends RecordId } ? Id : RecordId

/** The fields of a record besides its id. */
export type FieldsOf<Row> = Row extends unknown ? Omit<Row, 'id'> : never

/** A record as it is handed in: the id may be left out. */
export type NewRecord<Row> = FieldsOf<Row> & { readonly id?: IdOf<Row> }

/** A record as it is read. */
export type StoredRecord<Row> = Row & { readonly id: IdOf<Row> }

/** A value of a key as it is handed in: JSON, or bytes. No value fits a type that is neither. */
export type Storable<Value> = Value extends Uint8Array ? Uint8Array : Json<Value>
