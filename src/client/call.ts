// One command that somebody waits for: what to send, and whom to tell. It is settled once; whatever comes later for it is
// ignored. It can be encoded just as it is.
import type { Codec, CodecCommand } from '../protocol/codec.ts'
import { type CommandName, commands } from '../protocol/commands.ts'
import { mayWait } from '../protocol/envelope.ts'
import type { JsonObject } from '../protocol/value.ts'

/** More rows than this are decided in steps, while others on the same state wait. */
const rowsAtOnceMax = 1_000

export interface Call extends CodecCommand {
  readonly routingKey: string
  /** About how many bytes it takes in a message. */
  readonly bytes: number
  /** Rises from call to call: what was made first is sent first. */
  readonly sequence: number
  /** When its time is over, in milliseconds of the batcher's clock. */
  readonly deadline: number
  /** Whether it must have a message of its own, since others would wait for it, or not fit beside it. */
  isAlone: boolean
  /** How often it was refused for a reason that passes. */
  refusals: number
  isOver: boolean
  /** Lets go of whatever could have ended it early. */
  onOver: (() => void) | undefined
  readonly read: (reply: JsonObject) => unknown
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

export function succeed(call: Call, reply: JsonObject): void {
  // What cannot be read throws, and leaves the call to be failed. A reply that comes too late is read, and no more.
  const result = call.read(reply)
  if (call.isOver) return
  call.isOver = true
  call.onOver?.()
  call.resolve(result)
}

export function fail(call: Call, error: unknown): void {
  if (call.isOver) return
  call.isOver = true
  call.onOver?.()
  call.reject(error)
}

/** True for a command that others should not wait behind, and whose reply may be long. */
export function isBig(name: CommandName, args: JsonObject): boolean {
  const { data, limit } = args
  switch (name) {
    case 'SET_STATE':
      return Array.isArray(data) && data.length > rowsAtOnceMax
    case 'LIST_RECORDS':
    case 'LIST_KEYS':
      return typeof limit !== 'number' || limit > rowsAtOnceMax
    case 'ALTER_STATE':
    case 'CLEAR_KEYS':
      return true
    default:
      return commands[name].routing !== 'state' ? commands[name].routing !== 'router' : mayWait(name, args)
  }
}

/** Fails a call when the signal says so, and tells. Returns how to stop listening to it. */
export function failBySignal(call: Call, signal: AbortSignal, onAbort: () => void): () => void {
  const abort = (): void => {
    fail(call, signal.reason)
    onAbort()
  }
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort)
  return () => signal.removeEventListener('abort', abort)
}

/** Whether these are on several names. */
export function isSpread(calls: readonly Call[]): boolean {
  const first = calls[0]?.routingKey
  return calls.some(({ routingKey }) => routingKey !== first)
}

/** The body of a message; undefined if it cannot be one, because it is too long. */
export function encodedCalls(calls: readonly Call[], codec: Codec, bytesMax: number): Uint8Array | undefined {
  try {
    const body = isSpread(calls) ? codec.encodeSpread(calls) : codec.encodeCommands(calls)
    return body.length <= bytesMax ? body : undefined
  } catch (error) {
    // The calls hold nothing but JSON, so only their size can be too much for a string or a buffer.
    if (error instanceof RangeError) return undefined
    throw error
  }
}
