// States as wholes: create, delete, describe, list. Owns nothing: reads the directory, answers with changes.
import { printable } from '../protocol/envelope.ts'
import { partsOf } from '../state/change.ts'
import { compileRecordSchema, type RecordSchema } from '../state/json-schema.ts'
import { Keys } from '../state/keyspace.ts'
import { Records, type TableHeader } from '../state/table.ts'
import { type Deciders, done, refuse } from './decide.ts'

type StateCommands = 'CREATE_STATE' | 'DELETE_STATE' | 'LIST_STATES' | 'GET_STATE_INFO' | 'GET_SCHEMA' | 'STATS'

export const stateCommands: Deciders<StateCommands> = {
  CREATE_STATE(directory, { max_length: maxLength = null, kind, schema: source }, { state, now, limits }) {
    if (directory.get(state) !== undefined) return refuse('STATE_EXISTS', { state })
    if (directory.size >= limits.statesPerShardMax) {
      return refuse('LIMIT_EXCEEDED', { what: 'The number of states of a shard', limit: limits.statesPerShardMax })
    }
    if (kind === 'keys' && (maxLength !== null || source !== undefined)) {
      return refuse('INVALID_REQUEST', { reason: "a state of kind 'keys' has no 'max_length' and no 'schema'" })
    }
    const schema = source === undefined ? undefined : compileRecordSchema(source)
    if (schema !== undefined && 'code' in schema) {
      return schema.code === 'UNSUPPORTED'
        ? refuse('UNSUPPORTED', { what: schema.reason, path: printable(schema.path) })
        : refuse('INVALID_DEFINITION', { path: printable(schema.path), reason: schema.reason })
    }
    const version = directory.firstVersionOf(state)
    const after = kind === 'keys' ? new Keys() : { header: emptyHeader(maxLength, schema), records: new Records() }
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
    })
  },

  GET_SCHEMA(table) {
    const { fields, schema } = table.header
    return done({ schema: fieldNames(fields), ...(schema && { json_schema: schema.source }) })
  },

  STATS(_directory, _args, { statistics }) {
    return done(statistics())
  },
}

/** What a keyspace has in place of a table's bound and fields. */
const boundless = { maxLength: null, fields: null }

export function fieldNames(fields: ReadonlySet<string> | null): string[] | null {
  return fields && [...fields]
}

function emptyHeader(maxLength: number | null, schema: RecordSchema | undefined): TableHeader {
  const fields = schema === undefined ? null : new Set(schema.fields)
  return { fields, schema, maxLength, nextId: 1, nextOrder: 1, generation: 1 }
}
