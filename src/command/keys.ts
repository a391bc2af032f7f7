// Single keys: write, read, remove, and their time to live. Owns nothing: reads the keyspace, answers with changes.
// Invariant: only SET_KEY clears a time to live, and nobody ever sees a key whose time is over.
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import type { ItemList } from '../state/item-list.ts'
import type { KeyContents } from '../state/keyspace.ts'
import { type Deciders, type Decision, inSteps, recordsPerStep, refuse, type Steps } from './decide.ts'
import { Entry, encodingProblem, endOf } from './key-rules.ts'
import { isRefuse } from './record-rules.ts'

type KeyCommands =
  | 'SET_KEY'
  | 'GET_KEY'
  | 'DELETE_KEY'
  | 'KEY_EXISTS'
  | 'GET_VERSION'
  | 'SET_TTL'
  | 'GET_TTL'
  | 'CREATE_KEY'

export const keyCommands: Deciders<KeyCommands> = {
  SET_KEY(keyspace, { key, value, ttl, encoding }, context) {
    const problem = encodingProblem(value, encoding)
    if (problem !== undefined) return problem
    const entry = new Entry(keyspace, key, context)
    const expiresAt = ttl === undefined ? null : endOf(ttl, context)
    return written(entry, entry.write({ value, expiresAt, encoding }))
  },

  GET_KEY(keyspace, { key, default: otherwise = null }, context) {
    const entry = new Entry(keyspace, key, context)
    const { contents } = entry
    if (contents === undefined) {
      return entry.done({ value: otherwise, version: 0, revision: 0, created_at: null, updated_at: null })
    }
    if (contents.list === undefined) return entry.done(described(contents, contents.value))
    return inSteps(readList(entry, contents, contents.list), contents.list.length)
  },

  DELETE_KEY(keyspace, { key }, context) {
    const entry = new Entry(keyspace, key, context)
    if (entry.contents === undefined) return entry.done({ deleted: false })
    entry.delete(entry.contents)
    return entry.done({ deleted: true })
  },

  KEY_EXISTS(keyspace, { key }, context) {
    const entry = new Entry(keyspace, key, context)
    return entry.done({ exists: entry.contents !== undefined })
  },

  GET_VERSION(keyspace, { key }, context) {
    const entry = new Entry(keyspace, key, context)
    const { version = 0, revision = 0 } = entry.contents ?? {}
    return entry.done({ version, revision })
  },

  // A change of the key like any other: its version and revision rise.
  SET_TTL(keyspace, { key, ttl }, context) {
    const entry = new Entry(keyspace, key, context)
    if (entry.contents === undefined) return entry.done({ updated: false })
    entry.setEnd(entry.contents, ttl === null ? null : endOf(ttl, context))
    return entry.done({ updated: true })
  },

  GET_TTL(keyspace, { key }, context) {
    const entry = new Entry(keyspace, key, context)
    if (entry.contents === undefined) return entry.done({ ttl: -2 })
    const { expiresAt } = entry.contents
    return entry.done({ ttl: expiresAt === null ? -1 : (expiresAt - context.now.wall) / 1000 })
  },

  CREATE_KEY(keyspace, { key, value, ttl, encoding }, context) {
    const problem = encodingProblem(value, encoding)
    if (problem !== undefined) return problem
    const entry = new Entry(keyspace, key, context)
    if (entry.contents !== undefined) return refuse('KEY_EXISTS', { key })
    const expiresAt = ttl === undefined ? null : endOf(ttl, context)
    return written(entry, entry.write({ value, expiresAt, encoding }))
  },
}

/** The reply of a command that writes a whole value. */
export function written(entry: Entry, result: ReturnType<Entry['write']>): Decision {
  if (isRefuse(result)) return result
  return entry.done({ version: result.version, revision: result.revision })
}

function described({ version, revision, createdAt, updatedAt, encoding }: KeyContents, value: JsonValue): JsonObject {
  const reply: JsonObject = {
    value,
    version,
    revision,
    created_at: createdAt / 1000,
    updated_at: updatedAt / 1000,
  }
  if (encoding !== undefined) reply.encoding = encoding
  return reply
}

function* readList(entry: Entry, contents: KeyContents, list: ItemList): Steps['steps'] {
  const values: JsonValue[] = []
  for (const { value } of list.items()) {
    values.push(value)
    if (values.length % recordsPerStep === 0) yield
  }
  return entry.done(described(contents, values))
}
