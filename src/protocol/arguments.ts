// The types of command arguments. Each carries `expects`, the words that a refusal uses when a value is not of the type.
import Type, { type Static, type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import type { RowList } from './rows.ts'
import { isObject, type JsonObject, type JsonValue } from './value.ts'

/** An id of a record: a safe integer, or a string that is not the plain decimal form of one. */
export type RecordId = number | string

const safeInteger = { minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER }

export const RecordIdArgument = Type.Union([Type.Integer(safeInteger), Type.String({ minLength: 1, maxLength: 255 })], {
  expects: 'a safe integer or a string of 1 to 255 characters',
})
export const Fields = Type.Unsafe<JsonObject>(Type.Object({}, { expects: 'an object' }))
export const Rows = Type.Unsafe<RowList>(Type.Array(Type.Unknown(), { expects: 'a list' }))
export const PositiveInteger = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  expects: 'an integer of at least 1',
})
export const LengthBound = Type.Union([PositiveInteger, Type.Null()], {
  expects: 'an integer of at least 1, or null for no bound',
})
export const Text = Type.String({ expects: 'a string' })
export const Names = Type.Array(Type.String(), { expects: 'a list of strings' })
export const Kind = Type.Literal('table', { expects: "'table'" })

/** The fields of a command besides `cmd`, `request_id` and the routing key. */
export type ArgumentTypes = Readonly<Record<string, TSchema>>
export type ArgumentsOf<Types extends ArgumentTypes> = Static<ReturnType<typeof Type.Object<Types>>>

export function expectation(type: TSchema): string {
  return (type as { expects?: string }).expects ?? 'of another form'
}

const plainDecimal = /^(?:0|-?[1-9]\d{0,15})$/

/** Ids that arrive as text: the plain decimal form of a safe integer is that integer, any other string stays one. */
export function normalId(id: RecordId): RecordId {
  if (typeof id === 'number') return id === 0 ? 0 : id
  if (!plainDecimal.test(id)) return id
  const integer = Number(id)
  return Number.isSafeInteger(integer) ? integer : id
}

const recordId = Compile(RecordIdArgument)

/** The id that a record's data names, or undefined where it names none; `null` where that is no id at all. */
export function idInData(data: JsonValue): RecordId | null | undefined {
  if (!isObject(data) || !Object.hasOwn(data, 'id')) return undefined
  const { id } = data
  return recordId.Check(id) ? normalId(id) : null
}
