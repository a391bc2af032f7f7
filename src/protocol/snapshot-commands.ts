// The rows of the registry for snapshots. The router runs them, since all shards have their part in each; see
// router/snapshots.ts.
import Type from 'typebox'
import { StateNames, Text } from './arguments.ts'
import type { CommandDeclaration } from './declaration.ts'

const described = {
  label: Type.String(),
  created_at: Type.Number(),
  states: Type.Integer(),
  records: Type.Integer(),
}
const bytes = Type.Integer()

export const snapshotCommands = {
  CREATE_SNAPSHOT: {
    opcode: 84,
    routing: 'cuts',
    target: 'directory',
    writes: true,
    args: { label: Text, states: Type.Optional(StateNames) },
    reply: { ...described, bytes, replaced: Type.Boolean(), dropped: Type.Array(Type.String()) },
    summary: 'Keeps what all states, or those that are named, hold at one moment, under a label.',
  },
  LIST_SNAPSHOTS: {
    opcode: 85,
    routing: 'cuts',
    target: 'directory',
    writes: false,
    args: {},
    reply: { snapshots: Type.Array(Type.Object({ ...described, bytes })) },
    summary: 'Tells of every snapshot, the newest last.',
  },
  RESTORE_SNAPSHOT: {
    opcode: 86,
    routing: 'cuts',
    target: 'directory',
    writes: true,
    args: { label: Type.Optional(Text), states: Type.Optional(StateNames) },
    reply: described,
    summary: 'Puts the states of a snapshot, by default of the newest, in the place of what stands; all or none.',
  },
  DELETE_SNAPSHOT: {
    opcode: 87,
    routing: 'cuts',
    target: 'directory',
    writes: true,
    frees: true,
    args: { label: Text },
    reply: { deleted: Type.Boolean() },
    summary: 'Removes a snapshot.',
  },
} as const satisfies Record<string, CommandDeclaration>
