// Keeps a connection to one of the endpoints for as long as the client lives. Each connection that is lost is followed by
// the next one, over the endpoints in turn; in between there is none.
import { setTimeout as delay } from 'node:timers/promises'
import { Connection } from './connection.ts'

export interface LinkOptions {
  readonly endpoints: readonly string[]
  readonly session: Buffer
  /** There is a connection that can be sent on. */
  readonly onUp: (connection: Connection) => void
  /** A reply came; the first frame is its header. */
  readonly onReply: (frames: readonly Buffer[]) => void
  /** The connection is lost: what was sent on it and not answered will not be answered. */
  readonly onDown: () => void
}

/** How long one endpoint is tried before the next one. */
const attemptMs = 2_000
/** Before another attempt, so that a server that drops every connection is not asked without a pause. */
const pauseMs = 20

export class Link {
  readonly #options: LinkOptions
  readonly #closing = new AbortController()
  readonly #ended: Promise<void>
  #connection: Connection | undefined

  constructor(options: LinkOptions) {
    this.#options = options
    this.#ended = this.#keep()
  }

  /** Ends the connection, and resolves when nothing is left open. May be called again. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#connection?.close()
    await this.#ended
  }

  async #keep(): Promise<void> {
    const { endpoints, onUp, onReply, onDown } = this.#options
    const { signal } = this.#closing
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const connection = await this.#open(endpoints[attempt % endpoints.length] as string)
      if (connection !== undefined) {
        this.#connection = connection
        onUp(connection)
        await connection.receive(onReply)
        this.#connection = undefined
        onDown()
      }
      await delay(pauseMs * (0.5 + Math.random()), undefined, { signal }).catch(() => {})
    }
  }

  async #open(endpoint: string): Promise<Connection | undefined> {
    const { session } = this.#options
    try {
      return await Connection.open({ endpoint, session, timeoutMs: attemptMs, signal: this.#closing.signal })
    } catch {
      // Whatever it was, the next attempt may go better; how long to try is for the callers to say.
      return undefined
    }
  }
}
