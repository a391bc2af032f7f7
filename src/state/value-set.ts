// A set of JSON values that finds by equality (as deep-equal.ts defines it), not by identity. Looking a value up costs
// its own size, however many and large the values in the set are; comparing one by one would cost the product.
// Used by schemas for `enum` and `uniqueItems`. Never changes once made.

import type { JsonValue } from '../protocol/value.ts'

export class ValueSet {
  // A Set's own equality is that of JSON for these: 0 and −0 are one, and NaN does not occur.
  readonly #scalars = new Set<JsonValue>()
  // Apart from the scalars, so that the array [1] and the string "[1]" stay two values.
  readonly #canonicalTexts = new Set<string>()

  constructor(values: readonly JsonValue[]) {
    for (const value of values) {
      if (isScalar(value)) this.#scalars.add(value)
      else this.#canonicalTexts.add(canonicalText(value))
    }
  }

  /** How many different values there are. */
  get size(): number {
    return this.#scalars.size + this.#canonicalTexts.size
  }

  has(value: JsonValue): boolean {
    return isScalar(value) ? this.#scalars.has(value) : this.#canonicalTexts.has(canonicalText(value))
  }
}

function isScalar(value: JsonValue): boolean {
  return typeof value !== 'object' || value === null
}

/** The JSON text of a value with the fields of every object sorted: the same for equal values, and only for them. */
function canonicalText(value: JsonValue): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`
  const fields = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalText(value[name] as JsonValue)}`)
  return `{${fields.join(',')}}`
}
