// The messages that were sent and not answered, and the numbers that their headers carry. A message keeps its place until
// its reply is there, its connection has ended, or the time of all its calls is over: a server that does not answer must
// not be sent ever more.
import { commands } from '../protocol/commands.ts'
import { type Call, fail } from './call.ts'
import { outcomeUnknown } from './error.ts'

export interface Message {
  /** The request number of its header. */
  readonly number: number
  readonly calls: readonly Call[]
  /** Rises with every message that holds a write; 0 for one that holds none. */
  readonly writeNumber: number
  /** Every lower write number was answered, or given up. */
  readonly settled: number
  readonly bytes: number
  /** When the next of its calls is out of time. */
  deadline: number
}

export class InFlight {
  readonly #messages = new Map<number, Message>()
  /** The write numbers among them, which stand in rising order. */
  readonly #writes = new Set<number>()
  #lastNumber = 0
  #lastWrite = 0
  #commands = 0
  #bytes = 0

  get messages(): number {
    return this.#messages.size
  }

  /** True while somebody waits for one of the replies. */
  isAwaited(): boolean {
    for (const { calls } of this.#messages.values()) if (calls.some(({ isOver }) => !isOver)) return true
    return false
  }

  get commands(): number {
    return this.#commands
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Gives the calls of a message its numbers, and remembers it. */
  add(calls: readonly Call[], bytes: number): Message {
    const writes = calls.some(({ name }) => commands[name].writes)
    // Numbers of requests are 32 bits wide; 0 is the first HELLO of a connection.
    this.#lastNumber = (this.#lastNumber % 0xffff_ffff) + 1
    if (writes) {
      this.#lastWrite += 1
      this.#writes.add(this.#lastWrite)
    }
    const [settled = this.#lastWrite + 1] = this.#writes
    const message: Message = {
      number: this.#lastNumber,
      calls,
      writeNumber: writes ? this.#lastWrite : 0,
      settled,
      bytes,
      deadline: firstDeadline(calls, 0),
    }
    this.#messages.set(message.number, message)
    this.#commands += calls.length
    this.#bytes += bytes
    return message
  }

  /** The message that a reply answers; undefined for one that was given up. */
  take(number: number): Message | undefined {
    const message = this.#messages.get(number)
    if (message !== undefined) this.#remove(message)
    return message
  }

  takeAll(): Message[] {
    const messages = [...this.#messages.values()]
    for (const message of messages) this.#remove(message)
    return messages
  }

  /** Fails the calls whose time is over, and gives up the messages that have no others. Returns the next deadline. */
  expire(now: number): number {
    let next = Number.POSITIVE_INFINITY
    for (const message of this.#messages.values()) {
      if (message.deadline <= now) {
        for (const call of message.calls) {
          if (call.deadline <= now) fail(call, outcomeUnknown('no reply came in time'))
        }
        message.deadline = firstDeadline(message.calls, now)
        if (message.deadline === Number.POSITIVE_INFINITY) this.#remove(message)
      }
      next = Math.min(next, message.deadline)
    }
    return next
  }

  #remove({ number, writeNumber, calls, bytes }: Message): void {
    this.#messages.delete(number)
    this.#writes.delete(writeNumber)
    this.#commands -= calls.length
    this.#bytes -= bytes
  }
}

function firstDeadline(calls: readonly Call[], after: number): number {
  let first = Number.POSITIVE_INFINITY
  for (const { deadline } of calls) if (deadline > after && deadline < first) first = deadline
  return first
}
