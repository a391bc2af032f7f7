// What was refused for a reason that passes, and the calls behind it on the same routing key. It waits a little and is sent
// again, in the order in which the calls were made; nothing of the key is sent meanwhile. Messages with writes are sent as
// they are; of others, the calls.
import type { JsonObject } from '../protocol/value.ts'
import { type Call, fail } from './call.ts'
import { errorOfReply } from './error.ts'
import type { Message } from './in-flight.ts'

/** The first wait; each further one is twice as long, up to the longest. */
const firstWaitMs = 10
const longestWaitMs = 1_000

interface Held {
  /** The routing keys that wait. A message on several makes one of them, so that it comes before the calls behind it on each. */
  readonly keys: Set<string>
  readonly calls: Call[]
  /** They keep their places among those in flight, and come to their ends there. */
  readonly messages: Message[]
  /** The refusal that all of them wait for to pass. */
  readonly refusal: JsonObject
  until: number
}

export class HeldBack {
  readonly #keys = new Map<string, Held>()

  get isEmpty(): boolean {
    return this.#keys.size === 0
  }

  /** Takes a call that was refused. Returns until when it waits. */
  hold(call: Call, refusal: JsonObject, now: number): number {
    const held = this.#heldWith(call, [call.routingKey], refusal, now)
    held.calls.push(call)
    return held.until
  }

  /** Takes a message that was refused. Returns until when it waits. */
  holdMessage(message: Message, refusal: JsonObject, now: number): number {
    const keys = message.calls.map(({ routingKey }) => routingKey)
    const held = this.#heldWith(message, keys, refusal, now)
    if (!held.messages.includes(message)) held.messages.push(message)
    return held.until
  }

  #heldWith(refused: Call | Message, keys: readonly string[], refusal: JsonObject, now: number): Held {
    refused.refusals += 1
    let held = keys.map((key) => this.#keys.get(key)).find((found) => found !== undefined)
    if (held === undefined) {
      const waitMs = Math.min(firstWaitMs * 2 ** (refused.refusals - 1), longestWaitMs)
      // At random, so that many clients do not come back in the same moment.
      const until = now + Math.ceil(waitMs * (0.5 + Math.random() / 2))
      held = { keys: new Set(), calls: [], messages: [], refusal, until }
    }
    for (const key of keys) this.#join(held, key)
    return held
  }

  /** Has a routing key wait with others, and all that wait with it already. */
  #join(held: Held, key: string): void {
    const other = this.#keys.get(key)
    if (other === held) return
    if (other !== undefined) {
      held.calls.push(...other.calls)
      held.messages.push(...other.messages.filter((message) => !held.messages.includes(message)))
      held.until = Math.max(held.until, other.until)
    }
    for (const each of other?.keys ?? [key]) {
      held.keys.add(each)
      this.#keys.set(each, held)
    }
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
  sweep(now: number): { released: Call[]; messages: Message[]; next: number } {
    const released: Call[] = []
    const sent: Message[] = []
    let next = Number.POSITIVE_INFINITY
    for (const { keys, until, calls, messages, refusal } of new Set(this.#keys.values())) {
      for (const call of calls) if (call.deadline <= now) fail(call, errorOfReply(refusal))
      const waiting = calls.filter((call) => !call.isOver)
      const held = messages.filter(({ isOver, heldBy }) => !isOver && heldBy !== undefined)
      if (until <= now || waiting.length + held.length === 0) {
        for (const key of keys) this.#keys.delete(key)
        for (const call of waiting) released.push(call)
        sent.push(...held)
      } else {
        next = Math.min(next, until)
        for (const { deadline } of waiting) next = Math.min(next, until, deadline)
      }
    }
    sent.sort((one, other) => one.writeNumber - other.writeNumber)
    return { released, messages: sent, next }
  }

  /** Fails all calls with the refusals that kept them. */
  failAll(): void {
    for (const { calls, refusal } of new Set(this.#keys.values()))
      for (const call of calls) fail(call, errorOfReply(refusal))
    this.#keys.clear()
  }
}
