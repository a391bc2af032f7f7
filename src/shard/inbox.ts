// The requests that lie before a shard, and when each of them came: a number for each message of the router, not for each
// request. Owned by one shard.
// Invariant: what comes back after it was kept aside comes before all others, and keeps the moment at which it came.
import { threadsMs } from '../base/clock.ts'
import { Queue } from '../base/queue.ts'
import type { MailboxBatch } from '../protocol/mailbox.ts'
import type { Waiting } from './task.ts'

export class Inbox {
  readonly #entries = new Queue<Waiting>()
  readonly #onMessage: (waitedMs: number) => void
  /** The messages whose requests are not all taken, how many each has left, and whether any was taken. */
  readonly #messages = new Queue<{ readonly at: number; left: number; isBegun: boolean }>()
  /** By request: when those came that were kept aside. */
  readonly #aside = new Map<number, number>()
  /** How many of them are back and not taken. */
  #back = 0
  #turnAt = 0
  /** When the request came that was taken last; on the clock of all threads. */
  arrivedAt = 0

  /** `onMessage` hears for how long each message of the router has waited, as its first request is taken. */
  constructor(onMessage: (waitedMs: number) => void) {
    this.#onMessage = onMessage
  }

  get length(): number {
    return this.#entries.length
  }

  push({ entries, postedAt = threadsMs() }: MailboxBatch): void {
    if (entries.length === 0) return
    for (const entry of entries) this.#entries.push(entry)
    this.#messages.push({ at: postedAt, left: entries.length, isBegun: false })
  }

  /** What is taken from now on is taken at this moment: one look at the clock for all. */
  beginTurn(): void {
    this.#turnAt = threadsMs()
  }

  shift(): Waiting | undefined {
    const entry = this.#entries.shift()
    if (entry === undefined) return undefined
    if (this.#back > 0) this.#takeBack(entry[0])
    else this.#takeNew()
    return entry
  }

  /** Remembers when the request came that was taken last: it is kept aside, and will come back. */
  keepAside([id]: Waiting): void {
    this.#aside.set(id, this.arrivedAt)
  }

  /** What was kept aside is back. */
  unshift(entries: readonly Waiting[]): void {
    this.#back += entries.length
    this.#entries.unshift(entries)
  }

  #takeNew(): void {
    const message = this.#messages.first()
    if (message === undefined) return
    this.arrivedAt = message.at
    if (!message.isBegun) this.#onMessage(Math.max(0, this.#turnAt - message.at))
    message.isBegun = true
    message.left -= 1
    if (message.left === 0) this.#messages.shift()
  }

  #takeBack(id: number): void {
    this.#back -= 1
    // One that stands in several queues was perhaps taken from another of them.
    this.arrivedAt = this.#aside.get(id) ?? this.arrivedAt
    this.#aside.delete(id)
  }
}
