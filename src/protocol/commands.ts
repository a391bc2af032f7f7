// The command registry: every command is declared here once, as data. Validation, routing, documentation, metric labels
// and the clients derive from it. Opcodes are never renumbered, and arguments only appended.
import Type from 'typebox'
import { administrationCommands } from './administration-commands.ts'
import {
  type ArgumentsOf,
  Fields,
  Flag,
  HistoryLimit,
  Imported,
  Kind,
  LengthBound,
  Names,
  Operations,
  PositiveInteger,
  RecordIdArgument,
  Rows,
  Since,
  Text,
  WaitSeconds,
} from './arguments.ts'
import type { CommandDeclaration, Target } from './declaration.ts'
import { keyCommands } from './key-commands.ts'
import { lockCommands } from './lock-commands.ts'
import { machineCommands } from './machine-commands.ts'
import { snapshotCommands } from './snapshot-commands.ts'

export type { Target } from './declaration.ts'

const optional = Type.Optional
const schemaNames = Type.Union([Type.Array(Type.String()), Type.Null()])
const record = Type.Union([Type.Object({}), Type.Null()])
/** Those that are damaged or quarantined: what they hold is not in the reply. */
const missingShards = optional(Type.Array(Type.Integer()))
const integerOrNull = Type.Union([Type.Integer(), Type.Null()])

export const commands = {
  PING: {
    opcode: 1,
    routing: 'router',
    target: 'directory',
    writes: false,
    args: {},
    reply: { pong: Type.Boolean() },
    summary: 'Answers at once, without asking a shard.',
  },
  HELLO: {
    opcode: 2,
    routing: 'router',
    target: 'directory',
    writes: false,
    args: {},
    reply: {
      name: Type.String(),
      server_version: Type.String(),
      protocol: Type.Integer(),
      codecs: Type.Array(Type.String()),
      instance: Type.Integer(),
      shards: Type.Integer(),
      durability: Type.String(),
      feed: Type.Union([Type.String(), Type.Null()]),
      limits: Type.Object({}),
      data_id: Type.String(),
      features: Type.Array(Type.String()),
    },
    summary:
      'Says who answers: version, protocol, codecs, instance number, number of shards, feed of changes, limits, whose data it has, and what else it understands.',
  },
  STATS: {
    opcode: 3,
    routing: 'shards',
    target: 'directory',
    writes: false,
    args: { detail: optional(Flag) },
    reply: {
      uptime: Type.Number(),
      instance: Type.Integer(),
      durability: Type.String(),
      totals: Type.Object({}),
      shards: Type.Array(Type.Object({})),
      missing_shards: missingShards,
      mailboxes: optional(Type.Array(Type.Object({}))),
      outcomes: optional(Type.Object({})),
      request_seconds: optional(Type.Object({})),
      clients: optional(Type.Integer()),
      feed: optional(Type.Object({})),
    },
    summary: 'Counts what every shard holds and has done; detail adds outcomes and histograms, and waits for no shard.',
  },
  CREATE_STATE: {
    opcode: 4,
    routing: 'state',
    target: 'directory',
    writes: true,
    args: {
      max_length: optional(PositiveInteger),
      kind: optional(Kind),
      schema: optional(Fields),
      definition: optional(Fields),
      history_limit: optional(HistoryLimit),
      machine: optional(Fields),
      fields: optional(Names),
      next_id: optional(PositiveInteger),
    },
    reply: { created: Type.Boolean(), max_length: integerOrNull },
    summary: 'Creates an empty state.',
  },
  DELETE_STATE: {
    opcode: 5,
    routing: 'state',
    target: 'state',
    writes: true,
    frees: true,
    args: {},
    reply: {},
    summary: 'Deletes a state with all that it holds.',
  },
  LIST_STATES: {
    opcode: 6,
    routing: 'shards',
    target: 'directory',
    writes: false,
    args: { prefix: optional(Text), limit: optional(PositiveInteger), after: optional(Text) },
    reply: { states: Type.Array(Type.String()), next: optional(Type.String()), missing_shards: missingShards },
    summary: 'Names the states of all shards, sorted by bytes.',
  },
  GET_STATE_INFO: {
    opcode: 7,
    routing: 'state',
    target: 'state',
    writes: false,
    args: {},
    reply: {
      name: Type.String(),
      kind: Type.String(),
      max_length: integerOrNull,
      current_length: Type.Integer(),
      schema: schemaNames,
      shard: Type.Integer(),
      durability: Type.String(),
      definition: optional(Type.Object({})),
      history_limit: optional(Type.Integer()),
      machine: optional(Type.Object({})),
      next_id: optional(integerOrNull),
    },
    summary: 'Describes a state without what it holds.',
  },
  GET_SCHEMA: {
    opcode: 8,
    routing: 'state',
    target: 'table',
    writes: false,
    args: {},
    reply: { schema: schemaNames, json_schema: optional(Type.Object({})) },
    summary: 'Names the fields of a table: null before the first write.',
  },
  SET_STATE: {
    opcode: 9,
    routing: 'state',
    target: 'table',
    writes: true,
    transactional: true,
    args: { data: Rows },
    reply: { accepted: Type.Integer(), dropped: Type.Integer() },
    summary: 'Replaces all records of a table in one step, cut to max_length.',
  },
  CREATE_RECORD: {
    opcode: 10,
    routing: 'state',
    target: 'table',
    writes: true,
    transactional: true,
    args: { data: Fields, imported: optional(Imported) },
    reply: { id: RecordIdArgument },
    summary: 'Adds a record, with the next id where the data names none.',
  },
  SET_RECORD: {
    opcode: 11,
    routing: 'state',
    target: 'table',
    writes: true,
    transactional: true,
    args: { id: RecordIdArgument, data: Fields, if: optional(Fields), imported: optional(Imported) },
    reply: {},
    summary: 'Replaces a record entirely, or adds it.',
  },
  PATCH_RECORD: {
    opcode: 12,
    routing: 'state',
    target: 'table',
    writes: true,
    transactional: true,
    args: { id: RecordIdArgument, data: Fields, if: optional(Fields) },
    reply: { patched: Type.Boolean() },
    summary: 'Changes some fields of one record.',
  },
  DELETE_RECORD: {
    opcode: 13,
    routing: 'state',
    target: 'table',
    writes: true,
    frees: true,
    transactional: true,
    args: { id: RecordIdArgument, if: optional(Fields) },
    reply: { deleted: Type.Boolean() },
    summary: 'Removes a record; a missing one is no error.',
  },
  GET_RECORD: {
    opcode: 14,
    routing: 'state',
    target: 'table',
    writes: false,
    args: { id: RecordIdArgument },
    reply: { record, revision: Type.Integer() },
    summary: 'Reads one record: null where there is none.',
  },
  LIST_RECORDS: {
    opcode: 15,
    routing: 'state',
    target: 'table',
    writes: false,
    args: { limit: optional(PositiveInteger), after: optional(Text) },
    reply: { records: Type.Array(Type.Object({})), next: optional(Type.String()) },
    longList: 'records',
    summary: 'Reads all records in the order of their insertion, or one page of them.',
  },
  ALTER_STATE: {
    opcode: 16,
    routing: 'state',
    target: 'table',
    writes: true,
    args: { max_length: optional(LengthBound), add_fields: optional(Fields), drop_fields: optional(Names) },
    reply: { max_length: integerOrNull, schema: schemaNames },
    summary: 'Changes the bound or the fields of a table, all its records included.',
  },
  RESERVE_IDS: {
    opcode: 40,
    routing: 'state',
    target: 'table',
    writes: true,
    args: { count: PositiveInteger },
    reply: { first: Type.Integer() },
    summary: 'Takes the next automatic ids out of use, for a writer that gives them to its records itself.',
  },
  ...keyCommands,
  ...machineCommands,
  ...administrationCommands,
  ...lockCommands,
  GET_CHANGES: {
    opcode: 72,
    routing: 'state',
    target: 'directory',
    writes: false,
    args: {
      since: Since,
      prefix: optional(Text),
      limit: optional(PositiveInteger),
      wait: optional(WaitSeconds),
    },
    reply: { changes: Type.Array(Type.Object({})), scanned_to: Type.Integer() },
    longList: 'changes',
    summary: 'Tells what happened to a state after a version, in order; waits for something to happen if asked to.',
  },
  TRANSACTION: {
    opcode: 80,
    routing: 'operations',
    target: 'directory',
    writes: true,
    args: { ops: Operations },
    reply: { results: Type.Array(Type.Object({})) },
    summary: 'Runs checks and writes on any states, all of them or none.',
  },
  ...snapshotCommands,
} as const satisfies Record<string, CommandDeclaration>

export type CommandName = keyof typeof commands
export type Arguments<Name extends CommandName> = ArgumentsOf<(typeof commands)[Name]['args']>

export const commandNames = Object.keys(commands) as CommandName[]

/** The names of the commands that are decided on a target, by a shard. */
export type CommandsOn<T extends Target> = {
  [Name in CommandName]: (typeof commands)[Name]['routing'] extends 'router' | 'operations' | 'cuts'
    ? never
    : (typeof commands)[Name]['target'] extends T
      ? Name
      : never
}[CommandName]

/** Finds a command by its name in any case, as the seed's daemon does. */
export function findCommand(name: string): CommandName | undefined {
  if (Object.hasOwn(commands, name)) return name as CommandName
  const upper = name.toUpperCase()
  return Object.hasOwn(commands, upper) ? (upper as CommandName) : undefined
}

export function declarationOf(name: CommandName): CommandDeclaration {
  return commands[name]
}

/** The state that a command names where it may leave its name out; undefined where it may not. */
export function defaultStateOf(name: CommandName): string | undefined {
  return commands[name].target === 'keys' ? 'default' : undefined
}

/** The field in which a command names what it is on, its routing key; undefined for a command that is on no one thing. */
export function nameFieldOf(name: CommandName): 'state' | 'lock' | undefined {
  const { routing, target } = commands[name]
  if (routing !== 'state') return undefined
  return target === 'lock' ? 'lock' : 'state'
}

/** The field in which the reply of a command on a state says that state's version; undefined where it says none. */
export function versionFieldOf(name: CommandName): 'version' | 'state_version' | undefined {
  if (nameFieldOf(name) !== 'state') return undefined
  return commands[name].target === 'keys' ? 'state_version' : 'version'
}

/** Whether a command may be told a lock and a token, without which it must not run: every write of a state. */
export function mayBeFenced(name: CommandName): boolean {
  return commands[name].writes && nameFieldOf(name) === 'state'
}

/** The field of a command's reply that may be a long list, which then is encoded a piece at a time. */
export function longListOf(name: CommandName): string | undefined {
  return declarationOf(name).longList
}
