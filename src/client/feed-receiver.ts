// Receives the feed of changes of a server, for all watches of a client: one socket, one subscription for each state. Opened
// with the first watch, closed with the last. What it says only makes watches quicker: they hold it against their versions.
import type { Subscriber } from 'zeromq'
import { parseEndpoint } from '../base/endpoint.ts'
import { topicOf } from '../protocol/feed.ts'
import { isObject, type JsonObject } from '../protocol/value.ts'
import { LiveChanges } from './live-changes.ts'
import type { ServerInfo } from './server-info.ts'
import { eventOf } from './watch-events.ts'

export interface FeedReceiverOptions {
  /** The server that the client is connected to now. */
  readonly server: () => ServerInfo
  /** Its instance, as its last reply said it: what another one says is not for this client. */
  readonly instance: () => number | undefined
  /** How many messages may wait in the socket. Default: 1,000. */
  readonly messagesQueuedMax?: number | undefined
}

interface Subscription {
  readonly watches: Set<LiveChanges>
}

interface FeedSubscriber extends Subscriber {
  /** Lets any number of subscriptions be on their way, as none may be lost. */
  unbindSubscriptions(): void
}

const messagesQueuedMaxDefault = 1_000
const reconnectMs = 20
const reconnectMsMax = 1_000
/** How often watches look whether the feed still speaks, and whether the server has it somewhere else. */
const lookMs = 1_000
/** The feed says something every second: after so long without a word, its connection is dead. */
const silenceMsMax = 14_000
/** ZMQ_SNDHWM, which zeromq.js does not show for a socket that only receives. */
const sendHighWaterMarkOption = 23

export class FeedReceiver {
  readonly #options: FeedReceiverOptions
  readonly #states = new Map<string, Subscription>()
  #opening: Promise<FeedSubscriber | undefined> | undefined
  #endpoint: string | undefined
  #heardAt = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: FeedReceiverOptions) {
    this.#options = options
  }

  /** What the feed says of a state from now on; undefined if the server has no feed. */
  watch(state: string): LiveChanges | undefined {
    const { feed } = this.#options.server()
    if (feed === undefined) return undefined
    const live = new LiveChanges()
    const known = this.#states.get(state)
    if (known === undefined) this.#states.set(state, { watches: new Set([live]) })
    else known.watches.add(live)
    this.#timer ??= setInterval(() => this.#look(), lookMs).unref()
    // Said again for each watch, so that the feed says at once where the state stands.
    void this.#use((socket) => socket.subscribe(topicOf(state)))
    return live
  }

  /** The watch is over. */
  unwatch(state: string, live: LiveChanges): void {
    const subscription = this.#states.get(state)
    if (subscription === undefined || !subscription.watches.delete(live)) return
    void this.#use((socket) => socket.unsubscribe(topicOf(state)))
    if (subscription.watches.size === 0) this.#states.delete(state)
    if (this.#states.size === 0) this.close()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    const opening = this.#opening
    this.#opening = undefined
    void opening?.then((socket) => socket?.close())
  }

  #look(): void {
    const isDead = performance.now() - this.#heardAt > silenceMsMax
    if (isDead || this.#endpoint !== this.#wanted()) this.#reopen()
    for (const { watches } of this.#states.values()) for (const live of watches) live.wake()
  }

  /** The feed is silent, or the client is connected to a server whose feed is somewhere else. */
  #reopen(): void {
    const opening = this.#opening
    this.#opening = undefined
    void opening?.then((socket) => socket?.close())
    void this.#use((socket) => {
      for (const [state, { watches }] of this.#states) {
        for (let count = 0; count < watches.size; count += 1) socket.subscribe(topicOf(state))
      }
    })
  }

  async #use(action: (socket: FeedSubscriber) => void): Promise<void> {
    this.#opening ??= this.#open()
    const socket = await this.#opening
    if (socket !== undefined && !socket.closed) action(socket)
  }

  async #open(): Promise<FeedSubscriber | undefined> {
    this.#endpoint = this.#wanted()
    this.#heardAt = performance.now()
    if (this.#endpoint === undefined) return undefined
    const socket = await createSubscriber(this.#endpoint, this.#options.messagesQueuedMax ?? messagesQueuedMaxDefault)
    socket.connect(this.#endpoint)
    void this.#receive(socket)
    return socket
  }

  /** A server that publishes on all of its addresses is asked at the one that the client knows. */
  #wanted(): string | undefined {
    const { feed, endpoint } = this.#options.server()
    const [published, known] = [parseEndpoint(feed ?? ''), parseEndpoint(endpoint)]
    if (published?.transport !== 'tcp' || known?.transport !== 'tcp') return feed
    const isEverywhere = published.host === '0.0.0.0' || published.host === '::'
    const host = known.host.includes(':') ? `[${known.host}]` : known.host
    return isEverywhere ? `tcp://${host}:${published.port}` : feed
  }

  async #receive(socket: FeedSubscriber): Promise<void> {
    while (!socket.closed) {
      let frames: Buffer[]
      try {
        frames = await socket.receive()
      } catch {
        break
      }
      this.#heardAt = performance.now()
      this.#take(frames)
    }
  }

  #take([topic, body]: readonly Buffer[]): void {
    const watches = topic && this.#states.get(topic.subarray(0, -1).toString())?.watches
    if (watches === undefined || body === undefined) return
    const message = parsed(body)
    if (message === undefined || message.instance !== this.#options.instance()) return
    const { state, first, last, changes, position } = message
    if (typeof position === 'number') for (const live of watches) live.takePosition(position)
    if (!Array.isArray(changes)) return
    const events = (changes as JsonObject[]).map((change) => eventOf(state as string, change))
    const page = { first: first as number, last: last as number, changes: events }
    for (const live of watches) live.takePage(page)
  }
}

function parsed(body: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(body.toString())
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

async function createSubscriber(endpoint: string, messagesQueuedMax: number): Promise<FeedSubscriber> {
  const { Subscriber } = await import('zeromq')
  const { keepalive, zmqContext } = await import('../base/zmq-context.ts')
  class Socket extends Subscriber implements FeedSubscriber {
    unbindSubscriptions(): void {
      this.setInt32Option(sendHighWaterMarkOption, 0)
    }
  }
  const socket = new Socket({
    context: zmqContext,
    linger: 0,
    ipv6: endpoint.includes('['),
    receiveHighWaterMark: messagesQueuedMax,
    reconnectInterval: reconnectMs,
    reconnectMaxInterval: reconnectMsMax,
    ...keepalive,
  })
  socket.unbindSubscriptions()
  return socket
}
