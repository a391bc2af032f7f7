// The ZeroMQ front end: one ROUTER socket on one or more endpoints, one loop that reads it and one writer. It owns the
// clients and their queues; what a command means is the router's business. No message ends the loop.
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import type { Limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import type { FrontEndStatistics } from '../protocol/statistics.ts'
import type { Router } from '../router/router.ts'
import { type BoundSocket, bindCommandSocket, type CommandSocket, lingerMs } from './command-socket.ts'
import { Peers } from './peer.ts'
import { type Parser, Requests } from './requests.ts'
import { Writer } from './writer.ts'

export interface ZmqFrontEndOptions {
  /** Where to listen: `tcp://HOST:PORT` (port 0 finds a free one) or `ipc://PATH`. */
  readonly endpoints: readonly string[]
  readonly router: Router
  readonly limits: Limits
  readonly log: Log
  /** Reads large messages in another thread; without it they are parsed in this one. */
  readonly parser?: Parser
}

/** So many messages in a row are read before the event loop gets its turn. */
const messagesPerTurn = 128
/** How long to wait after a failure to read that nobody could foresee. */
const failureDelayMs = 100

export class ZmqFrontEnd {
  /** Where it listens: the endpoints as asked for, with real ports. */
  readonly endpoints: readonly string[]
  readonly #log: Log
  readonly #socket: CommandSocket
  readonly #disconnectMessage: Buffer
  readonly #peers: Peers
  readonly #writer: Writer
  readonly #requests: Requests
  readonly #reading: Promise<void>
  #isClosing = false
  #closing: Promise<void> | undefined

  /** Listens on all endpoints and serves. Rejects, with nothing left open, if one of them cannot be had. */
  static async bind(options: ZmqFrontEndOptions): Promise<ZmqFrontEnd> {
    return new ZmqFrontEnd(options, await bindCommandSocket(options.endpoints, options.limits))
  }

  private constructor(options: ZmqFrontEndOptions, { socket, endpoints, disconnectMessage }: BoundSocket) {
    const { router, limits, log, parser } = options
    this.endpoints = endpoints
    this.#log = log
    this.#socket = socket
    this.#disconnectMessage = disconnectMessage
    this.#peers = new Peers(limits.peersMax)
    this.#writer = new Writer({
      send: (frames) => socket.send(frames),
      limits,
      log,
      onUnreachable: (peer) => {
        this.#forget(peer.identity)
        this.#writer.forget(peer)
      },
    })
    this.#requests = new Requests({ router, writer: this.#writer, limits, log, parser })
    this.#reading = this.#read()
  }

  statistics(): FrontEndStatistics {
    return { peers: this.#peers.size, ...this.#requests.statistics(), ...this.#writer.statistics() }
  }

  /**
   * Stops reading, waits for the answers to what was read and sends them; gives up on clients that do not read theirs
   * after two seconds. Drain the router first, which refuses what comes from then on. May be called again.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#isClosing = true
    const sent = this.#requests.whenAnswered().then(() => this.#writer.whenEmpty())
    const giveUp = new AbortController()
    const late = delay(lingerMs, undefined, { signal: giveUp.signal }).catch(() => {})
    await Promise.race([sent, late])
    giveUp.abort()
    this.#writer.stop()
    this.#socket.close()
    await this.#reading
  }

  async #read(): Promise<void> {
    for (let count = 1; !this.#isClosing; count += 1) {
      try {
        this.#take(await this.#socket.receive())
      } catch (error) {
        if (this.#socket.closed) return
        this.#log.error({ event: 'receive_failed', error: String(error) }, 'a message could not be received')
        await delay(failureDelayMs)
      }
      if (count % messagesPerTurn === 0) await nextTurn()
    }
  }

  #take(frames: readonly Buffer[]): void {
    const [identity, first] = frames
    if (identity === undefined || first === undefined) return
    if (frames.length === 2 && first.equals(this.#disconnectMessage)) this.#forget(identity)
    else this.#requests.take(this.#peers.of(identity), frames)
  }

  #forget(identity: Buffer): void {
    const peer = this.#peers.remove(identity)
    if (peer === undefined) return
    this.#writer.forget(peer)
    for (const cancel of peer.parked) cancel()
    peer.parked.clear()
  }
}
