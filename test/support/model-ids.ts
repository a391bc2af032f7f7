// What an id is, for all parts of the model: see model.ts.
import type { JsonValue } from '../../src/protocol/value.ts'

/** An id in its normal form, or undefined for what is no id. */
export function idOf(id: JsonValue | undefined): number | string | undefined {
  if (typeof id === 'number') return Number.isSafeInteger(id) ? id + 0 : undefined
  if (typeof id !== 'string' || id === '' || Array.from(id).length > 255) return undefined
  const isDecimal = id === '0' || /^-?[1-9][0-9]*$/.test(id)
  return isDecimal && Number.isSafeInteger(Number(id)) ? Number(id) : id
}
