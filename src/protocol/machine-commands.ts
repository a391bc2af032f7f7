// The rows of the registry for machines and their instances. See commands.ts, which joins them to the others.
import Type from 'typebox'
import { Fields, HistoryLimit, PositiveInteger, RecordIdArgument, Text, Value } from './arguments.ts'
import type { CommandDeclaration } from './declaration.ts'

const optional = Type.Optional

export const machineCommands = {
  CREATE_INSTANCE: {
    opcode: 48,
    routing: 'state',
    target: 'machine',
    writes: true,
    transactional: true,
    args: { id: optional(RecordIdArgument), context: optional(Fields), value: optional(Value) },
    reply: { id: RecordIdArgument, value: Value },
    summary: 'Adds an instance of a machine, in its initial state unless a value says where it stands.',
  },
  SEND_EVENT: {
    opcode: 49,
    routing: 'state',
    target: 'machine',
    writes: true,
    transactional: true,
    args: { id: RecordIdArgument, event: Text, data: optional(Fields), expected: optional(Value) },
    reply: { from: Value, to: Value, changed: Type.Boolean() },
    summary: 'Sends an event to an instance; refused where the event is not possible now.',
  },
  GET_INSTANCE: {
    opcode: 50,
    routing: 'state',
    target: 'machine',
    writes: false,
    args: { id: RecordIdArgument },
    reply: {
      value: Value,
      context: Type.Object({}),
      done: Type.Boolean(),
      can: Type.Array(Type.String()),
      revision: Type.Integer(),
      created_at: Type.Number(),
      updated_at: Type.Number(),
    },
    summary: 'Reads an instance: where it stands, its context, and the events that are possible now.',
  },
  LIST_INSTANCES: {
    opcode: 51,
    routing: 'state',
    target: 'machine',
    writes: false,
    args: { in_state: optional(Text), limit: optional(PositiveInteger), after: optional(Text) },
    reply: { instances: Type.Array(Type.Object({})), next: optional(Type.String()) },
    longList: 'instances',
    summary: 'Lists the instances in the order of their creation, or those in one state.',
  },
  GET_HISTORY: {
    opcode: 52,
    routing: 'state',
    target: 'machine',
    writes: false,
    args: { id: RecordIdArgument },
    reply: { history: Type.Array(Type.Object({})) },
    longList: 'history',
    summary: 'Tells what happened to an instance, the newest last, as far as it is kept.',
  },
  DELETE_INSTANCE: {
    opcode: 53,
    routing: 'state',
    target: 'machine',
    writes: true,
    frees: true,
    transactional: true,
    args: { id: RecordIdArgument },
    reply: { deleted: Type.Boolean() },
    summary: 'Removes an instance; a missing one is no error.',
  },
  SET_DEFINITION: {
    opcode: 54,
    routing: 'state',
    target: 'machine',
    writes: true,
    args: { definition: Fields, migrate: optional(Fields), history_limit: optional(HistoryLimit) },
    reply: { migrated: Type.Integer() },
    summary: 'Gives a machine another definition; migrate names the new states of instances whose own are gone.',
  },
} as const satisfies Record<string, CommandDeclaration>
