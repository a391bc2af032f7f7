// Arguments that a caller may leave out. To leave one out and to give undefined is the same, but only one of them is JSON.
import type { JsonObject, JsonValue } from '../protocol/value.ts'

/** The arguments that were given. */
export function given(args: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  const all: JsonObject = {}
  for (const field in args) {
    const value = args[field]
    if (value !== undefined) all[field] = value
  }
  return all
}
