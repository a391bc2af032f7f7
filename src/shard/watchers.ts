// Callers who wait for a state to change, each for changes of names with a prefix of its own. They are no queue: a change
// is for all of them. Part of waiters.ts, which knows their deadlines.
// Invariant: up to `seenTo` nothing happened that a caller waits for, so it need not be looked for again.
import type { ChangeOfState } from '../state/change.ts'
import { concerns } from '../state/logged-change.ts'
import type { Waiter } from './waiters.ts'

export class Watchers {
  readonly #states = new Map<string, Set<Waiter>>()
  /** Those for whom something has happened since they were last served. */
  readonly #met = new Set<Waiter>()

  insert(waiter: Waiter): void {
    const state = waiter.task.routingKey
    const watchers = this.#states.get(state)
    if (watchers === undefined) this.#states.set(state, new Set([waiter]))
    else watchers.add(waiter)
  }

  /** False for one that is not here. */
  remove(waiter: Waiter): boolean {
    const state = waiter.task.routingKey
    const watchers = this.#states.get(state)
    if (watchers === undefined || !watchers.delete(waiter)) return false
    this.#met.delete(waiter)
    if (watchers.size === 0) this.#states.delete(state)
    return true
  }

  notice(change: ChangeOfState): void {
    const watchers = this.#states.get(change.state)
    if (watchers === undefined) return
    for (const waiter of watchers) {
      if (this.#met.has(waiter) || !concerns(change, waiter.key)) continue
      waiter.seenTo = change.version - 1
      this.#met.add(waiter)
    }
  }

  next(): Waiter | undefined {
    for (const waiter of this.#met) return waiter
    return undefined
  }

  /** What was noticed since the last commit has not happened. */
  takeBack(): void {
    for (const waiter of this.#met) waiter.seenTo = Number.POSITIVE_INFINITY
    this.#met.clear()
  }
}
