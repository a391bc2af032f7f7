// One keyspace, with methods instead of commands. It knows its name and who runs its commands, and keeps nothing else: any
// number of these may stand for the same keyspace.
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import type { CallOptions } from './caller.ts'
import type { WriteCallOptions } from './fence.ts'
import { KeyList, type KeyListOptions } from './key-list.ts'
import { type Entry, entryOf, secondsOf, valueArguments, valueOf } from './key-values.ts'
import { Queue, type QueueOptions } from './queue.ts'
import type { Json, Storable } from './rows.ts'
import { deletedOf, StateHandle, whole } from './state-handle.ts'
import { type UpdateOptions, updateKey } from './update.ts'

export interface WriteOptions extends WriteCallOptions {
  /** How long the key lives from now on, in milliseconds. */
  readonly ttlMs?: number | undefined
}

export interface GetOptions<Value> extends CallOptions {
  /** What is resolved to where the key is missing. */
  readonly default?: Value | undefined
}

export interface PushOptions extends WriteCallOptions {
  /** Where the item is put. Default: `last`. */
  readonly end?: ListEnd | undefined
}

export interface PopOptions extends WriteCallOptions {
  /** Where the item is taken from. Default: `last`, so that what was pushed last comes first. */
  readonly end?: ListEnd | undefined
  /** How long to wait for an item where there is none, in milliseconds; `timeoutMs` comes on top. Default: 0. */
  readonly waitMs?: number | undefined
}

export type ListEnd = 'first' | 'last'

/** What `compareAndSet` compares with: the version of the key, 0 for none; or the revision of its entry. */
export type Expected = number | { readonly revision: number }

/**
 * A keyspace with values of type `Value`. The first write makes it; until then it reads as empty. Every method rejects
 * with a `HoldfastError` if it is refused: besides what is said below, `WRONG_TYPE` where what the key holds cannot be
 * counted, appended to or used as a list.
 */
export class Keys<Value = JsonValue> extends StateHandle {
  /** Reads a value; undefined, or the default, where the key is missing. */
  get(key: string, options: GetOptions<Value> & { readonly default: Value }): Promise<Value>
  get(key: string, options?: GetOptions<Value>): Promise<Value | undefined>
  get(key: string, options?: GetOptions<Value>): Promise<Value | undefined> {
    const reading = this.run<Value | undefined>('GET_KEY', { key }, valueOf<Value>, options)
    const instead = options?.default
    return instead === undefined ? reading : reading.then((value) => (value === undefined ? instead : value))
  }

  /** Reads a value with its version and times; undefined where the key is missing. */
  entry(key: string, options?: CallOptions): Promise<Entry<Value> | undefined> {
    return this.run('GET_KEY', { key }, entryOf<Value>, options)
  }

  /** Reads a value as JSON, also where its text was stored as bytes; undefined where the key is missing. */
  async getJson<Read = Value>(key: string, options?: CallOptions): Promise<Read | undefined> {
    const value = await this.run('GET_KEY', { key }, valueOf<unknown>, options)
    return (value instanceof Uint8Array ? JSON.parse(Buffer.from(value).toString()) : value) as Read | undefined
  }

  /** Writes a value and resolves to the new version of the key. Without `ttlMs` the key lives until it is deleted. */
  set(key: string, value: Storable<Value>, options?: WriteOptions): Promise<number> {
    return this.run('SET_KEY', valueArguments(key, value, options?.ttlMs), versionOf, options)
  }

  /** Writes a value of any type that is JSON, as `set` does. */
  setJson<Written = Value>(key: string, value: Json<Written>, options?: WriteOptions): Promise<number> {
    return this.run('SET_KEY', valueArguments(key, value, options?.ttlMs), versionOf, options)
  }

  /** Removes a key. Resolves to false if there is none. */
  delete(key: string, options?: WriteCallOptions): Promise<boolean> {
    return this.run('DELETE_KEY', { key }, deletedOf, options)
  }

  exists(key: string, options?: CallOptions): Promise<boolean> {
    return this.run('KEY_EXISTS', { key }, existsOf, options)
  }

  /** The version of a key, which each write raises by one; 0 where the key is missing. */
  version(key: string, options?: CallOptions): Promise<number> {
    return this.run('GET_VERSION', { key }, versionOf, options)
  }

  /** Removes all keys, or those that a glob matches. Resolves to their number. */
  clear(pattern?: string, options?: WriteCallOptions): Promise<number> {
    return this.run('CLEAR_KEYS', pattern === undefined ? {} : { pattern }, clearedOf, options)
  }

  /** Gives a key so long to live from now on, in milliseconds; null for ever. Resolves to false if there is none. */
  setTtl(key: string, ttlMs: number | null, options?: WriteCallOptions): Promise<boolean> {
    return this.run('SET_TTL', { key, ttl: ttlMs === null ? null : secondsOf(ttlMs) }, updatedOf, options)
  }

  /** How long a key still lives, in milliseconds; null for ever, undefined where it is missing. */
  getTtl(key: string, options?: CallOptions): Promise<number | null | undefined> {
    return this.run('GET_TTL', { key }, ttlMsOf, options)
  }

  /** Adds to a number and resolves to the sum. A missing key is 0; `ttlMs` counts only for a key that this creates. */
  increment(key: string, by = 1, options?: WriteOptions): Promise<number> {
    return this.run('INCREMENT_KEY', countArguments(key, by, options), countOf, options)
  }

  /** As `increment`, downwards. */
  decrement(key: string, by = 1, options?: WriteOptions): Promise<number> {
    return this.run('DECREMENT_KEY', countArguments(key, by, options), countOf, options)
  }

  /** Adds to the end of a text, which is empty where the key is missing. Resolves to its length in bytes of UTF-8. */
  append(key: string, text: string, options?: WriteCallOptions): Promise<number> {
    return this.run('APPEND_KEY', { key, value: text }, lengthOf, options)
  }

  /**
   * Writes `next` if the key holds exactly `old`, compared in depth; null is also a missing key. Resolves to whether it
   * was written.
   */
  compareSwap(
    key: string,
    old: Json<Value> | null,
    next: Json<Value> | null,
    options?: WriteOptions,
  ): Promise<boolean> {
    const args = timed({ key, old: old as JsonValue, new: next as JsonValue }, options)
    return this.run('COMPARE_SWAP', args, swappedOf, options)
  }

  /**
   * Writes a value if the key still has this version, where 0 is a missing key, or this revision. Resolves to the new
   * version. `VERSION_CONFLICT`, with `expected` and `found` in its details, if it has another one.
   */
  compareAndSet(key: string, expected: Expected, value: Storable<Value>, options?: WriteOptions): Promise<number> {
    const args = valueArguments(key, value, options?.ttlMs)
    if (typeof expected === 'number') args.version = expected
    else args.revision = expected.revision
    return this.run('COMPARE_AND_SET', args, versionOf, options)
  }

  /** Writes a value where there is none yet. Resolves to the version, which is 1. `KEY_EXISTS` if there is one. */
  createIfNotExists(key: string, value: Storable<Value>, options?: WriteOptions): Promise<number> {
    return this.run('CREATE_KEY', valueArguments(key, value, options?.ttlMs), versionOf, options)
  }

  /**
   * Replaces a value by what `change` makes of it, which is undefined for a missing key. When somebody else writes the
   * key meanwhile, `change` is asked again with the new value, so it should do nothing else. Resolves to the value that
   * stands then; where `change` makes undefined, nothing is written. After so many attempts: `VERSION_CONFLICT`.
   */
  update(
    key: string,
    change: (value: Value | undefined) => Storable<Value> | undefined | Promise<Storable<Value> | undefined>,
    options?: UpdateOptions,
  ): Promise<Value | undefined> {
    return updateKey(this, key, change, options)
  }

  /** Adds an item to a list, which a missing key is an empty one of. Resolves to the new length. */
  listPush<Item = JsonValue>(key: string, item: Json<Item>, options?: PushOptions): Promise<number> {
    const args: JsonObject = { key, item: item as JsonValue }
    if (options?.end !== undefined) args.end = options.end
    return this.run('PUSH_LIST', args, lengthOf, options)
  }

  /**
   * Takes an item off a list; undefined where there is none, which a null that was pushed cannot be told from. An item
   * whose reply is lost is lost too; a `queue` has leases against that.
   */
  listPop<Item = JsonValue>(key: string, options?: PopOptions): Promise<Item | undefined> {
    const args: JsonObject = { key }
    if (options?.end !== undefined) args.end = options.end
    if (options?.waitMs !== undefined) args.wait = secondsOf(options.waitMs)
    return this.run('POP_LIST', args, itemOf<Item>, options)
  }

  /** The number of items in a list; 0 where the key is missing. */
  listLength(key: string, options?: CallOptions): Promise<number> {
    return this.run('LIST_LENGTH', { key }, lengthOf, options)
  }

  /** The list at a key as a queue, whose items are taken on a lease and are never lost to a worker that died. */
  queue<Item = JsonValue>(key: string, options?: QueueOptions): Queue<Item> {
    return new Queue<Item>(this.caller, this.name, key, options)
  }

  /** Names the keys in the order of their bytes, page by page, so that there may be any number of them. */
  keys(options: KeyListOptions = {}): KeyList {
    return new KeyList(this.caller, this.name, options)
  }

  /** The names of all keys that begin with `prefix`, in the order of their bytes. */
  async list(prefix = '', options?: CallOptions): Promise<string[]> {
    const all: string[] = []
    for await (const { keys } of this.keys({ ...options, prefix }).pages()) for (const key of keys) all.push(key)
    return all
  }

  /** What every shard holds and has done, as the command `STATS` documents it. */
  stats(options?: CallOptions): Promise<JsonObject> {
    return this.caller.run('STATS', '', {}, whole, options)
  }
}

function countArguments(key: string, by: number, options: WriteOptions | undefined): JsonObject {
  return timed(by === 1 ? { key } : { key, by }, options)
}

function timed(args: JsonObject, options: WriteOptions | undefined): JsonObject {
  if (options?.ttlMs !== undefined) args.ttl = secondsOf(options.ttlMs)
  return args
}

// What a method makes of the reply. Functions of their own, so that a call does not have to make one.

function versionOf(reply: JsonObject): number {
  return reply.version as number
}

function existsOf(reply: JsonObject): boolean {
  return reply.exists as boolean
}

function clearedOf(reply: JsonObject): number {
  return reply.cleared as number
}

function updatedOf(reply: JsonObject): boolean {
  return reply.updated as boolean
}

/** On the wire -1 is for ever, and -2 no key. */
function ttlMsOf({ ttl }: JsonObject): number | null | undefined {
  if (ttl === -2) return undefined
  return ttl === -1 ? null : (ttl as number) * 1_000
}

function countOf(reply: JsonObject): number {
  return reply.value as number
}

function lengthOf(reply: JsonObject): number {
  return reply.length as number
}

function swappedOf(reply: JsonObject): boolean {
  return reply.swapped as boolean
}

function itemOf<Item>({ item }: JsonObject): Item | undefined {
  return (item === null ? undefined : item) as Item | undefined
}
