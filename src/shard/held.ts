// Requests that wait because their state is held, by a command with steps or by a transaction: those for the state, and
// the markers that came after them. Owned by one shard.
// Invariant: requests for one state are taken up in the order in which they came, and a marker after all of them. Whoever
// waits for several states has its place in the order of each: so the first of all that wait never waits for another.
import type { MailboxEntry } from '../protocol/mailbox.ts'
import type { Waiting } from './task.ts'

export class Held {
  readonly #queues = new Map<string, Waiting[]>()
  /** For each marker that waits, by its request: in how many queues it still stands. */
  readonly #queuesBefore = new Map<number, number>()
  /** For each transaction that waits: how many of its states it does not hold yet. */
  readonly #statesMissing = new Map<number, number>()

  /** How many requests wait; a marker counts in every queue. */
  get length(): number {
    let length = 0
    for (const queue of this.#queues.values()) length += queue.length
    return length
  }

  /** From now on requests for this state are to wait. */
  hold(state: string): void {
    this.#queues.set(state, [])
  }

  /** Ends that; returns what has waited, or undefined if the state was not held. */
  free(state: string): Waiting[] | undefined {
    const queue = this.#queues.get(state)
    this.#queues.delete(state)
    return queue
  }

  /** The queue of a state that is held. */
  queueOf(state: string): Waiting[] | undefined {
    return this.#queues.get(state)
  }

  /**
   * Whether a transaction can be taken up, which has all its states for itself. Until then it holds those that were free,
   * and stands in the queues of the others. When its turn comes at a state, it comes here again.
   */
  isTurnOf([id, sentAs, state, body]: MailboxEntry, states: readonly string[]): boolean {
    const missing = this.#statesMissing.get(id)
    if (missing === undefined) {
      const held = states.filter((each) => this.#queues.has(each))
      if (held.length === 0) return true
      this.#statesMissing.set(id, held.length)
      for (const each of states) {
        const queue = this.#queues.get(each)
        if (queue === undefined) this.hold(each)
        else queue.push([id, sentAs, each, body])
      }
      return false
    }
    this.hold(state)
    if (missing > 1) this.#statesMissing.set(id, missing - 1)
    else this.#statesMissing.delete(id)
    return missing === 1
  }

  /**
   * Whether a marker can be taken up. It sees everything that came before it, also what waits for a command with steps:
   * until then it stands in the queue of every such state, while the other states go on.
   */
  isDue([id, sentAs, state, body]: MailboxEntry): boolean {
    const before = this.#queuesBefore.get(id)
    if (before === undefined) {
      if (this.#queues.size === 0) return true
      this.#queuesBefore.set(id, this.#queues.size)
      for (const [each, queue] of this.#queues) queue.push([id, sentAs, each, body])
      return false
    }
    const queue = this.#queues.get(state)
    if (queue !== undefined) queue.push([id, sentAs, state, body])
    else if (before > 1) this.#queuesBefore.set(id, before - 1)
    else this.#queuesBefore.delete(id)
    return queue === undefined && before === 1
  }
}
