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
/** What is in them is looked at one by one: see transactions.ts. */
export const Operations = Type.Unsafe<JsonValue[]>(
  Type.Array(Type.Unknown(), { minItems: 1, expects: 'a list of at least one operation' }),
)
export const LengthBound = Type.Union([PositiveInteger, Type.Null()], {
  expects: 'an integer of at least 1, or null for no bound',
})
export const Text = Type.String({ expects: 'a string' })
export const Names = Type.Array(Type.String(), { expects: 'a list of strings' })
export const StateNames = Type.Array(Type.String(), { minItems: 1, expects: 'a list of at least one name' })
export const Kind = Type.Union([Type.Literal('table'), Type.Literal('keys'), Type.Literal('machine')], {
  expects: "'table', 'keys' or 'machine'",
})
/** Each kept occurrence costs its bytes in every instance. */
export const HistoryLimit = Type.Integer({ minimum: 0, maximum: 1_000, expects: 'an integer from 0 to 1000' })

/** Marks a record that was exported: a field that follows a machine may stand anywhere in it. */
export const Imported = Type.Literal(true, { expects: 'true' })

/** Any value of the JSON model, which is looked at for every argument alike. */
export const Value = Type.Unsafe<JsonValue>(Type.Unknown({ expects: 'a value' }))
/** Its characters and its length in bytes are looked at besides: see `keyProblem`. */
export const Key = Type.String({ expects: 'a string' })
export const Encoding = Type.Literal('base64', { expects: "'base64'" })
export const End = Type.Union([Type.Literal('first'), Type.Literal('last')], { expects: "'first' or 'last'" })
/** The name of a folder on any system, and never a path. */
export const BackupName = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$',
  expects: "1 to 100 letters, digits, '.', '_' and '-', the first a letter or a digit",
})
export const FiniteNumber = Type.Number({ expects: 'a number' })
export const Counted = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  expects: 'an integer of at least 0',
})

export const Flag = Type.Boolean({ expects: 'true or false' })

/** A version that was seen; -1 stands before the first, which is 0. */
export const Since = Type.Integer({
  minimum: -1,
  maximum: Number.MAX_SAFE_INTEGER,
  expects: 'an integer of at least -1',
})

/** Far beyond any life of a daemon, and small enough that a moment so far ahead is an exact number of milliseconds. */
const secondsMax = 1e12
const seconds = `a number of seconds, more than 0 and at most ${secondsMax}`
export const Seconds = Type.Number({ exclusiveMinimum: 0, maximum: secondsMax, expects: seconds })
export const SecondsOrNull = Type.Union([Seconds, Type.Null()], { expects: `${seconds}, or null for no end` })
/** A caller that waits holds a place in its shard, so not for ever. */
const waitSecondsMax = 86_400
export const WaitSeconds = Type.Number({
  minimum: 0,
  maximum: waitSecondsMax,
  expects: `a number of seconds from 0 to ${waitSecondsMax}`,
})

/** Whoever needs a lock for longer extends it, and so shows that it is alive. */
export const lockSecondsMax = 86_400
export const LockSeconds = Type.Number({
  exclusiveMinimum: 0,
  maximum: lockSecondsMax,
  expects: `a number of seconds, more than 0 and at most ${lockSecondsMax}`,
})
export const Owner = Type.String({ minLength: 1, maxLength: 255, expects: 'a string of 1 to 255 characters' })
/** What a write shows for the lock that it is made under: see `fenceProblem` for the name of the lock. */
export const FenceArgument = Type.Object(
  { lock: Type.String(), token: Counted },
  { additionalProperties: false, expects: "an object with 'lock', a name, and 'token', an integer of at least 0" },
)
export type Fence = Static<typeof FenceArgument>

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
