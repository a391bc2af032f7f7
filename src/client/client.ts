// A client of one server: its tables, keyspaces and machines, the commands that are on none of them, and the end. What is
// promised of a call is kept by the batcher, which makes messages of calls, and by the link, which keeps a connection.
import { randomBytes } from 'node:crypto'
import { defaultEndpoint, parseEndpoint } from '../base/endpoint.ts'
import { requestIdOf } from '../protocol/envelope.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import { Batcher } from './batcher.ts'
import type { Caller, CallOptions } from './caller.ts'
import { type Connection, loadTransport } from './connection.ts'
import { clientError } from './error.ts'
import { FeedReceiver } from './feed-receiver.ts'
import { Link } from './link.ts'
import { readCommand } from './read-command.ts'
import { readHello, type ServerInfo } from './server-info.ts'
import { StateMethods } from './state-methods.ts'
import { type WatchSource } from './watch.ts'
import { WatchPlaces } from './watch-places.ts'

export interface ConnectOptions {
  /** How long `connect` tries to reach a server, in milliseconds. Default: 5,000. */
  readonly connectTimeoutMs?: number | undefined
  /** How long a call may take that says nothing else, in milliseconds. Default: 30,000. */
  readonly timeoutMs?: number | undefined
  /**
   * Whether calls are made again within their time: those that did not run for a reason that passes (`OVERLOADED`,
   * `SHARD_RECOVERING`, `SHUTTING_DOWN`), reads whose connection was lost, and writes that no reply came to, which run once
   * all the same. Default: true.
   */
  readonly retry?: boolean | undefined
  /** After how long without a reply a write is sent again for the first time, in milliseconds. Default: 3,000. */
  readonly retryAfterMs?: number | undefined
}

export interface CloseOptions {
  /** How long to wait for the calls that were made, in milliseconds. Default: 5,000. */
  readonly waitMs?: number | undefined
}

export interface StatesOptions extends CallOptions {
  /** Only names that begin so. */
  readonly prefix?: string | undefined
}

const defaultConnectTimeoutMs = 5_000
const defaultTimeoutMs = 30_000
const defaultRetryAfterMs = 3_000
const defaultCloseWaitMs = 5_000
const namesPerPage = 10_000

/**
 * Connects to the server at `endpoint`, `tcp://HOST:PORT` or `ipc://PATH`; of several, to the first that answers.
 * Rejects with `NOT_CONNECTED` if none does. Later the client connects again by itself whenever the connection is lost.
 */
export async function connect(
  endpoint: string | readonly string[] = defaultEndpoint,
  options: ConnectOptions = {},
): Promise<Client> {
  const endpoints = [endpoint].flat()
  const wrong = endpoints.find((text) => parseEndpoint(text) === undefined)
  if (wrong !== undefined || endpoints.length === 0) {
    throw new TypeError(`'${wrong ?? ''}' is no endpoint; it must be tcp://HOST:PORT or ipc://PATH`)
  }
  await loadTransport()
  const client = new Client(endpoints, options)
  try {
    await client.ping({ timeoutMs: options.connectTimeoutMs ?? defaultConnectTimeoutMs })
    return client
  } catch (error) {
    await client.close()
    throw error
  }
}

export class Client extends StateMethods implements AsyncDisposable {
  readonly #batcher: Batcher
  readonly #link: Link
  #server: ServerInfo | undefined
  #closing: Promise<void> | undefined
  readonly #end = new AbortController()
  readonly #feed: FeedReceiver
  readonly #places = new WatchPlaces()

  /** Use `connect`. */
  constructor(endpoints: readonly string[], options: ConnectOptions) {
    super()
    const { timeoutMs = defaultTimeoutMs, retry = true, retryAfterMs = defaultRetryAfterMs } = options
    const session = randomBytes(16)
    const batcher = new Batcher({
      session,
      endpoints,
      timeoutMs,
      retry,
      retryAfterMs,
      onInstanceChange: () => this.#sayHello(),
    })
    this.#batcher = batcher
    this.#feed = new FeedReceiver({ server: () => this.server, instance: () => batcher.instance })
    this.#link = new Link({
      endpoints,
      session,
      onProblem: (problem) => batcher.noticeProblem(problem),
      onUp: (connection) => this.#noticeUp(connection),
      onReply: (frames) => batcher.take(frames),
      onDown: () => batcher.down(),
    })
  }

  /** What the server said of itself when it was asked last. */
  get server(): ServerInfo {
    return this.#server as ServerInfo
  }

  /**
   * Runs any command in its documented form, `{ cmd, ... }`, and resolves to its documented reply. A refusal is thrown as
   * `HoldfastError`.
   */
  async call(
    command: { readonly cmd: string; readonly [field: string]: JsonValue },
    options?: CallOptions,
  ): Promise<JsonObject> {
    const { name, routingKey, args } = readCommand(command)
    const reply = await this.#batcher.run(name, routingKey, args, whole, options)
    return { ...reply, ...requestIdOf(command) }
  }

  /**
   * The names of all states, sorted by their bytes. Rejects with `SHARDS_MISSING` where damaged or quarantined shards would
   * leave gaps; its details are the `missing_shards`, and the `states` of the others.
   */
  async states({ prefix, ...options }: StatesOptions = {}): Promise<string[]> {
    const names: string[] = []
    const missing = new Set<number>()
    let after: string | undefined
    do {
      const args = {
        limit: namesPerPage,
        ...(prefix !== undefined && { prefix }),
        ...(after !== undefined && { after }),
      }
      const reply = await this.#batcher.run('LIST_STATES', '', args, whole, options)
      names.push(...(reply.states as string[]))
      for (const shard of (reply.missing_shards ?? []) as number[]) missing.add(shard)
      after = reply.next as string | undefined
    } while (after !== undefined)
    if (missing.size === 0) return names
    const reason = `nobody knows the states of ${missing.size === 1 ? 'shard' : 'the shards'} ${[...missing].join(', ')}`
    throw clientError('SHARDS_MISSING', reason, { missing_shards: [...missing], states: names })
  }

  /** Asks the server for a sign of life. Resolves to the time that it took, in milliseconds. */
  async ping(options?: CallOptions): Promise<number> {
    const start = performance.now()
    await this.#batcher.run('PING', '', {}, whole, options)
    return performance.now() - start
  }

  /** What every shard holds and has done, as the command `STATS` documents it. */
  stats(options?: CallOptions): Promise<JsonObject> {
    return this.#batcher.run('STATS', '', {}, whole, options)
  }

  /**
   * Takes no more calls, waits for those that were made, and ends the connection. What is not answered in time ends with
   * `CLIENT_CLOSED` if it was not sent, and with `OUTCOME_UNKNOWN` otherwise. May be called again.
   */
  close({ waitMs = defaultCloseWaitMs }: CloseOptions = {}): Promise<void> {
    this.#end.abort()
    this.#feed.close()
    this.#closing ??= this.#batcher.close(waitMs).then(() => this.#link.close())
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  protected override get caller(): Caller {
    return this.#batcher
  }

  protected override get watchSource(): WatchSource {
    // What is kept on a disk has one history, however often it is started, until a backup is put in its place.
    const history = (): number | string | undefined =>
      this.server.durability === 'memory' ? this.#batcher.instance : this.server.dataId
    return { caller: this.#batcher, history, feed: this.#feed, places: this.#places, closed: this.#end.signal }
  }

  #noticeUp(connection: Connection): void {
    this.#server = connection.server
    this.#batcher.up(connection)
  }

  /** The server has lost states, or is not what it was: what is known of it is asked for again. */
  #sayHello(): void {
    const { endpoint } = this.server
    this.#batcher
      .run('HELLO', '', {}, (reply) => readHello(reply, endpoint))
      .then((server) => {
        this.#server = server ?? this.#server
      })
      // A connection that is lost meanwhile begins with HELLO when it is back.
      .catch(() => {})
  }
}

function whole(reply: JsonObject): JsonObject {
  return reply
}
