// Values of keys on their way in and out. Bytes travel as base64 text with a mark beside it; everything else is JSON as it
// stands. Durations are milliseconds in the client and seconds on the wire, timestamps are dates here.
import type { JsonObject, JsonValue } from '../protocol/value.ts'

/** A key with all that is known of it. */
export interface Entry<Value> {
  readonly value: Value
  /** 1 when the key was created, one more with each write. */
  readonly version: number
  /** The version of the keyspace at the last write of this key: it also tells a key from one that was made anew. */
  readonly revision: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** The arguments that carry a value. */
export function valueArguments(key: string, value: unknown, ttlMs: number | undefined): JsonObject {
  const args: JsonObject =
    value instanceof Uint8Array
      ? { key, value: base64Of(value), encoding: 'base64' }
      : // What is not JSON is refused when the call is taken.
        { key, value: value as JsonValue }
  if (ttlMs !== undefined) args.ttl = secondsOf(ttlMs)
  return args
}

export function secondsOf(milliseconds: number): number {
  return milliseconds / 1_000
}

/** The value in the reply to GET_KEY; undefined where the key is missing. */
export function valueOf<Value>({ value, version, encoding }: JsonObject): Value | undefined {
  if (version === 0) return undefined
  return (encoding === 'base64' ? bytesOf(value as string) : value) as Value
}

/** The entry in the reply to GET_KEY; undefined where the key is missing. */
export function entryOf<Value>(reply: JsonObject): Entry<Value> | undefined {
  const { version, revision, created_at: createdAt, updated_at: updatedAt } = reply
  if (version === 0) return undefined
  return {
    value: valueOf<Value>(reply) as Value,
    version: version as number,
    revision: revision as number,
    createdAt: dateOf(createdAt as number),
    updatedAt: dateOf(updatedAt as number),
  }
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/** A copy that is not part of the pool that small buffers are cut from. */
function bytesOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'))
}

export function dateOf(seconds: number): Date {
  return new Date(seconds * 1_000)
}
