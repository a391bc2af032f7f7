// Whether transactions that left their tags in lists can have happened one after the other: in the order of every list, and
// each after those that were answered before it was asked for. If they can, the engine is strictly serializable for them.

export interface Tagged {
  readonly tag: number
  /** Two moments of one clock; an answer that never came is at infinity. */
  readonly invokedAt: number
  readonly answeredAt: number
}

/** `logs`: by state, the tags in the order in which they came. */
export function inOneOrder(logs: ReadonlyMap<string, readonly number[]>, transactions: readonly Tagged[]): boolean {
  const happened = new Set([...logs.values()].flat())
  const after = new Map<number, Set<number>>([...happened].map((tag) => [tag, new Set()]))
  for (const log of logs.values()) {
    for (const [index, tag] of log.entries()) if (index > 0) after.get(log[index - 1] as number)?.add(tag)
  }
  const known = transactions.filter(({ tag }) => happened.has(tag))
  for (const one of known) {
    for (const other of known) if (one.answeredAt < other.invokedAt) after.get(one.tag)?.add(other.tag)
  }
  // Whoever nothing comes before is taken away, until nobody is left; a circle would be.
  const before = new Map<number, number>([...happened].map((tag) => [tag, 0]))
  for (const followers of after.values()) for (const tag of followers) before.set(tag, (before.get(tag) ?? 0) + 1)
  const free = [...before].filter(([, count]) => count === 0).map(([tag]) => tag)
  let left = happened.size
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
