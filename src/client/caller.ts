// Whoever can run commands: a connection to a server, or an engine in this process. Tables and whatever else has typed
// methods stand on this alone, so that they are the same over both.
import type { CommandName } from '../protocol/commands.ts'
import { waitSecondsOf } from '../protocol/envelope.ts'
import type { JsonObject } from '../protocol/value.ts'

/** What any call may be given as its last argument. */
export interface CallOptions {
  /** Ends the wait: the call is rejected with the signal's reason. A command that was sent may still run. */
  readonly signal?: AbortSignal | undefined
  /**
   * How long the call may take, in milliseconds, waiting for a connection and trying again included. What a command itself
   * is told to wait comes on top.
   */
  readonly timeoutMs?: number | undefined
}

export interface Caller {
  /**
   * Runs one command. The object `args` is given away, the values in it are not: they are copied before this returns.
   * Resolves to what `read` makes of the documented reply, and rejects with a `HoldfastError`. A reply that comes after
   * the signal or the time has ended the call may be read all the same, so that what it brings is not lost.
   */
  run<Result>(
    name: CommandName,
    routingKey: string,
    args: JsonObject,
    read: (reply: JsonObject) => Result,
    options?: CallOptions,
  ): Promise<Result>
}

/** How long a command may keep its reply back, in milliseconds, because it was told to wait for something. */
export function waitMsOf(name: CommandName, args: JsonObject): number {
  return Math.max(waitSecondsOf(name, args), 0) * 1_000
}
