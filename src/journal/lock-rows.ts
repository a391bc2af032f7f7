// Locks as rows: one for each name that is remembered, and one fact about the tokens. The row of a name stands by itself,
// as a lock belongs to no state; what it says of a holder is all that is needed to have its time begin anew.
//
//     table │ routing key │ key    │ text
//     facts │             │ tokens │ {"reserved":2000,"floor":17}
//     locks │ deploy      │        │ {"token":1042,"owner":"w1","ttl_ms":30000}
//     locks │ report      │        │ {"token":1017}
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import type { LockChange } from '../state/lock-change.ts'
import type { Lock, Locks } from '../state/locks.ts'
import type { RowEdit } from './row.ts'

export const locksTable = 'locks'
export const tokensFact = 'tokens'

/** Follows which rows the changes of one commit touch. */
export class LockPlan {
  readonly #names = new Set<string>()
  #areTokensTouched = false

  note({ lock, tokens, forgotten }: LockChange): void {
    this.#names.add(lock)
    if (tokens !== undefined && tokens.before.reserved !== tokens.after.reserved) this.#areTokensTouched = true
    if (forgotten === undefined) return
    this.#names.add(forgotten.lock)
    this.#areTokensTouched = true
  }

  /** The rows, as the locks stand after the changes. */
  edits(locks: Locks, factsTable: string): RowEdit[] {
    const edits = [...this.#names].map((name) => edit(locksTable, name, '', rowOf(locks.get(name))))
    if (!this.#areTokensTouched) return edits
    return [...edits, edit(factsTable, '', tokensFact, { reserved: locks.tokens.reserved, floor: locks.floor })]
  }
}

/** Its deadline is set when all locks begin anew, which is before anybody looks. */
export function lockIn({ token, owner, ttl_ms: ttlMs }: JsonObject): Lock {
  if (owner === undefined) return { token: token as number, holder: undefined }
  return {
    token: token as number,
    holder: { owner: owner as string, ttlMs: ttlMs as number, deadline: ttlMs as number },
  }
}

/** Any token that was reserved may have been granted. */
export function loadTokens(locks: Locks, { reserved, floor }: JsonObject): void {
  locks.tokens = { last: reserved as number, reserved: reserved as number }
  locks.floor = floor as number
}

/** What the change log keeps of a change. */
export function loggedLock({ lock, type, at, after }: LockChange): JsonObject {
  const { token = null, holder } = after ?? {}
  return { lock, type, at, token, ...(holder !== undefined && { owner: holder.owner }) }
}

function rowOf(lock: Lock | undefined): JsonObject | undefined {
  if (lock === undefined) return undefined
  const { token, holder } = lock
  return { token, ...(holder !== undefined && { owner: holder.owner, ttl_ms: holder.ttlMs }) }
}

function edit(table: string, routingKey: string, key: string, value: JsonValue | undefined): RowEdit {
  return { table, routingKey, key, text: value === undefined ? undefined : JSON.stringify(value) }
}
