// One person's, or one script's, dealings with a daemon: messages one after the other. Notices when the daemon is not the
// one of before, since what was kept in memory is gone then.
import { isObject, type JsonObject, type JsonValue } from '../../protocol/value.ts'
import type { Connection, ExchangeOptions } from '../connection.ts'

export interface Answer {
  readonly reply: JsonValue
  /** From the sending of the message to its reply. */
  readonly milliseconds: number
  /** What has to be known before the reply is read. */
  readonly notice: string | undefined
}

/** Names of states that are offered for completion at once. */
const namesMax = 100
/** Somebody waits for it with a finger on the key. */
const completionMs = 500
/** So long, names that were asked for are good enough for the next press of the key. */
const namesFreshMs = 1_000

export class Session {
  readonly #connection: Connection
  /** What the daemon said of itself, and how often the connection was lost until then. */
  #daemon: { readonly instance: JsonValue | undefined; readonly losses: number } | undefined
  #names = { prefix: '', found: [] as readonly string[], askedAt: Number.NEGATIVE_INFINITY }

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Asks the daemon who it is; rejects with a `NoReply`. */
  async greet(options?: ExchangeOptions): Promise<JsonObject> {
    const reply = await this.#connection.exchange('{"cmd":"HELLO"}', options)
    const hello = isObject(reply) ? reply : {}
    this.#daemon = { instance: hello.instance, losses: this.#connection.losses }
    return hello
  }

  /** Sends a message, the text of a command or of a list of them; rejects with a `NoReply`. */
  async send(message: string, options?: ExchangeOptions): Promise<Answer> {
    const notice = await this.#whoAnswers(options)
    const start = performance.now()
    const reply = await this.#connection.exchange(message, options)
    return { reply, milliseconds: performance.now() - start, notice }
  }

  /** States whose names begin so, sorted; none if the daemon does not say. */
  async stateNames(prefix: string): Promise<readonly string[]> {
    const { found, ...asked } = this.#names
    if (asked.prefix === prefix && performance.now() - asked.askedAt < namesFreshMs) return found
    const message = JSON.stringify({ cmd: 'LIST_STATES', prefix, limit: namesMax })
    const reply = await this.#connection.exchange(message, { timeout: completionMs }).catch(() => undefined)
    const states = isObject(reply) && Array.isArray(reply.states) ? reply.states : []
    const names = states.filter((name) => typeof name === 'string')
    this.#names = { prefix, found: names, askedAt: performance.now() }
    return names
  }

  /** Asks again only after an end of the connection, and says what that meant. */
  async #whoAnswers(options: ExchangeOptions | undefined): Promise<string | undefined> {
    const before = this.#daemon
    if (before?.losses === this.#connection.losses) return undefined
    const { instance, durability } = await this.greet(options)
    if (before === undefined || instance === before.instance) return undefined
    return `the daemon was started anew${durability === 'memory' ? '; what it kept in memory is gone' : ''}.`
  }
}
