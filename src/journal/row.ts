// Rows as a driver stores them: it knows where a row belongs and which bytes it has, and nothing of what they mean.
// Here is also what shows that rows are damaged, missing or stale: a checksum of each, and a sum over all of them.
import { crc32 } from 'node:zlib'
import { fmix32 } from '../base/hash.ts'

/** Where a row stands. Its routing key says to which shard it belongs, should the number of shards change. */
export interface RowPlace {
  readonly table: string
  readonly routingKey: string
  readonly key: string
}

export interface Row extends RowPlace {
  readonly text: string
}

/** A row to be written, or with an undefined text to be removed. */
export interface RowEdit extends RowPlace {
  readonly text: string | undefined
}

/** Covers the place as well, so that a row that turns up in another place is noticed. */
export function checksumOf(table: string, routingKey: string, key: string, text: string): number {
  return crc32(`${table}\0${routingKey}\0${key}\0${text}`)
}

/**
 * A whole number as text that sorts as the number does, and can still be read: how many digits it has, in base 36, and
 * then the digits. 7 is `17`, 42 is `242`.
 */
export function sortable(value: number): string {
  const digits = String(value)
  return digits.length.toString(36) + digits
}

export function fromSortable(text: string): number {
  return Number(text.slice(1))
}

/** The sum of a set of rows, in any order, as two halves of 32 bits, and how many rows each table has. */
export interface RowTotals {
  readonly sum: readonly [number, number]
  readonly rows: Readonly<Record<string, number>>
}

const otherHalf = 0x9e3779b9

/** Follows the rows that come and go. */
export class RowCount {
  #low: number
  #high: number
  readonly #rows: Map<string, number>

  constructor({ sum, rows }: RowTotals = { sum: [0, 0], rows: {} }) {
    ;[this.#low, this.#high] = sum
    this.#rows = new Map(Object.entries(rows))
  }

  add(table: string, checksum: number): void {
    this.#low = (this.#low + fmix32(checksum)) >>> 0
    this.#high = (this.#high + fmix32(checksum ^ otherHalf)) >>> 0
    this.#rows.set(table, (this.#rows.get(table) ?? 0) + 1)
  }

  addRow({ table, routingKey, key, text }: Row): void {
    this.add(table, checksumOf(table, routingKey, key, text))
  }

  remove(table: string, checksum: number): void {
    this.#low = (this.#low - fmix32(checksum)) >>> 0
    this.#high = (this.#high - fmix32(checksum ^ otherHalf)) >>> 0
    this.#rows.set(table, (this.#rows.get(table) ?? 0) - 1)
  }

  totals(): RowTotals {
    return { sum: [this.#low, this.#high], rows: Object.fromEntries(this.#rows) }
  }
}
