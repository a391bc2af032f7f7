// The rows of a big list. A message too large to be parsed in one go reaches its shard cut into slices of JSON text,
// each of which is parsed when its turn comes; a small one is simply an array. Both are read alike.
import type { Slices } from './mailbox.ts'
import type { JsonValue } from './value.ts'

/** Rows that were checked against the JSON model by whoever cut them, in slices of JSON arrays. */
export class SlicedRows {
  readonly length: number
  readonly #slices: Slices

  constructor(length: number, slices: Slices) {
    this.length = length
    this.#slices = slices
  }

  /** All of them, as they came. */
  get text(): Uint8Array {
    return this.#slices.text
  }

  *[Symbol.iterator](): Generator<JsonValue, void, void> {
    const { text, ends } = this.#slices
    const decoder = new TextDecoder()
    let start = 0
    for (const end of ends) {
      yield* JSON.parse(decoder.decode(text.subarray(start, end))) as JsonValue[]
      start = end
    }
  }
}

export type RowList = JsonValue[] | SlicedRows
