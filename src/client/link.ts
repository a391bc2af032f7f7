// Keeps a connection to one of the endpoints for as long as the client lives. Each connection that is lost is followed by
// the next one, to whichever endpoint answers first; in between there is none.
import { setTimeout as delay } from 'node:timers/promises'
import { Connection } from './connection.ts'
import { HoldfastError } from './error.ts'

export interface LinkOptions {
  readonly endpoints: readonly string[]
  readonly session: Buffer
  /** Somebody answers who is no server for this client. */
  readonly onProblem: (problem: string) => void
  /** There is a connection that can be sent on. */
  readonly onUp: (connection: Connection) => void
  /** A reply came; the first frame is its header. */
  readonly onReply: (frames: readonly Buffer[]) => void
  /** The connection is lost: what was sent on it and not answered will not be answered. */
  readonly onDown: () => void
}

/** How long a socket waits for the answer to its HELLO before there is a new one. */
const attemptMs = 2_000
/** Before another attempt, so that a server that drops every connection is not asked without a pause. */
const pauseMs = 20

export class Link {
  readonly #options: LinkOptions
  readonly #ended: Promise<void>
  #connection: Connection | undefined
  #attempt = new AbortController()
  #isClosing = false

  constructor(options: LinkOptions) {
    this.#options = options
    this.#ended = this.#keep()
  }

  /** Ends the connection, and resolves when nothing is left open. May be called again. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#attempt.abort()
    this.#connection?.close()
    await this.#ended
  }

  async #keep(): Promise<void> {
    const { onUp, onReply, onDown } = this.#options
    while (!this.#isClosing) {
      this.#attempt = new AbortController()
      const connection = await this.#open(this.#attempt)
      if (connection !== undefined) {
        this.#connection = connection
        onUp(connection)
        await connection.receive(onReply)
        this.#connection = undefined
        onDown()
      }
      if (!this.#isClosing) await delay(pauseMs * (0.5 + Math.random()))
    }
  }

  /** Tries all endpoints at once, and keeps the first connection that there is; none if there is none in time. */
  async #open(attempt: AbortController): Promise<Connection | undefined> {
    const { endpoints, session, onProblem } = this.#options
    const { signal } = attempt
    const opening = endpoints.map((endpoint) => Connection.open({ endpoint, session, timeoutMs: attemptMs, signal }))
    // Whatever went wrong, the next attempt may go better; how long to try is for the callers to say.
    const first = await Promise.any(opening).catch(() => undefined)
    attempt.abort()
    for (const opened of await Promise.allSettled(opening)) {
      if (opened.status === 'fulfilled') {
        if (opened.value !== first) opened.value.close()
      } else if (opened.reason instanceof HoldfastError) onProblem(opened.reason.message)
    }
    return first
  }
}
