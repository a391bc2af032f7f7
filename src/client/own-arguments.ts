// Makes the arguments of a call the client's own before the call returns: what the caller does with its objects later
// must not change what is sent, and what is not JSON is refused here, where it would otherwise be bent without a word.
// One walk checks, copies and weighs, since every call pays for it.
import { invalidRequest } from '../protocol/envelope.ts'
import { depthMax, type JsonObject, type JsonValue, operationDepthMax, valueProblem } from '../protocol/value.ts'
import { errorOfRefusal, type HoldfastError } from './error.ts'

/**
 * Replaces every object in `args` by a copy. Returns about how many bytes all of it takes, or an error to reject the call
 * with if no command can carry these values.
 */
export function ownArguments(args: JsonObject): number | HoldfastError {
  let bytes = 0
  for (const field in args) {
    const value = args[field] as JsonValue
    const own = ownValue(args, field, value, field === 'ops' ? operationDepthMax : depthMax)
    if (Number.isNaN(own))
      return errorOfRefusal(
        invalidRequest(`${valueProblem(value, field === 'ops' ? operationDepthMax : depthMax)}, in '${field}'`),
      )
    bytes += own
  }
  return bytes
}

/**
 * Puts a copy into `holder` where `value` is an object. Returns about how many bytes the value takes, or NaN, which is
 * the sum of whatever it is added to, for a value that is not JSON: `valueProblem` has the words, and the same rules.
 */
function ownValue<Key extends string | number>(
  holder: Record<Key, JsonValue>,
  key: Key,
  value: unknown,
  depth: number,
): number {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? value.length + 2 : Number.NaN
    case 'number':
      return Number.isFinite(value) ? 8 : Number.NaN
    case 'boolean':
      return 4
    case 'object':
      if (value === null) return 4
      if (depth === 0) return Number.NaN
      if (Array.isArray(value)) return ownArray((holder[key] = value.slice() as JsonValue[]), depth - 1)
      if (!isPlain(value)) return Number.NaN
      return ownObject((holder[key] = { ...value }), depth - 1)
    default:
      return Number.NaN
  }
}

function ownArray(array: JsonValue[], depth: number): number {
  let bytes = 2
  for (let index = 0; index < array.length; index += 1) bytes += 1 + ownValue(array, index, array[index], depth)
  return bytes
}

function ownObject(object: JsonObject, depth: number): number {
  let bytes = 2
  for (const field in object) {
    if (field === '__proto__' || !field.isWellFormed()) return Number.NaN
    bytes += field.length + 4 + ownValue(object, field, object[field], depth)
  }
  return bytes
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
