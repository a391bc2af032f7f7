// One connection to one server: a socket of its own, from the greeting to the end. When the connection is lost it is over
// for good, and with it everything that was sent on it; a new one has a new socket. This is the only file that knows
// ZeroMQ, which is loaded when it is first needed.
import { randomBytes } from 'node:crypto'
import type { Dealer } from 'zeromq'
import type { Codec } from '../protocol/codec.ts'
import { jsonCodec } from '../protocol/codec.ts'
import { refusal } from '../protocol/errors.ts'
import { readReplyHeader, writeRequestHeader } from '../protocol/frames.ts'
import { parseJson } from '../protocol/json.ts'
import { isObject, type JsonObject, type JsonValue } from '../protocol/value.ts'
import { errorOfRefusal, errorOfReply } from './error.ts'
import { codecOf, readHello, type ServerInfo } from './server-info.ts'

/** While nobody listens yet, the socket tries again after so long, then twice as long, up to the longest. */
const reconnectMs = 20
const reconnectMsMax = 1_000

/** ZMQ_HICCUP_MSG, a draft option that zeromq.js has no name for. */
const hiccupMessageOption = 114

const hello = { name: 'HELLO', args: {} } as const

interface ConnectionSocket extends Dealer {
  /** Has a message delivered behind the last one that came when the connection is lost. */
  setHiccupMessage(message: Buffer): void
}

/** Loads ZeroMQ, or says why it cannot be had. */
export async function loadTransport(): Promise<void> {
  await import('../base/zmq-context.ts')
}

async function createSocket(endpoint: string): Promise<ConnectionSocket> {
  const { Dealer } = await import('zeromq')
  const { keepalive, zmqContext } = await import('../base/zmq-context.ts')
  class Socket extends Dealer implements ConnectionSocket {
    setHiccupMessage(message: Buffer): void {
      this.setStringOption(hiccupMessageOption, message)
    }
  }
  return new Socket({
    context: zmqContext,
    linger: 0,
    ipv6: endpoint.includes('['),
    // What may be on its way is bounded by the batcher, in commands and bytes.
    sendHighWaterMark: 0,
    reconnectInterval: reconnectMs,
    reconnectMaxInterval: reconnectMsMax,
    ...keepalive,
  })
}

export interface OpenOptions {
  readonly endpoint: string
  readonly session: Buffer
  /** How long to wait for the server's answer, in milliseconds. */
  readonly timeoutMs: number
  /** Gives up. */
  readonly signal: AbortSignal
}

export class Connection {
  readonly server: ServerInfo
  readonly codec: Codec
  readonly #socket: ConnectionSocket
  readonly #hiccupMessage: Buffer

  /**
   * Connects and says HELLO. Rejects, with nothing left open, if no Holdfast answers in time; with a `HoldfastError` if
   * something else does, or if it refuses.
   */
  static async open({ endpoint, session, timeoutMs, signal }: OpenOptions): Promise<Connection> {
    const socket = await createSocket(endpoint)
    const close = (): void => socket.close()
    signal.addEventListener('abort', close)
    try {
      signal.throwIfAborted()
      // Random, so that no server can make the client believe it.
      const hiccupMessage = randomBytes(32)
      socket.setHiccupMessage(hiccupMessage)
      socket.receiveTimeout = timeoutMs
      socket.connect(endpoint)
      const header = { codec: jsonCodec.number, requestNumber: 0, session, writeNumber: 0, settled: 0 }
      await socket.send([
        writeRequestHeader({ ...header, isAgain: false, isSpread: false, trace: undefined, wantsMaps: false }),
        '',
        jsonCodec.encodeCommands([hello]),
      ])
      const frames = await socket.receive()
      if (isHiccup(frames, hiccupMessage)) throw new Error('the connection was lost before the reply came')
      const reply = helloReply(frames)
      if (reply.status === 'error') throw errorOfReply(reply)
      socket.receiveTimeout = -1
      socket.sendTimeout = 0
      return new Connection(socket, hiccupMessage, endpoint, reply)
    } catch (error) {
      socket.close()
      throw error
    } finally {
      signal.removeEventListener('abort', close)
    }
  }

  private constructor(socket: ConnectionSocket, hiccupMessage: Buffer, endpoint: string, reply: JsonObject) {
    const server = readHello(reply, endpoint)
    if (server === undefined) {
      throw errorOfRefusal(refusal('UNSUPPORTED', { what: `the server at ${endpoint}, which is no Holdfast` }))
    }
    this.#socket = socket
    this.#hiccupMessage = hiccupMessage
    this.server = server
    this.codec = codecOf(reply)
  }

  /** Sends the frames of a message. If that fails the connection is over. */
  send(frames: (Buffer | Uint8Array | string)[]): void {
    if (!this.#socket.closed) this.#socket.send(frames).catch(() => this.close())
  }

  /** Hands over the frames of each reply; resolves when the connection is over and no reply can come any more. */
  async receive(take: (frames: readonly Buffer[]) => void): Promise<void> {
    while (!this.#socket.closed) {
      let frames: Buffer[]
      try {
        frames = await this.#socket.receive()
      } catch {
        break
      }
      if (isHiccup(frames, this.#hiccupMessage)) break
      take(frames)
    }
    this.close()
  }

  close(): void {
    this.#socket.close()
  }
}

/** True for the message that stands for the end of the connection. */
function isHiccup(frames: readonly Buffer[], hiccupMessage: Buffer): boolean {
  return frames.length === 1 && frames[0]?.equals(hiccupMessage) === true
}

/** The documented reply to HELLO, in the frames of the first message from a server; an empty one if it is none. */
function helloReply([header, body]: readonly Buffer[]): JsonObject {
  const isReply = header !== undefined && body !== undefined && readReplyHeader(header)?.requestNumber === 0
  const parsed = isReply ? parseJson(String(body)) : { value: null }
  const value: JsonValue = 'value' in parsed ? parsed.value : null
  const reply = Array.isArray(value) ? value[0] : value
  return isObject(reply) ? reply : {}
}
