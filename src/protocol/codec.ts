// How the bodies of routed messages are encoded: an array of commands for one routing key, and the array of their
// replies. A client picks the best codec that HELLO offers and both sides have.
import type { CommandName } from './commands.ts'
import { type NamedCommand, spreadOf } from './spread.ts'
import type { JsonObject } from './value.ts'

/** A command of the registry with its arguments by name, without `cmd` and the routing key. */
export interface CodecCommand {
  readonly name: CommandName
  readonly args: JsonObject
}

export interface Codec {
  /** The number in the header of routed messages. */
  readonly number: number
  /** The name in HELLO. */
  readonly name: string
  encodeCommands(commands: readonly CodecCommand[]): Uint8Array
  /** For commands on several names of one shard. */
  encodeSpread(commands: readonly NamedCommand[]): Uint8Array
  /** The documented replies, in the order of the commands. Throws on a body that is none. */
  decodeReplies(body: Uint8Array, commands: readonly CodecCommand[]): JsonObject[]
}

export const jsonCodec: Codec = {
  number: 1,
  name: 'json',
  encodeCommands(commands) {
    return Buffer.from(JSON.stringify(commands.map(documented)))
  },
  encodeSpread(commands) {
    return Buffer.from(JSON.stringify(spreadOf(commands, documented)))
  },
  decodeReplies(body, commands) {
    const replies: unknown = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString())
    if (!Array.isArray(replies) || replies.length !== commands.length) throw new Error('the body is not the replies')
    return replies as JsonObject[]
  },
}

function documented({ name, args }: CodecCommand): JsonObject {
  return { cmd: name, ...args }
}
