// States as wholes: create, delete, describe, list. Owns nothing: reads the directory, answers with changes.
import type { Arguments } from '../protocol/commands.ts'
import type { JsonObject } from '../protocol/value.ts'
import { partsOf, type StateParts } from '../state/change.ts'
import type { State } from '../state/directory.ts'
import { compileRecordSchema, type RecordSchema } from '../state/json-schema.ts'
import { Keys } from '../state/keyspace.ts'
import { compileMachine } from '../state/machine.ts'
import { Instances } from '../state/machine-state.ts'
import { Records, type TableHeader } from '../state/table.ts'
import { type Deciders, done, type Refuse, refuse } from './decide.ts'
import { definitionRefused } from './definitions.ts'
import { boundFieldOf } from './field-rules.ts'
import { isRefuse } from './record-rules.ts'

type StateCommands = 'CREATE_STATE' | 'DELETE_STATE' | 'LIST_STATES' | 'GET_STATE_INFO' | 'GET_SCHEMA' | 'STATS'

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
    const after = partsOfNew(args)
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
    })
  },

  GET_SCHEMA(table) {
    const { fields, schema } = table.header
    return done({ schema: fieldNames(fields), ...(schema && { json_schema: schema.source }) })
  },

  STATS(_directory, { detail = false }, { statistics }) {
    return done(statistics(detail))
  },
}

/** The fields of CREATE_STATE that not every kind knows. */
const ofSomeKind = ['max_length', 'schema', 'machine', 'definition', 'history_limit'] as const

const fieldsOfKind: Readonly<Record<State['kind'], readonly string[]>> = {
  table: ['max_length', 'schema', 'machine'],
  keys: [],
  machine: ['definition', 'history_limit'],
}

/** How many occurrences an instance keeps where nobody says. */
const historyMaxDefault = 100

function partsOfNew(args: Arguments<'CREATE_STATE'>): StateParts | Refuse {
  if (args.kind === 'keys') return new Keys()
  if (args.kind === 'machine') return partsOfNewMachine(args)
  const { max_length: maxLength = null, schema: source, machine } = args
  const schema = source === undefined ? undefined : compileRecordSchema(source)
  if (schema !== undefined && 'code' in schema) return definitionRefused(schema)
  const header = emptyHeader(maxLength, schema)
  const bound = machine === undefined ? undefined : boundFieldOf(machine, header.fields)
  if (bound !== undefined && isRefuse(bound)) return bound
  return { header: { ...header, ...(bound && { bound }) }, records: new Records() }
}

function partsOfNewMachine({ definition, history_limit: historyMax }: Arguments<'CREATE_STATE'>): StateParts | Refuse {
  if (definition === undefined) return refuse('INVALID_REQUEST', { reason: "a machine needs a 'definition'" })
  const machine = compileMachine(definition)
  if ('code' in machine) return definitionRefused(machine)
  const header = { machine, historyMax: historyMax ?? historyMaxDefault, nextId: 1, nextOrder: 1 }
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

function emptyHeader(maxLength: number | null, schema: RecordSchema | undefined): TableHeader {
  const fields = schema === undefined ? null : new Set(schema.fields)
  return { fields, schema, maxLength, nextId: 1, nextOrder: 1, generation: 1 }
}
