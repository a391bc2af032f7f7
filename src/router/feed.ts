// The feed of changes, between the shards and whoever carries it to subscribers: which states are watched, and where each
// of them stands. A position is said for each subscription, and again every second while a state is watched, so that a
// subscriber notices the loss of a message that was the last. Those of many states are said some at a time: all at once
// would hold up the router, and be more than may wait for one subscriber.
// Bounded: more states than this are not watched, and hear nothing; their watchers ask the shards.

import { threadsMs } from '../base/clock.ts'
import { durationBounds, Histogram } from '../base/histogram.ts'
import { shardOf } from '../base/placement.ts'
import { type FeedMessage, positionBody, withInstance } from '../protocol/feed.ts'
import type { FeedStatistics } from '../protocol/statistics.ts'
import type { Mailbox } from './mailbox.ts'

export interface FeedOptions {
  readonly mailboxes: readonly Mailbox[]
  readonly watchedStatesMax: number
  /** The number that changes when versions may begin anew. */
  readonly instance: () => number
}

/** Carries messages to those who have subscribed to their topic. */
export interface FeedCarrier {
  /** Connections that may subscribe, and messages that wait until they can be sent. */
  readonly subscribers: number
  readonly messagesQueued: number
  send(state: string, body: string): void
}

const positionIntervalMs = 1_000
/** As long as there are not so many states that timers would have to be closer together than `turnMsMin`. */
const positionsPerTurnWanted = 100
const turnMsMin = 20

export class Feed {
  readonly #options: FeedOptions
  /** By state: where it stands; undefined until its shard has said so. */
  readonly #watched = new Map<string, number | undefined>()
  #carrier: FeedCarrier | undefined
  #timer: NodeJS.Timeout | undefined
  /** Those whose positions are still to be said in this interval. It goes on with states that come, without those that go. */
  #due: Iterator<string> = [].values()
  #messages = 0
  #bytes = 0
  #refused = 0
  #positions = 0
  readonly #lagSeconds = new Histogram(durationBounds)

  constructor(options: FeedOptions) {
    this.#options = options
  }

  statistics(): FeedStatistics {
    const { subscribers = 0, messagesQueued = 0 } = this.#carrier ?? {}
    return {
      watchedStates: this.#watched.size,
      messages: this.#messages,
      bytes: this.#bytes,
      positions: this.#positions,
      lagSeconds: this.#lagSeconds.snapshot(),
      subscribers,
      messagesQueued,
      refused: this.#refused,
    }
  }

  /** Only from here on anything can be watched. */
  carryOver(carrier: FeedCarrier): void {
    this.#carrier = carrier
    this.#scheduleTurn()
  }

  /** Somebody has subscribed: also somebody who has before, or who is not the first. */
  watch(state: string): void {
    if (this.#watched.has(state)) return this.#sayPosition(state)
    if (this.#watched.size >= this.#options.watchedStatesMax) {
      this.#refused += 1
      return
    }
    this.#watched.set(state, undefined)
    this.#mailboxOf(state).watch(state)
  }

  /** Nobody is left. */
  unwatch(state: string): void {
    if (this.#watched.delete(state)) this.#mailboxOf(state).unwatch(state)
  }

  /** Takes what a shard publishes. `publishedAt` is on the clock of all threads; without threads there is no way to go. */
  take(messages: readonly FeedMessage[], publishedAt?: number): void {
    this.#lagSeconds.observe(publishedAt === undefined ? 0 : Math.max(0, threadsMs() - publishedAt) / 1000)
    for (const [state, last, body] of messages) {
      if (!this.#watched.has(state)) continue
      this.#watched.set(state, last)
      this.#send(state, body)
    }
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#carrier = undefined
  }

  /** In how many turns the positions of this interval are said. */
  get #turns(): number {
    const turnsWanted = Math.ceil(this.#watched.size / positionsPerTurnWanted)
    return Math.min(Math.max(turnsWanted, 1), positionIntervalMs / turnMsMin)
  }

  #scheduleTurn(): void {
    this.#timer = setTimeout(() => {
      this.#sayPositions(Math.ceil(this.#watched.size / this.#turns))
      this.#scheduleTurn()
    }, positionIntervalMs / this.#turns)
    this.#timer.unref()
  }

  #sayPositions(count: number): void {
    for (let said = 0; said < count; said += 1) {
      let next = this.#due.next()
      if (next.done === true) {
        this.#due = this.#watched.keys()
        next = this.#due.next()
      }
      if (next.done === true) return
      this.#sayPosition(next.value)
    }
  }

  #sayPosition(state: string): void {
    const last = this.#watched.get(state)
    // One whose shard is starting stands nowhere until that says so.
    if (last === undefined || !this.#mailboxOf(state).isReady) return
    this.#positions += 1
    this.#send(state, positionBody(state, last))
  }

  #send(state: string, body: string): void {
    this.#messages += 1
    this.#bytes += body.length
    this.#carrier?.send(state, withInstance(body, this.#options.instance()))
  }

  #mailboxOf(state: string): Mailbox {
    const { mailboxes } = this.#options
    return mailboxes[shardOf(state, mailboxes.length)] as Mailbox
  }
}
