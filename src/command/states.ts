// States as wholes: create, delete, describe, list. Owns nothing: reads the directory, answers with changes.
import type { Limits } from '../base/limits.ts'
import { slowLogEntriesDefault } from '../protocol/administration-commands.ts'
import type { Arguments } from '../protocol/commands.ts'
import type { JsonObject } from '../protocol/value.ts'
import { partsOf, type StateParts } from '../state/change.ts'
import type { State } from '../state/directory.ts'
import { compileRecordSchema } from '../state/json-schema.ts'
import { Keys } from '../state/keyspace.ts'
import { compileMachine } from '../state/machine.ts'
import { Instances } from '../state/machine-state.ts'
import { compareBytes } from '../state/sorted-names.ts'
import { Records, type TableHeader } from '../state/table.ts'
import { type Deciders, done, type Refuse, refuse } from './decide.ts'
import { definitionRefused } from './definitions.ts'
import { boundFieldOf } from './field-rules.ts'
import { isRefuse } from './record-rules.ts'

type StateCommands =
  | 'CREATE_STATE'
  | 'DELETE_STATE'
  | 'LIST_STATES'
  | 'GET_STATE_INFO'
  | 'GET_SCHEMA'
  | 'STATS'
  | 'SLOWLOG'

export const stateCommands: Deciders<StateCommands> = {
  CREATE_STATE(directory, args, { state, now, limits }) {
    const { max_length: maxLength = null, kind = 'table' } = args
    if (directory.get(state) !== undefined) return refuse('STATE_EXISTS', { state })
    if (directory.size >= limits.statesPerShardMax) {
      return refuse('LIMIT_EXCEEDED', { what: 'The number of states of a shard', limit: limits.statesPerShardMax })
    }
    const strange = ofSomeKind.find((field) => args[field] !== undefined && !fieldsOfKind[kind].includes(field))
    if (strange !== undefined) {
      return refuse('INVALID_REQUEST', { reason: `a state of kind '${kind}' has no '${strange}'` })
    }
    const after = partsOfNew(args, limits)
    if (isRefuse(after)) return after
    const version = directory.firstVersionOf(state)
    return done({ created: true, max_length: maxLength }, [
      { subject: 'state', type: 'state_created', state, version, at: now.wall, before: undefined, after },
    ])
  },

  DELETE_STATE(target, _, { state, now }) {
    const version = target.version + 1
    const before = partsOf(target)
    return done({}, [
      { subject: 'state', type: 'state_deleted', state, version, at: now.wall, before, after: undefined },
    ])
  },

  // Each shard names its own states; the router joins the lists, and knows from one name too many that there are more.
  LIST_STATES(directory, { limit, ...range }) {
    return done({ states: directory.names.range({ ...range, ...(limit && { limit: limit + 1 }) }) })
  },

  GET_STATE_INFO(target, _, { shard, durability }) {
    const { maxLength, fields } = target.kind === 'table' ? target.header : boundless
    return done({
      name: target.name,
      kind: target.kind,
      max_length: maxLength,
      current_length: target.length,
      schema: fieldNames(fields),
      shard,
      durability,
      ...(target.kind === 'table' && bindingShown(target.header)),
      ...(target.kind === 'machine' && {
        definition: target.header.machine.source,
        history_limit: target.header.historyMax,
      }),
      ...(target.kind !== 'keys' && {
        next_id: Number.isSafeInteger(target.header.nextId) ? target.header.nextId : null,
      }),
    })
  },

  GET_SCHEMA(table) {
    const { fields, schema } = table.header
    return done({ schema: fieldNames(fields), ...(schema && { json_schema: schema.source }) })
  },

  STATS(_directory, { detail = false }, { statistics }) {
    return done(statistics(detail))
  },

  SLOWLOG(_directory, { limit = slowLogEntriesDefault, reset = false }, { slowLog }) {
    return done({ entries: slowLog(limit, reset) })
  },
}

/** The fields of CREATE_STATE that not every kind knows. */
const ofSomeKind = ['max_length', 'schema', 'machine', 'fields', 'definition', 'history_limit', 'next_id'] as const

const fieldsOfKind: Readonly<Record<State['kind'], readonly string[]>> = {
  table: ['max_length', 'schema', 'machine', 'fields', 'next_id'],
  keys: [],
  machine: ['definition', 'history_limit', 'next_id'],
}

/** How many occurrences an instance keeps where nobody says. */
const historyMaxDefault = 100

function partsOfNew(args: Arguments<'CREATE_STATE'>, limits: Limits): StateParts | Refuse {
  if (args.kind === 'keys') return new Keys()
  if (args.kind === 'machine') return partsOfNewMachine(args)
  const { max_length: maxLength = null, schema: source, machine, next_id: nextId = 1 } = args
  const named = namedFields(args, limits)
  if (named !== undefined && isRefuse(named)) return named
  const schema = source === undefined ? undefined : compileRecordSchema(source)
  if (schema !== undefined && 'code' in schema) return definitionRefused(schema)
  const fields = named ?? (schema === undefined ? null : new Set(schema.fields))
  const header = { fields, schema, maxLength, nextId, nextOrder: 1, generation: 1 }
  const bound = machine === undefined ? undefined : boundFieldOf(machine, header.fields)
  if (bound !== undefined && isRefuse(bound)) return bound
  return { header: { ...header, ...(bound && { bound }) }, records: new Records() }
}

function partsOfNewMachine({
  definition,
  history_limit: historyMax,
  next_id: nextId = 1,
}: Arguments<'CREATE_STATE'>): StateParts | Refuse {
  if (definition === undefined) return refuse('INVALID_REQUEST', { reason: "a machine needs a 'definition'" })
  const machine = compileMachine(definition)
  if ('code' in machine) return definitionRefused(machine)
  const header = { machine, historyMax: historyMax ?? historyMaxDefault, nextId, nextOrder: 1 }
  return { header, instances: new Instances() }
}

/** What other kinds have in place of a table's bound and fields. */
const boundless = { maxLength: null, fields: null }

/** The machine of a table, as CREATE_STATE was given it. */
function bindingShown({ bound }: TableHeader): JsonObject {
  return bound === undefined ? {} : { machine: { field: bound.field, definition: bound.machine.source } }
}

export function fieldNames(fields: ReadonlySet<string> | null): string[] | null {
  return fields && [...fields]
}

/** The fields that a table has before its first record, where they are named. */
function namedFields(
  { fields, schema, machine }: Arguments<'CREATE_STATE'>,
  { recordFieldsMax: limit }: Limits,
): ReadonlySet<string> | undefined | Refuse {
  if (fields === undefined) return undefined
  if (schema !== undefined) return refuse('INVALID_REQUEST', { reason: "'schema' names the fields already" })
  const bound = typeof machine?.field === 'string' ? [machine.field] : []
  const names = new Set(['id', ...fields, ...bound])
  if (names.has('__proto__')) return refuse('INVALID_REQUEST', { reason: "the field name '__proto__' is not allowed" })
  if (names.size > limit) return refuse('LIMIT_EXCEEDED', { what: 'The number of fields of a record', limit })
  return new Set([...names].sort(compareBytes))
}
