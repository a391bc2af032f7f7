// Makes the arguments of a call the client's own before the call returns: what the caller does with its objects later
// must not change what is sent, and what is not JSON is refused here, where it would otherwise be bent without a word.
import { invalidRequest } from '../protocol/envelope.ts'
import { approximateBytes, copyValue, type JsonObject, type JsonValue, valueProblem } from '../protocol/value.ts'
import { errorOfRefusal } from './error.ts'

/**
 * Replaces every value in `args` by a copy, and tells about how many bytes they all take. Throws `INVALID_REQUEST` for
 * values that no command can carry.
 */
export function ownArguments(args: JsonObject): number {
  let bytes = 0
  for (const field in args) {
    const value = args[field] as JsonValue
    const problem = valueProblem(value)
    if (problem !== undefined) throw errorOfRefusal(invalidRequest(`${problem}, in '${field}'`))
    if (typeof value === 'object') args[field] = copyValue(value)
    bytes += approximateBytes(value)
  }
  return bytes
}
