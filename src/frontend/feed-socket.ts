// The XPUB socket of the feed: hands over who subscribes to what, and sends what the feed says. A subscriber that does not
// read loses messages once so many wait for it, and nobody else does; it notices by the versions, and asks for the rest.
import { setTimeout as delay } from 'node:timers/promises'
import { XPublisher } from 'zeromq'
import type { Log } from '../base/log.ts'
import { Queue } from '../base/queue.ts'
import { keepalive, zmqContext } from '../base/zmq-context.ts'
import { stateOfTopic, topicOf } from '../protocol/feed.ts'
import type { Feed } from '../router/feed.ts'

export interface FeedSocketOptions {
  /** `tcp://HOST:PORT` (port 0 finds a free one) or `ipc://PATH`. */
  readonly endpoint: string
  readonly feed: Feed
  readonly log: Log
  /** How many messages may wait for one subscriber; of at most 256 KiB each. */
  readonly messagesQueuedMax?: number
}

/** With messages of the largest size, as much as the replies that may wait for a client. */
const messagesQueuedMaxDefault = 256
/** A subscription holds one name; whoever sends more is cut off. */
const subscriptionBytesMax = 1_024
const handshakeMs = 5_000
const backlog = 1_024
/** How long to wait after a failure to read that nobody could foresee. */
const failureDelayMs = 100
const subscribed = 1

export class FeedSocket {
  /** Where it can be reached, with its real port. */
  readonly endpoint: string
  readonly #socket: XPublisher
  readonly #feed: Feed
  readonly #log: Log
  readonly #outgoing = new Queue<[state: string, body: string]>()
  readonly #reading: Promise<void>
  #isSending = false
  #connections = 0

  /** Listens; rejects, with nothing left open, if it cannot. */
  static async bind(options: FeedSocketOptions): Promise<FeedSocket> {
    const { endpoint, messagesQueuedMax = messagesQueuedMaxDefault } = options
    const socket = new XPublisher({
      context: zmqContext,
      sendHighWaterMark: messagesQueuedMax,
      // Subscriptions are small, and none of them may be lost in a burst.
      receiveHighWaterMark: 0,
      maxMessageSize: subscriptionBytesMax,
      linger: 0,
      backlog,
      handshakeInterval: handshakeMs,
      ...keepalive,
      ipv6: endpoint.includes('['),
    })
    socket.verbosity = 'allSubs'
    try {
      await socket.bind(endpoint)
    } catch (error) {
      socket.close()
      throw error
    }
    return new FeedSocket(options, socket)
  }

  private constructor({ endpoint, feed, log }: FeedSocketOptions, socket: XPublisher) {
    this.endpoint = socket.lastEndpoint ?? endpoint
    this.#socket = socket
    this.#feed = feed
    this.#log = log
    const subscribers = (): number => this.#connections
    const messagesQueued = (): number => this.#outgoing.length
    socket.events.on('accept', () => (this.#connections += 1))
    socket.events.on('disconnect', () => (this.#connections -= 1))
    feed.carryOver({
      get subscribers() {
        return subscribers()
      },
      get messagesQueued() {
        return messagesQueued()
      },
      send: (state, body) => {
        this.#outgoing.push([state, body])
        if (!this.#isSending) void this.#send()
      },
    })
    this.#reading = this.#read()
  }

  /** Sends nothing more, and lets go of the port. */
  async close(): Promise<void> {
    this.#feed.close()
    this.#socket.close()
    await this.#reading
  }

  async #read(): Promise<void> {
    while (!this.#socket.closed) {
      try {
        const [message] = await this.#socket.receive()
        if (message !== undefined) this.#take(message)
      } catch (error) {
        if (this.#socket.closed) return
        this.#log.error({ event: 'subscription_failed', error: String(error) }, 'a subscription could not be received')
        await delay(failureDelayMs)
      }
    }
  }

  #take(message: Buffer): void {
    // Anything else is a message that a subscriber sends, which is for nobody.
    if (message[0] === undefined || message[0] > subscribed) return
    const state = stateOfTopic(message.subarray(1))
    if (state === undefined) return
    if (message[0] === subscribed) this.#feed.watch(state)
    else this.#feed.unwatch(state)
  }

  /** One message at a time, as the socket wants it; it waits for no subscriber. */
  async #send(): Promise<void> {
    this.#isSending = true
    for (let next = this.#outgoing.shift(); next !== undefined; next = this.#outgoing.shift()) {
      const [state, body] = next
      try {
        await this.#socket.send([topicOf(state), body])
      } catch (error) {
        if (this.#socket.closed) break
        this.#log.error(
          { event: 'feed_message_failed', error: String(error) },
          'a message of the feed could not be sent',
        )
      }
    }
    this.#isSending = false
  }
}
