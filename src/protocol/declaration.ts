// What the registry says of a command. The rows themselves are in commands.ts, and in the files named after what their
// commands are about, such as key-commands.ts.
import type { TSchema } from 'typebox'
import type { ArgumentTypes } from './arguments.ts'

/**
 * Who runs a command: `state`, the shard that owns the state or lock that it names; `shards`, every shard, the
 * router joining their answers; `operations` and `cuts`, the router with the shards' help, of which `cuts` are about what all
 * shards hold at one moment; `router`, the router itself.
 */
export type Routing = 'state' | 'shards' | 'operations' | 'cuts' | 'router'

/**
 * What a routed command is decided on: `table` or `machine`, an existing state of that kind; `keys`, a keyspace, which is there as
 * soon as somebody names it; `lock`, the shard's locks; `state`, an existing state of any kind; `directory`, the shard's whole
 * set of states.
 */
export type Target = 'table' | 'keys' | 'machine' | 'lock' | 'state' | 'directory'

export interface CommandDeclaration {
  readonly opcode: number
  readonly routing: Routing
  readonly target: Target
  readonly writes: boolean
  /** True for a write that only removes, or moves what is there: it is admitted while the disk is full. */
  readonly frees?: true
  /** Whether it can be an operation of a transaction. */
  readonly transactional?: true
  readonly args: ArgumentTypes
  readonly reply: Readonly<Record<string, TSchema>>
  /** The first field of the reply, where that may be a long list: it is then encoded a piece at a time. */
  readonly longList?: string
  /** For one that may wait: the argument that says for how many seconds, and what holds without it. Default: `wait`, 0. */
  readonly waits?: { readonly field: string; readonly otherwise: number }
  readonly summary: string
}
