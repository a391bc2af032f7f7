// The rows of the registry for what an operator asks of the server itself. Where it is about shards that may be down, the
// router runs them without asking a shard, so that they are answered whatever has become of the shards.
import Type from 'typebox'
import { BackupName, Counted, Flag, PositiveInteger } from './arguments.ts'
import type { CommandDeclaration } from './declaration.ts'

/** How many entries SLOWLOG tells of where the caller does not say. */
export const slowLogEntriesDefault = 10

export const administrationCommands = {
  LIST_QUARANTINED: {
    opcode: 60,
    routing: 'router',
    target: 'directory',
    writes: false,
    args: {},
    reply: { shards: Type.Array(Type.Object({})) },
    summary: 'Names the shards that died too often and are left down, with what each was doing last.',
  },
  RELEASE_SHARD: {
    opcode: 61,
    routing: 'router',
    target: 'directory',
    writes: true,
    args: { shard: Counted },
    reply: { released: Type.Boolean() },
    summary: 'Starts a quarantined shard again, its deaths forgotten; false for one that is not quarantined.',
  },
  BACKUP: {
    opcode: 88,
    routing: 'cuts',
    target: 'directory',
    writes: true,
    args: { name: BackupName },
    reply: {
      name: Type.String(),
      path: Type.String(),
      at: Type.Number(),
      seconds: Type.Number(),
      bytes: Type.Integer(),
      shards: Type.Integer(),
    },
    summary:
      'Copies everything as it stands at one moment into a folder of its own, and answers when that is on the disk.',
  },
  SLOWLOG: {
    opcode: 89,
    routing: 'shards',
    target: 'directory',
    writes: false,
    args: { limit: Type.Optional(PositiveInteger), reset: Type.Optional(Flag) },
    reply: { entries: Type.Array(Type.Object({})), missing_shards: Type.Optional(Type.Array(Type.Integer())) },
    summary: 'Tells which requests took their shard too long, the newest first, and where the time went.',
  },
} as const satisfies Record<string, CommandDeclaration>
