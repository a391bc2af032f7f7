// The rows of the registry for locks. See commands.ts, which joins them to the others. A command on one lock names it in
// the field `lock`, which is its routing key: a lock is no state, and has no version.
import Type, { type TSchema } from 'typebox'
import { Counted, LockSeconds, Owner, PositiveInteger, Text, WaitSeconds } from './arguments.ts'
import type { CommandDeclaration } from './declaration.ts'

const optional = Type.Optional
const orNull = (type: TSchema) => Type.Union([type, Type.Null()])

/** What a lock is like where nobody says, in seconds. */
export const defaultLockTtl = 30
export const defaultLockTimeout = 30

/** Of who asked, where that is who has it now; `expires_in` is of whoever has it. */
const grant = {
  acquired: Type.Boolean(),
  owner: orNull(Type.String()),
  token: orNull(Type.Integer()),
  expires_in: orNull(Type.Number()),
}

export const lockCommands = {
  TRY_LOCK: {
    opcode: 64,
    routing: 'state',
    target: 'lock',
    writes: true,
    args: { ttl: optional(LockSeconds), owner: optional(Owner) },
    reply: grant,
    summary: 'Takes a lock if nobody has it.',
  },
  LOCK: {
    opcode: 65,
    routing: 'state',
    target: 'lock',
    writes: true,
    args: { ttl: optional(LockSeconds), timeout: optional(WaitSeconds), owner: optional(Owner) },
    reply: grant,
    waits: { field: 'timeout', otherwise: defaultLockTimeout },
    summary: 'Takes a lock, and waits its turn where somebody has it.',
  },
  EXTEND_LOCK: {
    opcode: 66,
    routing: 'state',
    target: 'lock',
    writes: true,
    args: { owner: Owner, token: optional(Counted), ttl: optional(LockSeconds) },
    reply: { extended: Type.Boolean() },
    summary: 'Has a lock that is held last so long from now on, by default as long as before; false on a free one.',
  },
  UNLOCK: {
    opcode: 67,
    routing: 'state',
    target: 'lock',
    writes: true,
    frees: true,
    args: { owner: Owner, token: optional(Counted) },
    reply: { released: Type.Boolean() },
    summary: 'Gives a lock back, to whoever waits for it first; false on a free one.',
  },
  GET_LOCK: {
    opcode: 68,
    routing: 'state',
    target: 'lock',
    writes: false,
    args: {},
    reply: {
      held: Type.Boolean(),
      owner: orNull(Type.String()),
      token: orNull(Type.Integer()),
      expires_in: orNull(Type.Number()),
      waiters: Type.Integer(),
    },
    summary: 'Says who has a lock, and how many wait for it; `token` is the newest that is remembered.',
  },
  LIST_LOCKS: {
    opcode: 69,
    routing: 'shards',
    target: 'lock',
    writes: false,
    args: { pattern: optional(Text), limit: optional(PositiveInteger), after: optional(Text) },
    reply: { locks: Type.Array(Type.Object({})), next: optional(Type.String()) },
    summary: 'Describes the locks that are held on all shards, sorted by the bytes of their names.',
  },
} as const satisfies Record<string, CommandDeclaration>
