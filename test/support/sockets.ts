// A ZeroMQ front end over a real engine, and clients of it that are as bare as the wire: frames in, frames out.
import { connect, type Socket as TcpSocket } from 'node:net'
import { onTestFinished } from 'vitest'
import { Dealer } from 'zeromq'
import type { Limits } from '../../src/base/limits.ts'
import { silentLog } from '../../src/base/log.ts'
import { type Engine, openEngine } from '../../src/engine.ts'
import { FeedSocket } from '../../src/frontend/feed-socket.ts'
import { ParsePool } from '../../src/frontend/parse-pool.ts'
import type { Parser } from '../../src/frontend/requests.ts'
import { ZmqFrontEnd } from '../../src/frontend/zmq.ts'
import { readReplyHeader, writeRequestHeader } from '../../src/protocol/frames.ts'
import type { JsonObject } from '../../src/protocol/value.ts'

export interface Server {
  readonly engine: Engine
  readonly frontEnd: ZmqFrontEnd
  /** Where to connect to; the first one if there are several. */
  readonly endpoint: string
  /** In the order in which the daemon does it. */
  readonly close: () => Promise<void>
}

export interface ServerOptions {
  readonly shards?: number
  readonly limits?: Partial<Limits>
  readonly endpoints?: readonly string[]
  /** Whether there is a feed of changes, and how many messages may wait for a subscriber. */
  readonly feed?: number | true
  /** The folder of a server that keeps its data; its shards can be made to fail. */
  readonly data?: string
  readonly faultsEnabled?: boolean
  /** Who reads large messages: the pool, the front end's own thread, or one of the test's. */
  readonly parser?: 'pool' | 'here' | Parser
}

export async function openServer(options: ServerOptions = {}): Promise<Server> {
  const { shards = 0, limits = {}, data, endpoints = ['tcp://127.0.0.1:0'], parser = 'here', feed } = options
  const { faultsEnabled = data !== undefined } = options
  const engine = await openEngine({ shards, limits, faultsEnabled, ...(data !== undefined && { data }) })
  const pool = parser === 'pool' ? new ParsePool(engine.limits, silentLog) : undefined
  const feedSocket =
    feed === undefined
      ? undefined
      : await FeedSocket.bind({
          endpoint: 'tcp://127.0.0.1:0',
          feed: engine.feed,
          log: silentLog,
          ...(typeof feed === 'number' && { messagesQueuedMax: feed }),
        })
  engine.router.feedEndpoint = feedSocket?.endpoint
  if (feedSocket !== undefined) engine.router.feed = engine.feed
  const used = typeof parser === 'string' ? pool : parser
  const frontEnd = await ZmqFrontEnd.bind({
    endpoints,
    router: engine.router,
    limits: engine.limits,
    log: silentLog,
    ...(used && { parser: used }),
  })
  engine.router.frontEnd = frontEnd
  const close = async (): Promise<void> => {
    await engine.router.drain()
    await frontEnd.close()
    await feedSocket?.close()
    await pool?.close()
    await engine.close()
  }
  return { engine, frontEnd, endpoint: frontEnd.endpoints[0] ?? '', close }
}

/** A server that is closed when the test is over. */
export async function serve(options: ServerOptions = {}): Promise<Server> {
  const server = await openServer(options)
  onTestFinished(server.close)
  return server
}

/** A reply that takes longer fails the test. */
const replyMsMax = 15_000

/** A DEALER that is closed when the test is over. */
export function dealer(endpoint: string, options: ConstructorParameters<typeof Dealer>[0] = {}): Dealer {
  const socket = new Dealer({ linger: 0, receiveTimeout: replyMsMax, sendTimeout: replyMsMax, ...options })
  socket.connect(endpoint)
  onTestFinished(() => socket.close())
  return socket
}

type Sent = JsonObject | readonly JsonObject[] | string | Buffer

export function frameOf(message: Sent): string | Buffer {
  return typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message)
}

/** The next plain reply, which is one frame of JSON. */
export async function nextReply<Reply = JsonObject>(socket: Dealer): Promise<Reply> {
  const frames = await socket.receive()
  if (frames.length !== 1) throw new Error(`a plain reply of ${frames.length} frames`)
  return JSON.parse(String(frames[0])) as Reply
}

/** Sends a plain message and awaits the next reply. */
export async function ask<Reply = JsonObject>(socket: Dealer, message: Sent): Promise<Reply> {
  await socket.send(frameOf(message))
  return nextReply<Reply>(socket)
}

/** The header of a routed request whose number is 7, codec 1. */
export function requestHeader(changes: Partial<Parameters<typeof writeRequestHeader>[0]> = {}): Buffer {
  const session = Buffer.alloc(16, 5)
  return writeRequestHeader({
    codec: 1,
    wantsMaps: false,
    requestNumber: 7,
    session,
    // Numbered messages are a matter of their own: see test/shard/retries.test.ts.
    writeNumber: 0,
    settled: 0,
    isAgain: false,
    isSpread: false,
    trace: undefined,
    ...changes,
  })
}

export interface RoutedReply {
  readonly header: NonNullable<ReturnType<typeof readReplyHeader>>
  readonly body: JsonObject | JsonObject[]
}

/** The next routed reply. */
export async function nextRoutedReply(socket: Dealer): Promise<RoutedReply> {
  const [first, body, ...more] = await socket.receive()
  const header = first === undefined ? undefined : readReplyHeader(first)
  if (header === undefined || body === undefined || more.length > 0) throw new Error('not a routed reply')
  return { header, body: JSON.parse(body.toString()) as RoutedReply['body'] }
}

/** Sends the frames of a routed message and awaits the next reply. */
export async function askRouted(socket: Dealer, key: string | Buffer, body: Sent): Promise<RoutedReply> {
  await socket.send([requestHeader(), key, frameOf(body)])
  return nextRoutedReply(socket)
}

/** A bare TCP connection to an endpoint, for bytes that no ZeroMQ socket sends. */
export function rawConnection(endpoint: string): TcpSocket {
  const { hostname, port } = new URL(endpoint)
  const socket = connect({ host: hostname, port: Number(port) })
  // The server may well cut it.
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  return socket
}
