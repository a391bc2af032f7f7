// Makes few messages of many calls. All calls made in one turn of the event loop leave together, one message for each
// shard (each routing key, where the server does not know better), a large burst two; what does not fit into the bounds of server and client waits here, in order. Every call
// ends: with its reply, with a refusal, or by its deadline.
import { type CommandName, commands } from '../protocol/commands.ts'
import { refusal } from '../protocol/errors.ts'
import { readReplyHeader, writeRequestHeader } from '../protocol/frames.ts'
import { isObject, type JsonObject } from '../protocol/value.ts'
import { type Call, encodedCalls, fail, failBySignal, isBig, succeed } from './call.ts'
import { CallQueue, lanesAt } from './call-queue.ts'
import { type Caller, type CallOptions, waitMsOf } from './caller.ts'
import type { Connection } from './connection.ts'
import {
  clientError,
  errorOfRefusal,
  errorOfReply,
  type HoldfastError,
  isRequestError,
  outcomeUnknown,
  passesByItself,
  unknownReply,
  unreadable,
} from './error.ts'
import { isFencedElsewhere, runFencedElsewhere } from './fenced-elsewhere.ts'
import { HeldBack } from './held-back.ts'
import { errorOf, InFlight, isKnownTo, isWholeFor, type Message, mayHaveRun, settleEarly } from './in-flight.ts'
import { ownArguments } from './own-arguments.ts'

export interface BatcherOptions {
  readonly session: Buffer
  /** Where servers are looked for, for the words of errors. */
  readonly endpoints: readonly string[]
  /** How long a call may take that says nothing else, in milliseconds. */
  readonly timeoutMs: number
  /** Whether calls are made again: refused ones whose reason passes, reads, and writes, which the server runs once. */
  readonly retry: boolean
  /** After how long without a reply a message with a write is sent again for the first time, in milliseconds. */
  readonly retryAfterMs: number
  /** The server is another one than before, or has lost states. */
  readonly onInstanceChange: () => void
}

/** What one client may have on its way, so that it cannot fill the mailbox of a shard alone. */
const commandsInFlightMax = 16_384
/** In messages of the largest size. */
const bytesInFlightMax = 4
/** A longer message would be parsed elsewhere by the server, and hold up those behind it. */
const messageBytesWanted = 128 * 1024
/** Below this a message more costs what working side by side would win. */
const halfBurstMin = 128
/** Between two looks for calls whose time is over. */
const sweepGapMs = 10
/** 24 days; a longer timer would end at once. */
const timeoutMsMax = 2 ** 31 - 1

export class Batcher implements Caller {
  readonly #options: BatcherOptions
  readonly #queue = new CallQueue()
  readonly #inFlight = new InFlight()
  readonly #heldBack = new HeldBack()
  #connection: Connection | undefined
  #instance: number | undefined
  #problem: string | undefined
  #lastSequence = 0
  /** Read once in each turn, when something is to be sent at its end. */
  #now = 0
  #isSendScheduled = false
  #sweepTimer: NodeJS.Timeout | undefined
  #sweepAt = Number.POSITIVE_INFINITY
  #isClosed = false
  #noticeIdle: (() => void) | undefined

  constructor(options: BatcherOptions) {
    this.#options = options
  }

  /** The number of the server's instance, as its last reply said it. */
  get instance(): number | undefined {
    return this.#instance
  }

  run<Result>(
    name: CommandName,
    routingKey: string,
    args: JsonObject,
    read: (reply: JsonObject) => Result,
    options?: CallOptions,
  ): Promise<Result> {
    if (this.#isClosed) return Promise.reject(clientError('CLIENT_CLOSED', 'no call can be made any more'))
    if (isFencedElsewhere(name, routingKey, args, this.#connection?.server.shards)) {
      return runFencedElsewhere(this, name, routingKey, args, read, options)
    }
    const bytes = ownArguments(args)
    if (typeof bytes !== 'number') return Promise.reject(bytes)
    const timeoutMs = options?.timeoutMs ?? this.#options.timeoutMs
    if (!(timeoutMs >= 0)) return Promise.reject(new RangeError('timeoutMs must be a number that is not negative'))
    this.#scheduleSend()
    const deadline = this.#now + Math.min(timeoutMs + waitMsOf(name, args), timeoutMsMax)
    if (deadline < this.#sweepAt) this.#sweepBy(deadline)
    this.#lastSequence += 1
    const sequence = this.#lastSequence
    const isAlone = isBig(name, args)
    return new Promise<Result>((resolve, reject) => {
      const call: Call = {
        name,
        args,
        routingKey,
        bytes,
        sequence,
        deadline,
        isAlone,
        refusals: 0,
        isOver: false,
        onOver: undefined,
        read,
        resolve: resolve as (result: unknown) => void,
        reject,
      }
      if (options?.signal !== undefined) call.onOver = failBySignal(call, options.signal, () => this.#checkIdle())
      this.#queue.push(call)
    })
  }

  /** There is no connection yet, and what answers is no server for this client. */
  noticeProblem(problem: string): void {
    this.#problem = problem
  }

  /** From now on messages can be sent. */
  up(connection: Connection): void {
    this.#connection = connection
    this.#problem = undefined
    this.#instance = connection.server.instance
    this.#scheduleSend()
    for (const message of this.#inFlight.all()) this.#sendAgain(message)
  }

  /** What was sent and not answered will not be. Writes are kept and sent again, and reads are made again. */
  down(): void {
    this.#connection = undefined
    const given = this.#inFlight.all().filter(({ writeNumber }) => writeNumber === 0 || this.#isClosed)
    this.#giveUp(given, 'the connection was lost before the reply came')
    if (this.#isClosed) this.#failUnsent()
    this.#checkIdle()
  }

  /** Takes a reply as it came, and settles the calls of its message. */
  take([first, ...rest]: readonly Buffer[]): void {
    const connection = this.#connection
    const header = first === undefined ? undefined : readReplyHeader(first)
    const message = header === undefined ? undefined : this.#inFlight.find(header.requestNumber)
    const body = rest.at(-1)
    if (connection === undefined || header === undefined || message === undefined || body === undefined) return
    if (header.instance !== this.#instance) {
      this.#instance = header.instance
      this.#options.onInstanceChange()
    }
    try {
      if (header.isEarly) return settleEarly(message, rest[0] as Buffer, body)
      if (header.isError) {
        const reply: unknown = JSON.parse(body.toString())
        this.#takeRefusal(message, isObject(reply) ? reply : {}, header.requestNumber)
      } else this.#settle(message, message.codec.decodeReplies(body, message.calls), header.requestNumber)
    } catch {
      this.#inFlight.remove(message)
      for (const call of message.calls) fail(call, outcomeUnknown(unreadable))
    }
    if (this.#queue.length > 0) this.#scheduleSend()
    else this.#checkIdle()
  }

  /** Takes no more calls, and waits for those that were made, but not longer than this. */
  async close(waitMsMax: number): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#connection === undefined) {
      this.#failUnsent()
      this.#failSent()
    }
    if (!this.#isIdle()) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMsMax)
        this.#noticeIdle = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    clearTimeout(this.#sweepTimer)
    this.#failUnsent()
    this.#failSent()
  }

  #scheduleSend(): void {
    if (this.#isSendScheduled) return
    this.#isSendScheduled = true
    this.#now = clock()
    setImmediate(() => this.#send())
  }

  #send(): void {
    this.#isSendScheduled = false
    const connection = this.#connection
    if (connection === undefined) return
    const { messageBytesMax, commandsPerMessageMax, requestsInFlightMax } = connection.server.limits
    const room = {
      messages: requestsInFlightMax - this.#inFlight.messages,
      commands: commandsInFlightMax - this.#inFlight.commands,
      bytes: bytesInFlightMax * messageBytesMax - this.#inFlight.bytes,
    }
    // Of a large burst the server gets one half while the other is encoded: from then on both sides work at a time.
    const half =
      this.#inFlight.messages === 0 ? Math.max(halfBurstMin, Math.ceil(this.#queue.length / 2)) : commandsPerMessageMax
    const bounds = { commandsMax: Math.min(half, commandsPerMessageMax), bytesMax: messageBytesWanted }
    const isHeld = (call: Call): boolean => !this.#heldBack.isEmpty && this.#heldBack.holdBehind(call)
    const messages = this.#queue.takeMessages(room, bounds, isHeld, lanesAt(connection.server))
    for (const calls of messages) this.#post(connection, calls)
    this.#checkIdle()
  }

  #post(connection: Connection, calls: readonly Call[]): void {
    const { codec, server } = connection
    const body = encodedCalls(calls, codec, server.limits.messageBytesMax)
    if (body === undefined) return this.#postInParts(connection, calls)
    const { retry, retryAfterMs } = this.#options
    const [{ name, args }] = calls as [Call]
    // One that is to wait is silent for so long.
    const silenceMs = retryAfterMs + (calls.length === 1 ? waitMsOf(name, args) : 0)
    this.#sendMessage(connection, this.#inFlight.add(calls, body, codec, retry, silenceMs))
  }

  #sendMessage(connection: Connection, message: Message): void {
    const { codec, writeNumber, routingKey, isSpread, body } = message
    const isAgain = mayHaveRun(message)
    const requestNumber = this.#inFlight.send(message, connection.server, clock())
    const header = writeRequestHeader({
      codec: codec.number,
      requestNumber,
      session: this.#options.session,
      writeNumber,
      settled: this.#inFlight.settled,
      isAgain,
      isSpread,
      trace: undefined,
      wantsMaps: false,
    })
    connection.send([header, routingKey, body])
    if (message.againAt < this.#sweepAt) this.#sweepBy(message.againAt)
  }

  /** Sends a message with writes once more. Where nobody would know whether it has run, it is not run again. */
  #sendAgain(message: Message): void {
    const connection = this.#connection
    if (connection === undefined || message.isOver) return
    const server = { ...connection.server, instance: this.#instance as number }
    const isWhole = isWholeFor(message, server)
    if (!isWhole && !mayHaveRun(message)) {
      this.#inFlight.remove(message)
      this.#queue.putBack([...message.calls])
      this.#scheduleSend()
    } else if (isWhole && (!mayHaveRun(message) || isKnownTo(message, server))) this.#sendMessage(connection, message)
    else this.#giveUp([message], 'the server that may have run it is gone, and what it held with it')
  }

  /** Nothing will be heard of these messages. All at once, as each time that calls are put back looks at all that wait. */
  #giveUp(messages: readonly Message[], reason: string): void {
    const reads: Call[] = []
    for (const message of messages) {
      this.#inFlight.remove(message)
      for (const call of message.calls) {
        if (this.#options.retry && !commands[call.name].writes) reads.push(call)
        else fail(call, outcomeUnknown(reason))
      }
    }
    this.#queue.putBack(reads)
    if (reads.length > 0) this.#scheduleSend()
  }

  /** How long a message gets was only estimated, and it got too long. */
  #postInParts(connection: Connection, calls: readonly Call[]): void {
    if (calls.length === 1) {
      const what = 'The size of the message in bytes'
      const limit = connection.server.limits.messageBytesMax
      return fail(calls[0] as Call, errorOfRefusal(refusal('LIMIT_EXCEEDED', { what, limit })))
    }
    const middle = calls.length >> 1
    this.#post(connection, calls.slice(0, middle))
    this.#post(connection, calls.slice(middle))
  }

  /** The server refused a message as a whole. */
  #takeRefusal(message: Message, reply: JsonObject, request: number): void {
    const passes = passesByItself(reply.code)
    const mayRun = reply.code === 'OUTCOME_UNKNOWN' && this.#connection?.server.durability !== 'memory'
    if (message.writeNumber > 0 && (passes || mayRun)) return this.#hold(message, reply, passes ? request : undefined)
    this.#inFlight.remove(message)
    const isKnown =
      reply.code !== 'SESSION_EXPIRED' &&
      (message.requests.length - message.refused.length === 1 || isRequestError(reply.code))
    const told = isKnown ? reply : unknownReply(reply)
    for (const call of message.calls) this.#refuse(call, told)
  }

  #hold(message: Message, reply: JsonObject, refusedRequest: number | undefined): void {
    this.#inFlight.hold(message, reply, refusedRequest)
    const until = this.#heldBack.holdMessage(message, reply, clock())
    if (until < this.#sweepAt) this.#sweepBy(until)
  }

  #settle(message: Message, replies: readonly JsonObject[], request: number): void {
    const { calls } = message
    // The same message runs when it comes again; calls in a new one could run a second time if this one came late.
    if (message.writeNumber > 0 && replies.every(({ code }) => passesByItself(code))) {
      return this.#hold(message, replies[0] as JsonObject, request)
    }
    this.#inFlight.remove(message)
    const again: Call[] = []
    for (let index = 0; index < calls.length; index += 1) {
      const call = calls[index] as Call
      const reply = replies[index] as JsonObject
      if (reply.status === 'ok') succeed(call, reply)
      else if (reply.code === 'LIMIT_EXCEEDED' && calls.length > 1 && !commands[call.name].writes) {
        // Perhaps its reply did not fit beside the others of the message.
        call.isAlone = true
        again.push(call)
      } else this.#refuse(call, reply)
    }
    this.#queue.putBack(again)
  }

  #refuse(call: Call, reply: JsonObject): void {
    if (!this.#options.retry || !passesByItself(reply.code)) return fail(call, errorOfReply(reply))
    const until = this.#heldBack.hold(call, reply, clock())
    if (until < this.#sweepAt) this.#sweepBy(until)
  }

  /** Looks after the calls at the given time, if nothing leads to it earlier. */
  #sweepBy(at: number): void {
    clearTimeout(this.#sweepTimer)
    this.#sweepAt = at
    const delayMs = Math.max(at - clock(), 0)
    this.#sweepTimer = setTimeout(() => this.#sweep(), Math.min(delayMs, timeoutMsMax))
  }

  #sweep(): void {
    const now = clock()
    const held = this.#heldBack.sweep(now)
    this.#queue.putBack(held.released)
    let next = Math.min(this.#inFlight.expire(now), held.next)
    this.#sweepAt = Number.POSITIVE_INFINITY
    const silent = this.#connection === undefined ? nothingSilent : this.#inFlight.silent(now)
    for (const message of [...held.messages, ...silent.messages]) this.#sendAgain(message)
    next = Math.min(next, silent.next, this.#sweepAt)
    this.#queue.sweep((call) => {
      if (call.deadline <= now) fail(call, this.#notSent())
      else next = Math.min(next, call.deadline)
    })
    if (next !== Number.POSITIVE_INFINITY) this.#sweepBy(Math.max(next, now + sweepGapMs))
    if (this.#queue.length > 0) this.#scheduleSend()
    else this.#checkIdle()
  }

  #notSent(): HoldfastError {
    if (this.#connection !== undefined) {
      return clientError('NOT_SENT', 'too many calls that were made before this one are not answered yet')
    }
    const problem = this.#problem ?? `no Holdfast answered at ${this.#options.endpoints.join(', ')} in time`
    return clientError('NOT_CONNECTED', problem)
  }

  #failUnsent(): void {
    this.#heldBack.failAll()
    for (const call of this.#queue.takeAll()) fail(call, clientError('CLIENT_CLOSED', 'the command was not sent'))
  }

  #failSent(): void {
    for (const message of this.#inFlight.all()) {
      this.#inFlight.remove(message)
      const error = errorOf(message, 'the client was closed before the reply came')
      for (const call of message.calls) fail(call, error)
    }
  }

  #isIdle(): boolean {
    return this.#queue.length === 0 && !this.#inFlight.isAwaited() && this.#heldBack.isEmpty
  }

  #checkIdle(): void {
    if (this.#noticeIdle !== undefined && this.#isIdle()) this.#noticeIdle()
  }
}

const nothingSilent = { messages: [], next: Number.POSITIVE_INFINITY } as const
/** Whole milliseconds: small integers cost nothing to keep. */
function clock(): number {
  return Math.ceil(performance.now())
}
