// What tells one write under an idempotency key from another: the same key with anything else in the command is a mistake of
// the caller's. Data only; shard/keyed-replies.ts keeps the replies.
import { createHash } from 'node:crypto'
import { isObject, type JsonValue } from './value.ts'

/** A command, or a transaction, under a key. */
export interface Keyed {
  /** With which the key counts: the same key may be used with each state. */
  readonly routingKey: string
  readonly key: string
  /** Of all that makes the command. */
  readonly hash: string
}

/** A hash over a command's name and its arguments; the order of their fields does not count. Text counts as it stands. */
export function hashOfCommand(name: string, parts: readonly ({ readonly value: JsonValue } | Uint8Array)[]): string {
  const hash = createHash('sha256').update(name)
  for (const part of parts) hash.update(part instanceof Uint8Array ? part : canonical(part.value))
  return hash.digest('base64url')
}

/** As text in which the fields of objects stand in one order. */
function canonical(value: JsonValue): string {
  return JSON.stringify(value, (_, each: JsonValue) =>
    isObject(each) ? Object.fromEntries(Object.entries(each).sort(([one], [other]) => (one < other ? -1 : 1))) : each,
  )
}
