// Runs the commands of tables on an engine in this process, in place of a connection. There is nothing to gather and
// nothing to lose on the way, so a call is one command and its reply.
import { nameFieldOf } from '../protocol/commands.ts'
import type { JsonObject } from '../protocol/value.ts'
import { type Caller, type CallOptions, waitMsOf } from './caller.ts'
import { errorOfReply, outcomeUnknown } from './error.ts'

/** A caller over an engine's `call`, which answers every command in its documented form with a reply. */
export function embeddedCaller(call: (command: JsonObject) => Promise<JsonObject>): Caller {
  return {
    async run(name, routingKey, args, read, options) {
      options?.signal?.throwIfAborted()
      const field = nameFieldOf(name)
      const replying = call({ ...args, ...(field !== undefined && { [field]: routingKey }), cmd: name })
      const reading = replying.then((reply) => {
        if (reply.status !== 'ok') throw errorOfReply(reply)
        return read(reply)
      })
      return options === undefined ? reading : within(reading, options, waitMsOf(name, args))
    },
  }
}

/** The result, unless the signal or the time ends the wait for it. */
async function within<Result>(
  result: Promise<Result>,
  { signal, timeoutMs }: CallOptions,
  waitMs: number,
): Promise<Result> {
  let giveUp = (_: unknown): void => {}
  const givenUp = new Promise<never>((_, reject) => {
    giveUp = reject
  })
  const end = (): void => giveUp(outcomeUnknown('no reply came in time'))
  const timer = timeoutMs === undefined ? undefined : setTimeout(end, timeoutMs + waitMs)
  const abort = (): void => giveUp(signal?.reason)
  signal?.addEventListener('abort', abort)
  try {
    return await Promise.race([result, givenUp])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  }
}
