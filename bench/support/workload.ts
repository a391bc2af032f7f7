// The data that every contestant holds and the commands that it runs, so that all do the same work.
import type { JsonObject } from '../../src/protocol/value.ts'

/** A record of three fields. */
export function leadOf(id: number): { name: string; status: string; score: number } {
  return { name: `Lead number ${id}`, status: 'open', score: id % 1_000 }
}

/** A record of four fields. */
export function contactOf(id: number): { name: string; phone: string; status: string; score: number } {
  return { ...leadOf(id), phone: `+49 30 ${1_000_000 + id}` }
}

export const tableName = 'leads'

/** Endless numbers from 1 to `count` without an order, at the cost of a multiplication each. */
export function randomNumbers(count: number): () => number {
  let state = 1
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return 1 + Math.floor((state / 0x1_0000_0000) * count)
  }
}

export function keyName(id: number): string {
  return `key:${id}`
}

export function keyValue(id: number, version: number): string {
  return `value ${id} as of ${version}`
}

export const listName = 'jobs'

/**
 * Keys one after another, each with the version that it has by then, if each is written once each time. Whoever uses them
 * must have fewer in flight than there are keys.
 */
export class Versions {
  readonly #versions: Float64Array
  #id = 0

  constructor(keys: number) {
    this.#versions = new Float64Array(keys).fill(1)
  }

  next(): { id: number; version: number } {
    this.#id = (this.#id + 1) % this.#versions.length
    const version = this.#versions[this.#id] as number
    this.#versions[this.#id] = version + 1
    return { id: this.#id + 1, version }
  }
}

export function patchCommand(state: string, id: number): JsonObject {
  return { cmd: 'PATCH_RECORD', state, id, data: { score: id % 1_000 } }
}

export function getCommand(state: string, id: number): JsonObject {
  return { cmd: 'GET_RECORD', state, id }
}

/** Does something for each number from 1 to `count`, so many at a time. */
export async function forEachNumber(
  count: number,
  atATime: number,
  action: (number: number) => Promise<unknown>,
): Promise<void> {
  for (let first = 1; first <= count; first += atATime) {
    const length = Math.min(atATime, count - first + 1)
    await Promise.all(Array.from({ length }, (_, index) => action(first + index)))
  }
}

/** Stops a benchmark that would measure how fast something goes wrong. */
export function expectSame(what: string, found: unknown, expected: unknown): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)]
  if (left !== right) throw new Error(`${what}: ${left} instead of ${right}`)
}
