// A connection to a daemon for people who try things: one plain message, one reply, one at a time. For the verbs `call` and
// `shell`, with the options that both have. Says in words what became of a message that got no reply.
import { type Command, InvalidArgumentError, Option } from 'commander'
import { Request } from 'zeromq'
import { defaultEndpoint, parseEndpoint } from '../base/endpoint.ts'
import { Problem } from '../base/problem.ts'
import type { JsonValue } from '../protocol/value.ts'

export interface ConnectionOptions {
  readonly endpoint: string
  /** How long a message waits for its reply, in milliseconds. */
  readonly timeout: number
}

/** No reply came, or none of a daemon. */
export class NoReply extends Problem {
  override readonly name = 'NoReply'
  /** Whether the message left, so that it may have been carried out. */
  readonly wasSent: boolean

  constructor(wasSent: boolean, message: string, advice?: string) {
    super(message, advice)
    this.wasSent = wasSent
  }
}

export interface ExchangeOptions {
  /** Milliseconds; shorter or longer than the connection's own. */
  readonly timeout?: number
  /** Stops waiting. */
  readonly signal?: AbortSignal
}

const timeoutSecondsMax = 86_400

/** Adds `--endpoint` and `--timeout`, which is so many milliseconds where nobody says. */
export function addConnectionOptions(command: Command, timeoutMs = 5_000): Command {
  return command
    .addOption(
      new Option('--endpoint <ENDPOINT>', 'where the daemon takes commands')
        .default(defaultEndpoint, defaultEndpoint)
        .argParser(readEndpoint),
    )
    .addOption(
      new Option('--timeout <SECONDS>', 'how long to wait for the reply')
        .default(timeoutMs, String(timeoutMs / 1_000))
        .argParser(readTimeout),
    )
}

export class Connection {
  readonly endpoint: string
  readonly #timeout: number
  #socket: Request | undefined
  #isWaiting = false
  #losses = 0

  constructor({ endpoint, timeout }: ConnectionOptions) {
    this.endpoint = endpoint
    this.#timeout = timeout
  }

  /** How often there was an end to the connection: who answers after one may be a daemon that was started anew. */
  get losses(): number {
    return this.#losses
  }

  /** Sends a message and resolves to the reply; rejects with a `NoReply`. After that the next message may go better. */
  async exchange(message: string, { timeout = this.#timeout, signal }: ExchangeOptions = {}): Promise<JsonValue> {
    const deadline = performance.now() + timeout
    const socket = (this.#socket ??= this.#open())
    const stop = (): void => this.#drop()
    signal?.addEventListener('abort', stop)
    try {
      socket.sendTimeout = timeout
      await socket.send(message).catch(() => {
        throw this.#notSent(signal)
      })
      this.#isWaiting = true
      const lossesBefore = this.#losses
      const [reply] = await receive(socket, deadline).catch(() => {
        throw this.#notAnswered(this.#losses > lossesBefore, timeout, signal)
      })
      return this.#read(String(reply))
    } catch (error) {
      // What is answered too late must not be taken for the reply to the next message.
      this.#drop()
      throw error
    } finally {
      this.#isWaiting = false
      signal?.removeEventListener('abort', stop)
    }
  }

  close(): void {
    this.#drop()
  }

  #open(): Request {
    // Without `immediate` a message would be queued for a daemon that is not there, and nobody could say whether it ran.
    const socket = new Request({ linger: 0, immediate: true, ipv6: this.endpoint.includes('[') })
    socket.events.on('disconnect', () => {
      if (socket !== this.#socket) return
      // A reply that is waited for was on its way over the connection that is gone. Else the socket connects again.
      if (this.#isWaiting) this.#drop()
      else this.#losses += 1
    })
    socket.connect(this.endpoint)
    return socket
  }

  #drop(): void {
    if (this.#socket === undefined) return
    this.#losses += 1
    this.#socket.close()
    this.#socket = undefined
  }

  #notSent(signal: AbortSignal | undefined): NoReply {
    if (signal?.aborted) return new NoReply(false, 'stopped waiting; the message was not sent.')
    return new NoReply(
      false,
      `nobody answers at ${this.endpoint}; the message was not sent.`,
      `Start a daemon with 'holdfast serve', or name the endpoint of one with --endpoint.`,
    )
  }

  #notAnswered(isLost: boolean, timeout: number, signal: AbortSignal | undefined): NoReply {
    const outcome = 'the message was sent and may have been carried out.'
    if (signal?.aborted) return new NoReply(true, `stopped waiting; ${outcome}`)
    if (isLost) {
      return new NoReply(
        true,
        `${this.endpoint} went away before it replied; ${outcome}`,
        'Look at the log of the daemon.',
      )
    }
    return new NoReply(
      true,
      `no reply from ${this.endpoint} within ${timeout / 1000} s; ${outcome}`,
      'Wait longer with --timeout, or look at the log of the daemon.',
    )
  }

  #read(reply: string): JsonValue {
    try {
      return JSON.parse(reply) as JsonValue
    } catch {
      throw new NoReply(
        true,
        `what ${this.endpoint} replied is not JSON: it is no holdfast.`,
        'Name another with --endpoint.',
      )
    }
  }
}

/** Rejects also where the socket was closed in the meantime. */
async function receive(socket: Request, deadline: number): Promise<Buffer[]> {
  socket.receiveTimeout = Math.max(1, Math.ceil(deadline - performance.now()))
  return socket.receive()
}

function readEndpoint(given: string): string {
  const endpoint = parseEndpoint(given)
  if (endpoint === undefined || given.includes('*') || (endpoint.transport === 'tcp' && endpoint.port === 0)) {
    throw new InvalidArgumentError('It must be tcp://HOST:PORT or ipc://PATH.')
  }
  return given
}

function readTimeout(given: string): number {
  const seconds = /^\d*\.?\d+$/.test(given) ? Number(given) : 0
  if (seconds <= 0 || seconds > timeoutSecondsMax) {
    throw new InvalidArgumentError(`It must be a number of seconds, more than 0 and at most ${timeoutSecondsMax}.`)
  }
  return Math.ceil(seconds * 1000)
}
