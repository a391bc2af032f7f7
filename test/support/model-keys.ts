// What keyspaces should do, in the simplest code that could be right: see model.ts, of which this is a part. A list is an
// array whose items know how often they came back; patterns become regular expressions, as the texts are the test's own.
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { Refused } from './model-refused.ts'

interface ModelItem {
  readonly value: JsonValue
  readonly deliveries: number
}

interface ModelLease extends ModelItem {
  readonly token: number
  readonly endsAt: number
}

interface ModelKey {
  /** Not looked at where there are items. */
  value: JsonValue
  items: ModelItem[] | undefined
  leases: ModelLease[]
  encoding: JsonValue | undefined
  version: number
  revision: number
  createdAt: number
  updatedAt: number
  expiresAt: number | undefined
}

export interface ModelKeyspace {
  readonly kind: 'keys'
  version: number
  keys: Map<string, ModelKey>
}

/** The commands that the model knows on keys. */
export const keyCommands = new Set(
  `SET_KEY GET_KEY DELETE_KEY KEY_EXISTS GET_VERSION LIST_KEYS CLEAR_KEYS SET_TTL GET_TTL INCREMENT_KEY DECREMENT_KEY
  APPEND_KEY COMPARE_SWAP COMPARE_AND_SET CREATE_KEY PUSH_LIST LIST_LENGTH POP_LIST ACK_ITEM RETURN_ITEM`.split(/\s+/),
)

export function newKeyspace(version: number): ModelKeyspace {
  return { kind: 'keys', version, keys: new Map() }
}

/** What time brings about: keys that expire, then leases that end, the earliest first. */
export function sweep(keyspace: ModelKeyspace, now: number): void {
  for (const [name, { expiresAt }] of keyspace.keys) {
    if (expiresAt === undefined || expiresAt > now) continue
    keyspace.keys.delete(name)
    keyspace.version += 1
  }
  for (;;) {
    const ended = [...keyspace.keys.values()]
      .flatMap((key) => key.leases.map((lease) => ({ key, lease })))
      .filter(({ lease }) => lease.endsAt <= now)
      .sort((a, b) => a.lease.endsAt - b.lease.endsAt)[0]
    if (ended === undefined) return
    giveBack(keyspace, ended.key, ended.lease, now)
  }
}

/** Runs a command whose form is good; `now` is in milliseconds. Nothing in the keyspace is due. */
export function runOnKeys(keyspace: ModelKeyspace, command: JsonObject, now: number): JsonObject {
  const name = command.key as string
  const found = keyspace.keys.get(name)
  const ttl = command.ttl as number | null | undefined
  const endsAt = typeof ttl === 'number' ? now + ttl * 1000 : undefined
  const write = (value: JsonValue, expiresAt: number | undefined): ModelKey =>
    touch(keyspace, name, { value, items: itemsOf(value), leases: [], encoding: undefined, expiresAt }, now)
  const kept = endsAt ?? found?.expiresAt
  switch (command.cmd) {
    case 'SET_KEY': {
      const { encoding, value } = command
      if (encoding !== undefined && value !== 'QQ==') throw new Refused('INVALID_REQUEST')
      const key = write(value as JsonValue, endsAt)
      key.encoding = encoding
      return numbers(key)
    }
    case 'GET_KEY':
      if (found === undefined) {
        return { value: command.default ?? null, version: 0, revision: 0, created_at: null, updated_at: null }
      }
      return {
        value: valueOf(found),
        ...numbers(found),
        created_at: found.createdAt / 1000,
        updated_at: found.updatedAt / 1000,
        ...(found.encoding !== undefined && { encoding: found.encoding }),
      }
    case 'DELETE_KEY':
      if (found !== undefined) keyspace.version += 1
      return { deleted: keyspace.keys.delete(name) }
    case 'KEY_EXISTS':
      return { exists: found !== undefined }
    case 'GET_VERSION':
      return found === undefined ? { version: 0, revision: 0 } : numbers(found)
    case 'SET_TTL':
      if (found !== undefined) touch(keyspace, name, { ...found, expiresAt: endsAt }, now)
      return { updated: found !== undefined }
    case 'GET_TTL':
      if (found === undefined) return { ttl: -2 }
      return { ttl: found.expiresAt === undefined ? -1 : (found.expiresAt - now) / 1000 }
    case 'INCREMENT_KEY':
    case 'DECREMENT_KEY': {
      const before = found === undefined ? 0 : valueOf(found)
      if (typeof before !== 'number') throw new Refused('WRONG_TYPE', { key: name, expected: 'a number' })
      const by = (command.by ?? 1) as number
      const sum = command.cmd === 'INCREMENT_KEY' ? before + by : before - by
      if (Number.isInteger(sum) && Math.abs(sum) > 2 ** 53 - 1) {
        throw new Refused('LIMIT_EXCEEDED', { what: 'The sum', limit: 2 ** 53 - 1 })
      }
      write(sum + 0, found === undefined ? endsAt : found.expiresAt)
      return { value: sum + 0 }
    }
    case 'APPEND_KEY': {
      const before = found === undefined ? '' : valueOf(found)
      if (typeof before !== 'string' || found?.encoding !== undefined) {
        throw new Refused('WRONG_TYPE', { key: name, expected: 'a string' })
      }
      const text = before + (command.value as string)
      write(text, found?.expiresAt)
      return { length: Buffer.byteLength(text) }
    }
    case 'COMPARE_SWAP': {
      const before = found === undefined ? null : valueOf(found)
      if (!isDeepStrictEqual(before, command.old)) return { swapped: false, value: before }
      return { swapped: true, value: valueOf(write(command.new as JsonValue, kept)) }
    }
    case 'COMPARE_AND_SET': {
      const { version, revision } = command
      if ((version === undefined) === (revision === undefined)) throw new Refused('INVALID_REQUEST')
      const standing = (version === undefined ? found?.revision : found?.version) ?? 0
      const expected = (version ?? revision) as number
      if (standing !== expected) throw new Refused('VERSION_CONFLICT', { expected, found: standing })
      return numbers(write(command.value as JsonValue, kept))
    }
    case 'CREATE_KEY':
      if (found !== undefined) throw new Refused('KEY_EXISTS', { key: name })
      return numbers(write(command.value as JsonValue, endsAt))
    case 'LIST_KEYS':
      return listKeys(keyspace, command)
    case 'CLEAR_KEYS':
      return clearKeys(keyspace, command)
    default:
      return runOnList(keyspace, command, found, now)
  }
}

function runOnList(keyspace: ModelKeyspace, command: JsonObject, found: ModelKey | undefined, now: number): JsonObject {
  const name = command.key as string
  const items = found === undefined ? [] : found.items
  if (items === undefined) throw new Refused('WRONG_TYPE', { key: name, expected: 'a list' })
  const isFirst = command.end === 'first'
  const lease = found?.leases.find(({ token }) => token === command.token)
  switch (command.cmd) {
    case 'PUSH_LIST': {
      const item = { value: command.item as JsonValue, deliveries: 0 }
      const state = found ?? { value: null, leases: [], encoding: undefined, expiresAt: undefined }
      const all = isFirst ? [item, ...items] : [...items, item]
      touch(keyspace, name, { ...state, items: all }, now)
      return { length: all.length }
    }
    case 'LIST_LENGTH':
      return { length: items.length }
    case 'POP_LIST': {
      const item = isFirst ? items[0] : items.at(-1)
      if (found === undefined || item === undefined) return { item: null }
      const key = touch(keyspace, name, { ...found, items: isFirst ? items.slice(1) : items.slice(0, -1) }, now)
      if (command.lease === undefined) return { item: item.value }
      const token = keyspace.version
      const endsAt = now + (command.lease as number) * 1000
      key.leases = [...key.leases, { ...item, token, endsAt }]
      return { item: item.value, token, deliveries: item.deliveries + 1 }
    }
    case 'ACK_ITEM':
      if (found === undefined || lease === undefined) return { acknowledged: false }
      touch(keyspace, name, { ...found, leases: found.leases.filter((other) => other !== lease) }, now)
      return { acknowledged: true }
    case 'RETURN_ITEM':
      if (found === undefined || lease === undefined) return { returned: false }
      giveBack(keyspace, found, lease, now)
      return { returned: true }
    default:
      throw new Error(`the model does not know ${JSON.stringify(command.cmd)}`)
  }
}

function giveBack(keyspace: ModelKeyspace, key: ModelKey, lease: ModelLease, now: number): void {
  const [name] = [...keyspace.keys].find(([, other]) => other === key) as [string, ModelKey]
  const item = { value: lease.value, deliveries: lease.deliveries + 1 }
  const leases = key.leases.filter((other) => other !== lease)
  touch(keyspace, name, { ...key, items: [item, ...(key.items ?? [])], leases }, now)
}

/** Puts contents in a key's place: one change of the state. */
function touch(
  keyspace: ModelKeyspace,
  name: string,
  contents: Pick<ModelKey, 'value' | 'items' | 'leases' | 'encoding' | 'expiresAt'>,
  now: number,
): ModelKey {
  const before = keyspace.keys.get(name)
  keyspace.version += 1
  const key: ModelKey = {
    ...contents,
    version: (before?.version ?? 0) + 1,
    revision: keyspace.version,
    createdAt: before?.createdAt ?? now,
    updatedAt: now,
  }
  keyspace.keys.set(name, key)
  return key
}

function listKeys(keyspace: ModelKeyspace, command: JsonObject): JsonObject {
  const { pattern, prefix, after, limit = Number.POSITIVE_INFINITY } = command
  if (pattern !== undefined && prefix !== undefined) throw new Refused('INVALID_REQUEST')
  const wanted = matching(keyspace, pattern).filter(
    (name) =>
      name.startsWith((prefix ?? '') as string) &&
      (after === undefined || Buffer.compare(Buffer.from(name), Buffer.from(after as string)) > 0),
  )
  const keys = wanted.slice(0, limit as number)
  return { keys, ...(keys.length < wanted.length && { next: keys.at(-1) as string }) }
}

function clearKeys(keyspace: ModelKeyspace, { pattern }: JsonObject): JsonObject {
  const cleared = matching(keyspace, pattern)
  for (const name of cleared) keyspace.keys.delete(name)
  keyspace.version += pattern === undefined ? Math.min(cleared.length, 1) : cleared.length
  return { cleared: cleared.length }
}

function matching(keyspace: ModelKeyspace, pattern: JsonValue | undefined): string[] {
  const text = (pattern ?? '*') as string
  if (text === '[') throw new Refused('INVALID_REQUEST')
  const expression = new RegExp(`^${text.replaceAll('*', '.*').replaceAll('?', '.').replaceAll('[!', '[^')}$`, 'u')
  const all = [...keyspace.keys.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  return all.filter((name) => expression.test(name))
}

function numbers({ version, revision }: ModelKey): JsonObject {
  return { version, revision }
}

function itemsOf(value: JsonValue): ModelItem[] | undefined {
  return Array.isArray(value) ? value.map((item) => ({ value: item, deliveries: 0 })) : undefined
}

function valueOf({ items, value }: ModelKey): JsonValue {
  return items === undefined ? value : items.map((item) => item.value)
}
