// An ordered set of strings, in the order of their UTF-8 bytes (which is the order of their code points, and not that
// of JavaScript's `<`). It backs lists that are sorted and paged: states, keys, locks. Owned by one shard.
// Names are well-formed Unicode (the protocol refuses others).

import { SortedList } from './sorted-list.ts'

/** Negative, zero or positive, as the UTF-8 bytes of `a` stand to those of `b`; nothing is encoded. */
export function compareBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index += 1) {
    const unitA = a.charCodeAt(index)
    const unitB = b.charCodeAt(index)
    if (unitA !== unitB) return codePointRank(unitA) - codePointRank(unitB)
  }
  return a.length - b.length
}

/** Surrogates stand for characters above U+FFFF, but as numbers lie below U+E000 to U+FFFF: lift them above. */
function codePointRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}

// JavaScript's `<` compares UTF-16 units, at half the cost. That is the same order unless a surrogate meets a unit from
// here up (private use, half-width forms): rare enough to look for.
const aboveSurrogates = /[\ue000-\uffff]/

interface NameRange {
  /** Only names that start so. */
  readonly prefix?: string
  /** Only names greater than this one, which need not exist. */
  readonly after?: string
  /** At most so many names. */
  readonly limit?: number
}

export class SortedNames {
  readonly #list = new SortedList<string>((a, b) => (this.#plain ? compareUnits(a, b) : compareBytes(a, b)))
  // Whether `<` is the right order for all names held or ever asked for.
  #plain = true

  get size(): number {
    return this.#list.size
  }

  has(name: string): boolean {
    return this.#list.has(this.#seen(name))
  }

  /** Returns false if the name was there already. */
  add(name: string): boolean {
    return this.#list.add(this.#seen(name))
  }

  /** Returns false if there was no such name. */
  delete(name: string): boolean {
    return this.#list.delete(this.#seen(name))
  }

  /** The names of a range, ascending. Costs the names returned, not the names held. */
  range({ prefix = '', after, limit = Number.POSITIVE_INFINITY }: NameRange = {}): string[] {
    const names: string[] = []
    if (limit <= 0) return names
    for (const name of this.from(after, prefix)) {
      names.push(name)
      if (names.length >= limit) break
    }
    return names
  }

  /**
   * The names after `after` that start with `prefix`, ascending. The set may change between two steps: the iterator
   * then goes on behind the last name it gave, so no name comes twice and none that stays is missed.
   */
  *from(after: string | undefined, prefix: string): Generator<string, void, void> {
    const startsInside = after !== undefined && compareBytes(after, prefix) >= 0
    for (const name of startsInside ? this.#list.after(this.#seen(after)) : this.#list.atLeast(this.#seen(prefix))) {
      // Names with a common prefix stand together.
      if (!name.startsWith(prefix)) return
      yield name
    }
  }

  #seen(name: string): string {
    this.#plain &&= !aboveSurrogates.test(name)
    return name
  }
}

function compareUnits(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
