// Calls that were refused for a reason that passes, and those behind them on the same routing key. They wait a little and
// are sent again, in the order in which they were made; nothing of their key is sent meanwhile.
import type { JsonObject } from '../protocol/value.ts'
import { type Call, fail } from './call.ts'
import { errorOfReply } from './error.ts'

/** The first wait; each further one is twice as long, up to the longest. */
const firstWaitMs = 10
const longestWaitMs = 1_000

interface Held {
  readonly calls: Call[]
  /** The refusal that all of them wait for to pass. */
  readonly refusal: JsonObject
  readonly until: number
}

export class HeldBack {
  readonly #keys = new Map<string, Held>()

  get isEmpty(): boolean {
    return this.#keys.size === 0
  }

  /** Takes a call that was refused. Returns until when it waits. */
  hold(call: Call, refusal: JsonObject, now: number): number {
    call.refusals += 1
    let held = this.#keys.get(call.routingKey)
    if (held === undefined) {
      const waitMs = Math.min(firstWaitMs * 2 ** (call.refusals - 1), longestWaitMs)
      // At random, so that many clients do not come back in the same moment.
      held = { calls: [], refusal, until: now + Math.ceil(waitMs * (0.5 + Math.random() / 2)) }
      this.#keys.set(call.routingKey, held)
    }
    held.calls.push(call)
    return held.until
  }

  /** Takes a call that would be sent now, if calls before it on its routing key wait here. */
  holdBehind(call: Call): boolean {
    // What is on no state has no order, and a sign of life must not wait for a shard.
    const held = call.routingKey === '' ? undefined : this.#keys.get(call.routingKey)
    held?.calls.push(call)
    return held !== undefined
  }

  /**
   * Fails the calls whose time is over with the refusal that kept them, and hands out those that have waited long enough.
   * `next` is when to look again.
   */
  sweep(now: number): { released: Call[]; next: number } {
    const released: Call[] = []
    let next = Number.POSITIVE_INFINITY
    for (const [key, { until, calls, refusal }] of this.#keys) {
      for (const call of calls) if (call.deadline <= now) fail(call, errorOfReply(refusal))
      const waiting = calls.filter((call) => !call.isOver)
      if (until <= now || waiting.length === 0) {
        this.#keys.delete(key)
        for (const call of waiting) released.push(call)
      } else {
        for (const { deadline } of waiting) next = Math.min(next, until, deadline)
      }
    }
    return { released, next }
  }

  /** Fails all calls with the refusals that kept them. */
  failAll(): void {
    for (const { calls, refusal } of this.#keys.values()) for (const call of calls) fail(call, errorOfReply(refusal))
    this.#keys.clear()
  }
}
