// Whether transactions that left their tags in lists, and reads of these lists, can have happened one after the other: in
// the order of every list, each read where it saw the list, and each after those that were answered before it was asked
// for. If they can, the engine is strictly serializable for them.

interface Times {
  /** Two moments of one clock; an answer that never came is at infinity. */
  readonly invokedAt: number
  readonly answeredAt: number
}

export interface Tagged extends Times {
  /** Above 0, and given once. */
  readonly tag: number
}

/** Somebody saw the first so many tags of a list, and no more. */
export interface Seen extends Times {
  readonly state: string
  readonly length: number
}

/** `logs`: by state, the tags in the order in which they came. */
export function inOneOrder(
  logs: ReadonlyMap<string, readonly number[]>,
  transactions: readonly Tagged[],
  reads: readonly Seen[] = [],
): boolean {
  const happened = new Set([...logs.values()].flat())
  // A read has no tag, so it gets a number that no transaction has.
  const numbered = reads.map((read, index) => ({ ...read, tag: -1 - index }))
  const all = new Set([...happened, ...numbered.map(({ tag }) => tag)])
  const after = new Map<number, Set<number>>([...all].map((tag) => [tag, new Set()]))
  for (const log of logs.values()) {
    for (const [index, tag] of log.entries()) if (index > 0) after.get(log[index - 1] as number)?.add(tag)
  }
  for (const { tag, state, length } of numbered) {
    const log = logs.get(state) ?? []
    if (length > log.length) return false
    if (length > 0) after.get(log[length - 1] as number)?.add(tag)
    if (length < log.length) after.get(tag)?.add(log[length] as number)
  }
  const known: Tagged[] = [...transactions.filter(({ tag }) => happened.has(tag)), ...numbered]
  for (const one of known) {
    for (const other of known) if (one.answeredAt < other.invokedAt) after.get(one.tag)?.add(other.tag)
  }
  return hasNoCircle(after)
}

/** Whoever nothing comes before is taken away, until nobody is left; a circle would be. */
function hasNoCircle(after: ReadonlyMap<number, ReadonlySet<number>>): boolean {
  const before = new Map<number, number>([...after.keys()].map((tag) => [tag, 0]))
  for (const followers of after.values()) for (const tag of followers) before.set(tag, (before.get(tag) ?? 0) + 1)
  const free = [...before].filter(([, count]) => count === 0).map(([tag]) => tag)
  let left = before.size
  for (let tag = free.pop(); tag !== undefined; tag = free.pop()) {
    left -= 1
    for (const next of after.get(tag) ?? []) {
      const count = (before.get(next) as number) - 1
      before.set(next, count)
      if (count === 0) free.push(next)
    }
  }
  return left === 0
}
