// The rules that every command on one key is held to: what of it is still there, how large its value may be, and which
// changes a write is made of. Reads the keyspace and touches nothing.
import { approximateBytes, type JsonValue } from '../protocol/value.ts'
import type { Change } from '../state/change.ts'
import { ItemList } from '../state/item-list.ts'
import type { ItemPlace, KeyChange, ListChange } from '../state/key-change.ts'
import type { KeyContents, Keyspace } from '../state/keyspace.ts'
import { type Context, type Done, done, type Refuse, refuse } from './decide.ts'

/** Whether a key has come to its end, and is only waiting to be removed: nobody may see it any more. */
export function isDue({ expiresAt }: KeyContents, { now }: Context): boolean {
  return expiresAt !== null && expiresAt <= now.wall
}

/** The moment at which something ends that lives so long from now on. */
export function endOf(ttl: number, { now }: Context): number {
  return now.wall + ttl * 1000
}

/** A whole value, and how it is to be kept. */
export interface NewValue {
  readonly value: JsonValue
  readonly expiresAt: number | null
  readonly encoding?: 'base64' | undefined
}

/**
 * One key, as a command finds it and leaves it. A key that is due is removed first, by a change of its own; `contents` is
 * what stands then.
 */
export class Entry {
  readonly key: string
  readonly #keyspace: Keyspace
  readonly #context: Context
  readonly #changes: Change[] = []
  /** What stands once what is due is gone. */
  readonly contents: KeyContents | undefined

  constructor(keyspace: Keyspace, key: string, context: Context) {
    this.key = key
    this.#keyspace = keyspace
    this.#context = context
    const found = keyspace.get(key)?.contents
    if (found !== undefined && isDue(found, context)) {
      this.#changes.push(expired(keyspace, key, found, keyspace.version + 1, context.now.wall))
      this.contents = undefined
    } else this.contents = found
  }

  /** The version of the state that the next change makes. */
  get nextVersion(): number {
    return this.#keyspace.version + this.#changes.length + 1
  }

  /** The decision: a reply, and the changes gathered so far. */
  done(reply: Done['reply']): Done {
    return done(reply, this.#changes)
  }

  /** Writes a whole value. Answers with the contents that stand then. */
  write({ value, expiresAt, encoding }: NewValue): KeyContents | Refuse {
    const tooLarge = sizeProblem(value, 'a value', this.#context)
    if (tooLarge !== undefined) return tooLarge
    const list = Array.isArray(value) ? ItemList.of(value, this.nextVersion) : undefined
    const bytes = approximateBytes(value)
    const after = this.#next(list === undefined ? value : null, list, bytes, expiresAt, encoding)
    this.#put(after, value)
    return after
  }

  /** Moves the end of a key that is there. */
  setEnd(contents: KeyContents, expiresAt: number | null): void {
    const { value, list, bytes, encoding } = contents
    this.#put(this.#next(value, list, bytes, expiresAt, encoding), undefined)
  }

  /** The contents after a change of the list, which has so many bytes then. */
  withList(contents: KeyContents, bytes: number): KeyContents {
    return this.#next(null, contents.list, bytes, contents.expiresAt, undefined)
  }

  delete(before: KeyContents): void {
    this.#push('deleted', before, undefined, undefined)
  }

  /** Moves an item of the list, or into it, or out of it. */
  move(
    type: ListChange['type'],
    before: KeyContents,
    after: KeyContents,
    from: ItemPlace | undefined,
    to: ItemPlace | undefined,
  ): void {
    const { key, nextVersion: version } = this
    const { wall: at } = this.#context.now
    this.#changes.push({ subject: 'list', type, state: this.#keyspace.name, version, at, key, before, after, from, to })
  }

  #next(
    value: JsonValue,
    list: ItemList | undefined,
    bytes: number,
    expiresAt: number | null,
    encoding: 'base64' | undefined,
  ): KeyContents {
    const before = this.contents
    const { wall } = this.#context.now
    const version = before === undefined ? 1 : before.version + 1
    const createdAt = before === undefined ? wall : before.createdAt
    const revision = this.nextVersion
    return { value, list, encoding, version, revision, createdAt, updatedAt: wall, expiresAt, bytes }
  }

  #put(after: KeyContents, written: JsonValue | undefined): void {
    this.#push(this.contents === undefined ? 'created' : 'updated', this.contents, after, written)
  }

  #push(
    type: KeyChange['type'],
    before: KeyContents | undefined,
    after: KeyContents | undefined,
    written: JsonValue | undefined,
  ): void {
    const { key, nextVersion: version } = this
    const { wall: at } = this.#context.now
    this.#changes.push({ subject: 'key', type, state: this.#keyspace.name, version, at, key, before, after, written })
  }
}

export function expired(keyspace: Keyspace, key: string, before: KeyContents, version: number, at: number): Change {
  const state = keyspace.name
  return { subject: 'key', type: 'expired', state, version, at, key, before, after: undefined, written: undefined }
}

/** Refuses a value that is not what its encoding says: base64 as its encoders write it, padded, with nothing in between. */
export function encodingProblem(value: JsonValue, encoding: 'base64' | undefined): Refuse | undefined {
  if (encoding === undefined) return undefined
  const isBase64 = typeof value === 'string' && Buffer.from(value, 'base64').toString('base64') === value
  return isBase64
    ? undefined
    : refuse('INVALID_REQUEST', { reason: "with 'encoding', 'value' must be a string of base64" })
}

/** Refuses a value, or an item, that is too large. */
export function sizeProblem(value: JsonValue, what: string, { limits }: Context): Refuse | undefined {
  // A character takes at most three bytes of UTF-8, or six as an escape; only what could pass the bound is measured.
  if (approximateBytes(value) * 6 <= limits.valueBytesMax) return undefined
  if (Buffer.byteLength(JSON.stringify(value)) <= limits.valueBytesMax) return undefined
  return refuse('LIMIT_EXCEEDED', { what: `The size of ${what} in bytes`, limit: limits.valueBytesMax })
}

export function wrongType(key: string, expected: string): Refuse {
  return refuse('WRONG_TYPE', { key, expected })
}
