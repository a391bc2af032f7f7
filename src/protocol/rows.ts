// The rows of a big list. A message too large to be parsed in one go reaches its shard cut into slices of JSON text,
// each of which is parsed when its turn comes; a small one is simply an array. Both are read alike.
import type { JsonValue } from './value.ts'

/** Rows that were checked against the JSON model by whoever cut them, in slices of JSON arrays. */
export class SlicedRows {
  readonly length: number
  readonly #slices: readonly Uint8Array[]

  constructor(length: number, slices: readonly Uint8Array[]) {
    this.length = length
    this.#slices = slices
  }

  *[Symbol.iterator](): Generator<JsonValue, void, void> {
    for (const slice of this.#slices) yield* JSON.parse(new TextDecoder().decode(slice)) as JsonValue[]
  }
}

export type RowList = JsonValue[] | SlicedRows
