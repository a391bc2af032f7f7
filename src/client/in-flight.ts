// The messages that were sent and not answered, and the numbers that their headers carry. A message keeps its place until
// its reply is there, or the time of all its calls is over: a server that does not answer must not be sent ever more. One
// that holds a write may be sent again, with the same number and body, so that the server runs it once.
import type { Codec } from '../protocol/codec.ts'
import { commands } from '../protocol/commands.ts'
import { readPlaces } from '../protocol/frames.ts'
import type { JsonObject } from '../protocol/value.ts'
import { type Call, fail, isSpread, succeed } from './call.ts'
import { errorOfReply, outcomeUnknown } from './error.ts'
import type { ServerInfo } from './server-info.ts'

export interface Message {
  readonly calls: readonly Call[]
  /** Of calls on several names, that of the first. */
  readonly routingKey: string
  readonly isSpread: boolean
  /** Rises with every message that may be sent again; 0 for any other. */
  readonly writeNumber: number
  readonly body: Uint8Array
  readonly codec: Codec
  /** The request numbers that it was sent under, one for each time. */
  readonly requests: number[]
  /** Those of them to which the server said that it did not run. */
  refused: number[]
  /** Where it may have run first. */
  ranAt: Pick<ServerInfo, 'dataId' | 'instance' | 'durability' | 'shards'> | undefined
  /** The refusal that it waits for to pass, before it is sent again. */
  heldBy: JsonObject | undefined
  /** How often it was held back. */
  refusals: number
  /** When the next of its calls is out of time. */
  deadline: number
  /** When it is sent again if no reply has come. */
  againAt: number
  /** How long that is after it was sent first; each time after that it is so much longer. */
  readonly silenceMs: number
  isOver: boolean
}

/** The longest silence before a message is sent once more is so many times the first. */
const silencesMax = 10

export class InFlight {
  readonly #all = new Set<Message>()
  readonly #byRequest = new Map<number, Message>()
  /** The write numbers among them, which stand in rising order. */
  readonly #writes = new Set<number>()
  #lastRequest = 0
  #lastWrite = 0
  #commands = 0
  #bytes = 0

  get messages(): number {
    return this.#byRequest.size
  }

  /** True while somebody waits for one of the replies. */
  isAwaited(): boolean {
    for (const { calls } of this.#all) if (calls.some(({ isOver }) => !isOver)) return true
    return false
  }

  get commands(): number {
    return this.#commands
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Below this, every write number was answered or given up. */
  get settled(): number {
    const [first = this.#lastWrite + 1] = this.#writes
    return first
  }

  /** In the order in which they were sent first. */
  all(): Message[] {
    return [...this.#all]
  }

  /** Remembers the calls of a message; it has a number of its own if it may be sent again. */
  add(calls: readonly Call[], body: Uint8Array, codec: Codec, isRepeatable: boolean, silenceMs: number): Message {
    const { routingKey } = calls[0] as Call
    // Shards know numbers. What the router runs, as a transaction, would run a second time.
    const isNumbered = isRepeatable && routingKey !== '' && calls.some(({ name }) => commands[name].writes)
    if (isNumbered) {
      this.#lastWrite += 1
      this.#writes.add(this.#lastWrite)
    }
    const message: Message = {
      calls,
      routingKey,
      isSpread: isSpread(calls),
      writeNumber: isNumbered ? this.#lastWrite : 0,
      body,
      codec,
      requests: [],
      refused: [],
      ranAt: undefined,
      heldBy: undefined,
      refusals: 0,
      deadline: firstDeadline(calls, 0),
      againAt: Number.POSITIVE_INFINITY,
      silenceMs,
      isOver: false,
    }
    this.#all.add(message)
    this.#commands += calls.length
    this.#bytes += body.length
    return message
  }

  /** It is about to be sent to this server. Answers with the request number. */
  send(message: Message, server: ServerInfo, now: number): number {
    // Request numbers are 32 bits wide; 0 is the first HELLO of a connection.
    this.#lastRequest = (this.#lastRequest % 0xffff_ffff) + 1
    if (!mayHaveRun(message)) message.ranAt = server
    message.requests.push(this.#lastRequest)
    this.#byRequest.set(this.#lastRequest, message)
    message.heldBy = undefined
    if (message.writeNumber > 0) {
      message.againAt = now + message.silenceMs * Math.min(message.requests.length, silencesMax)
    }
    return this.#lastRequest
  }

  /** The message that a reply answers; undefined for one that was answered or given up. */
  find(request: number): Message | undefined {
    return this.#byRequest.get(request)
  }

  /** Notes that it waits before it is sent again; `request` is what was refused because the message did not run. */
  hold(message: Message, refusal: JsonObject, request: number | undefined): void {
    if (request !== undefined && !message.refused.includes(request)) message.refused.push(request)
    message.heldBy = refusal
    message.againAt = Number.POSITIVE_INFINITY
  }

  /** Fails the calls whose time is over, and gives up the messages that have no others. Returns the next deadline. */
  expire(now: number): number {
    let next = Number.POSITIVE_INFINITY
    for (const message of this.#all) {
      if (message.deadline <= now) {
        for (const call of message.calls)
          if (call.deadline <= now) fail(call, errorOf(message, 'no reply came in time'))
        message.deadline = firstDeadline(message.calls, now)
        if (message.deadline === Number.POSITIVE_INFINITY) this.remove(message)
      }
      next = Math.min(next, message.deadline)
    }
    return next
  }

  /** Those that nothing was heard of for too long, and when to look again. */
  silent(now: number): { readonly messages: Message[]; readonly next: number } {
    const messages: Message[] = []
    let next = Number.POSITIVE_INFINITY
    for (const message of this.#all) {
      if (message.againAt <= now) messages.push(message)
      else next = Math.min(next, message.againAt)
    }
    return { messages, next }
  }

  remove(message: Message): void {
    if (message.isOver) return
    message.isOver = true
    this.#all.delete(message)
    for (const request of message.requests) this.#byRequest.delete(request)
    this.#writes.delete(message.writeNumber)
    this.#commands -= message.calls.length
    this.#bytes -= message.body.length
  }
}

/** Tells those calls of a message that got through, while others wait; the reply to all of them is yet to come. */
export function settleEarly({ calls, codec }: Message, places: Buffer, body: Buffer): void {
  const told = readPlaces(places).flatMap((place) => calls[place] ?? [])
  for (const [index, reply] of codec.decodeReplies(body, told).entries()) {
    if (reply.status === 'ok') succeed(told[index] as Call, reply)
  }
}

/** Whether it may have run although no reply says so. */
export function mayHaveRun({ requests, refused }: Message): boolean {
  return requests.length > refused.length
}

/** Whether this server would know it if it has run: it has the data of the one that it was sent to, and its memory. */
export function isKnownTo({ ranAt }: Message, { dataId, instance, durability }: ServerInfo): boolean {
  if (ranAt === undefined) return true
  return ranAt.dataId === dataId && (durability !== 'memory' || ranAt.instance === instance)
}

/** Whether its calls still belong into one message: the names that one shard had may be several shards' by now. */
export function isWholeFor({ isSpread: hasNames, ranAt }: Message, { spreads, shards }: ServerInfo): boolean {
  return !hasNames || (spreads && ranAt?.shards === shards)
}

/** What its calls are told at the end: the refusal that kept it, if it cannot have run. */
export function errorOf(message: Message, reason: string): unknown {
  if (message.heldBy !== undefined && !mayHaveRun(message)) return errorOfReply(message.heldBy)
  return outcomeUnknown(reason)
}

function firstDeadline(calls: readonly Call[], after: number): number {
  let first = Number.POSITIVE_INFINITY
  for (const { deadline } of calls) if (deadline > after && deadline < first) first = deadline
  return first
}
