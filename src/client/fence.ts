// A fence as it is given to methods that write: a lock and a token of it. A write under a fence does not happen if somebody
// else was granted the lock since.
import type { Fence } from '../protocol/arguments.ts'
import { type CommandName, mayBeFenced } from '../protocol/commands.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { CallOptions } from './caller.ts'

/** What any method that writes may be given as its last argument. */
export interface WriteCallOptions extends CallOptions {
  /**
   * The write is refused with `FENCED` if the lock was granted with a newer token. A lock that was granted can stand
   * here as it is. Where lock and state live on one shard, by the same name or a common `{tag}` in their names, a write
   * costs no more than without; elsewhere it runs as a transaction of both shards, and is not sent again by itself where it
   * may have run.
   */
  readonly fence?: Fence | undefined
}

/** The arguments of a command, with the fence if it writes. A method that reads first and then writes fences the write. */
export function withFence(name: CommandName, args: JsonObject, options: WriteCallOptions | undefined): JsonObject {
  if (options?.fence === undefined || !mayBeFenced(name)) return args
  const { lock, token } = options.fence
  args.fence = { lock, token }
  return args
}
