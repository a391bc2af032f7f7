// Equality of JSON values: the order of an object's fields does not matter, the order of an array's items does, and
// −0 equals 0. Owns no state; conditions, compare-and-swap and schemas ask it. To look for one value among many, use
// value-set.ts, which agrees with it.

import type { JsonValue } from '../protocol/value.ts'

/** Whether two JSON values are equal. Stops at the first difference; at most linear in the smaller value. */
export function deepEqual(a: JsonValue, b: JsonValue): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false
    for (let index = 0; index < a.length; index += 1) {
      if (!deepEqual(a[index] as JsonValue, b[index] as JsonValue)) return false
    }
    return true
  }
  if (Array.isArray(b)) return false
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length) return false
  for (const name of names) {
    // Own fields only: a field that is missing in `b` but named `constructor` must not be found on the prototype.
    if (!Object.hasOwn(b, name) || !deepEqual(a[name] as JsonValue, b[name] as JsonValue)) return false
  }
  return true
}
