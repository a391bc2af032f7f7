// A client in the simulation that numbers its writes and sends them again until it knows what became of them; now and then
// a message of it comes twice.
import type { Numbered } from '../../src/protocol/mailbox.ts'
import { checkEnvelope } from '../../src/protocol/message.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import type { Router } from '../../src/router/router.ts'

export interface SimulatedClientOptions {
  readonly router: Router
  readonly random: (below: number) => number
  /** Has something happen at some later time. */
  readonly later: (event: () => void) => void
}

const session = 'c'.repeat(32)
const tryAgain: ReadonlySet<unknown> = new Set(['OUTCOME_UNKNOWN', 'SHARD_RECOVERING', 'OVERLOADED'])

export class SimulatedClient {
  readonly #options: SimulatedClientOptions
  /** The numbers without a reply, in rising order. */
  readonly #open = new Set<number>()
  #lastNumber = 0
  copies = 0

  constructor(options: SimulatedClientOptions) {
    this.#options = options
  }

  /** Calls back once, with the truth. */
  send(command: JsonObject, onReply: (reply: JsonObject) => void): void {
    this.#lastNumber += 1
    const number = this.#lastNumber
    this.#open.add(number)
    const onAnswer = (reply: JsonObject): void => {
      // One that came late, or a second one.
      if (this.#open.delete(number)) onReply(reply)
    }
    this.#post(command, number, onAnswer)
    if (this.#options.random(3) === 0) this.#options.later(() => this.#post(command, number, onAnswer))
  }

  #post(command: JsonObject, number: number, onAnswer: (reply: JsonObject) => void): void {
    const { router, later } = this.#options
    this.copies += 1
    const [settled = number] = this.#open
    const numbered: Numbered = [session, number, settled, false]
    const respond = (body: unknown): void => {
      const reply = structuredClone(body) as JsonObject
      if (!tryAgain.has(reply.code)) onAnswer(reply)
      else if (this.#open.has(number)) later(() => this.#post(command, number, onAnswer))
    }
    router.run(checkEnvelope(command), 'values', respond, undefined, numbered)
  }
}
