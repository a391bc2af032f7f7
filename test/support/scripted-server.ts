// A server that answers as a test says, or not at all: for what a real one cannot be made to do at a wanted moment. It
// says HELLO by itself and speaks codec 1.
import { onTestFinished } from 'vitest'
import { Router } from 'zeromq'
import { type RequestHeader, readRequestHeader, writePlaces, writeReplyHeader } from '../../src/protocol/frames.ts'
import { readSpread } from '../../src/protocol/spread.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { freePort } from './ports.ts'

export interface ScriptedMessage {
  readonly header: RequestHeader
  readonly routingKey: string
  readonly commands: readonly JsonObject[]
  /** The name that each command is on, where the message is on several. */
  readonly names: readonly string[] | undefined
  /** Answers the message: an array of replies, an object as the refusal of all of it, or any text. */
  readonly reply: (body: JsonObject | JsonObject[] | string) => void
  /** Answers some of its commands ahead of the others. */
  readonly early: (places: number[], replies: JsonObject[]) => void
}

const limits = {
  message_bytes_max: 16 * 1024 * 1024,
  reply_bytes_max: 64 * 1024 * 1024,
  commands_per_message_max: 1_000,
  requests_in_flight_per_peer_max: 10_000,
  record_bytes_max: 256 * 1024,
}

export class ScriptedServer {
  readonly endpoint: string
  /** What came, besides PING and HELLO, in order. */
  readonly messages: ScriptedMessage[] = []
  instance = 1
  dataId = 'one'
  durability = 'memory'
  features: string[] = []
  shards = 1
  hellos = 0
  /** What it says to HELLO, if not that it is a Holdfast. */
  greeting: JsonObject | string | undefined
  #socket: Router | undefined
  readonly #answer: (message: ScriptedMessage) => void
  readonly #limits: JsonObject

  constructor(endpoint: string, answer: (message: ScriptedMessage) => void, changedLimits: JsonObject) {
    this.endpoint = endpoint
    this.#answer = answer
    this.#limits = { ...limits, ...changedLimits }
  }

  async start(): Promise<void> {
    const socket = new Router({ linger: 0, sendTimeout: 0 })
    this.#socket = socket
    // The port is given back a moment after the socket before was closed.
    for (let attempt = 0; ; attempt += 1) {
      try {
        await socket.bind(this.endpoint)
        break
      } catch (error) {
        if (attempt === 1_000) throw error
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    void this.#read(socket)
  }

  /** Cuts all connections, in the middle of whatever was asked. */
  stop(): void {
    this.#socket?.close()
  }

  async #read(socket: Router): Promise<void> {
    try {
      for await (const [identity, first, routingKey, body] of socket) {
        const header = readRequestHeader(first as Buffer)
        if ('code' in header) throw new Error(header.message)
        this.#take(socket, identity as Buffer, header, String(routingKey), JSON.parse(String(body)) as JsonObject[])
      }
    } catch (error) {
      if (!socket.closed) throw error
    }
  }

  #take(socket: Router, identity: Buffer, header: RequestHeader, routingKey: string, body: JsonObject[]): void {
    const spread = header.isSpread ? readSpread(body, 1_000) : { commands: body, keys: undefined }
    if ('code' in spread) throw new Error(spread.message)
    const commands = spread.commands as JsonObject[]
    const early = (places: number[], replies: JsonObject[]): void => {
      const earlyHeader = writeReplyHeader({ ...header, isError: false, isEarly: true, instance: this.instance })
      socket.send([identity, earlyHeader, writePlaces(places), JSON.stringify(replies)]).catch(() => {})
    }
    const reply = (body: JsonObject | JsonObject[] | string): void => {
      const isError = typeof body === 'object' && !Array.isArray(body)
      const replyHeader = writeReplyHeader({ ...header, isError, isEarly: false, instance: this.instance })
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      if (!socket.closed) socket.send([identity, replyHeader, text]).catch(() => {})
    }
    if (this.greeting !== undefined) return reply(this.greeting)
    if (commands.every(({ cmd }) => cmd === 'PING' || cmd === 'HELLO')) {
      reply(commands.map(({ cmd }) => (cmd === 'PING' ? { status: 'ok', pong: true } : this.#hello())))
      return
    }
    const message = { header, routingKey, names: spread.keys, commands, reply, early }
    this.messages.push(message)
    this.#answer(message)
  }

  #hello(): JsonObject {
    this.hellos += 1
    const { instance, durability, dataId } = this
    const facts = { server_version: '9.9.9', protocol: 1, codecs: ['json', 'a later one'] }
    const { shards, features } = this
    return {
      status: 'ok',
      name: 'holdfast',
      ...facts,
      shards,
      features,
      instance,
      durability,
      limits: this.#limits,
      data_id: dataId,
    }
  }
}

/** A server that is closed when the test is over; `answer` gets each message, and need not reply to it. */
export async function scriptedServer(
  answer: (message: ScriptedMessage) => void,
  changedLimits: JsonObject = {},
): Promise<ScriptedServer> {
  const server = new ScriptedServer(`tcp://127.0.0.1:${await freePort()}`, answer, changedLimits)
  await server.start()
  onTestFinished(() => server.stop())
  return server
}

/** Replies ok to every command of a message. */
export function ok({ commands, reply }: ScriptedMessage): void {
  reply(commands.map(() => ({ status: 'ok', patched: true, version: 1, record: null, revision: 0 })))
}
