// The stateless pool that takes large messages apart, so that neither the router nor a shard stands still for them. Its
// threads start with the first large message and end when there are none for a while.
import { availableParallelism } from 'node:os'
import { Piscina } from 'piscina'
import type { Limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import { type Refusal, refusal } from '../protocol/errors.ts'
import type { Message, MessageElement, MessageOptions } from '../protocol/message.ts'
import type { Parser } from './requests.ts'

/** Messages that may wait for a thread. */
const waitingMax = 32
const idleMs = 10_000
/** The largest message takes a fraction of a second; a thread that needs so long hangs. */
const parseMsMax = 30_000

export class ParsePool implements Parser {
  readonly #pool: Piscina
  readonly #options: MessageOptions
  #isClosed = false

  constructor(limits: Limits, log: Log) {
    // Tests run the sources, but threads always run what was built.
    const entry = import.meta.url.endsWith('.ts') ? '../../dist/workers/task.js' : '../../workers/task.js'
    this.#options = { commandsMax: limits.commandsPerMessageMax, sliceRows: true }
    this.#pool = new Piscina({
      filename: new URL(entry, import.meta.url).href,
      minThreads: 0,
      maxThreads: Math.max(1, availableParallelism() - 1),
      maxQueue: waitingMax,
      idleTimeout: idleMs,
      recordTiming: false,
      resourceLimits: { maxOldGenerationSizeMb: limits.shardHeapMegabytesMax },
    })
    this.#pool.on('error', (error: unknown) =>
      log.warn({ event: 'parser_failed', error: String(error) }, 'a parser thread failed'),
    )
  }

  /** Takes a message apart, as `readMessage` does. */
  takeApart(message: Buffer): Promise<Message | Refusal> {
    return this.#run('takeApart', message, { options: this.#options })
  }

  /** Finds the long list of a routed body, as `readLongBody` does. */
  readLongBody(body: Buffer, isPacked: boolean, routingKey: string): Promise<MessageElement | undefined | Refusal> {
    return this.#run('findLongList', body, { isPacked, routingKey })
  }

  /** Refuses as overload when too many wait. The message stays whole. */
  async #run<Parts>(name: string, message: Buffer, task: object): Promise<Parts | Refusal> {
    // Piscina would start threads again, which nobody would end.
    if (this.#isClosed) throw new Error('the parser is closed')
    if (this.#pool.queueSize >= waitingMax) return refusal('OVERLOADED', { what: 'the parser' })
    // Memory that ZeroMQ owns cannot be transferred, so it is copied once, and the copy is.
    const frame = new Uint8Array(message)
    const options = { name, transferList: [frame.buffer], signal: AbortSignal.timeout(parseMsMax) }
    return (await this.#pool.run({ frame, ...task }, options)) as Parts | Refusal
  }

  /** Ends the threads; messages that are with them are rejected. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#pool.destroy()
  }
}
