// Changes of locks: one was granted, extended, released or ran out. See change.ts, which joins them to the changes of
// states; a lock has no version, so these take none.
import { assert } from '../base/assert.ts'
import type { Lock, Locks, Tokens } from './locks.ts'

export interface LockChange {
  readonly subject: 'lock'
  readonly type: 'lock_granted' | 'lock_extended' | 'lock_released' | 'lock_expired'
  readonly lock: string
  /** When it was decided, in milliseconds since 1970. */
  readonly at: number
  readonly before: Lock | undefined
  readonly after: Lock | undefined
  /** The counter of tokens, where the change took one. */
  readonly tokens: { readonly before: Tokens; readonly after: Tokens } | undefined
  /** A free lock that is remembered no longer, as there are too many. Its token raises the floor, which stood there. */
  readonly forgotten: { readonly lock: string; readonly token: number; readonly floorBefore: number } | undefined
}

export function undoInLocks(locks: Locks, { lock, before, after, tokens, forgotten }: LockChange): void {
  assert(locks.get(lock) === after, 'a change of a lock is undone where it stands')
  locks.set(lock, before)
  if (tokens !== undefined) locks.tokens = tokens.before
  if (forgotten === undefined) return
  locks.floor = forgotten.floorBefore
  locks.set(forgotten.lock, { token: forgotten.token, holder: undefined })
}

export function setInLocks(locks: Locks, { lock, before, after, tokens, forgotten }: LockChange): void {
  assert(locks.get(lock) === before, 'a change of a lock starts from what stands')
  locks.set(lock, after)
  if (tokens !== undefined) locks.tokens = tokens.after
  if (forgotten === undefined) return
  locks.floor = Math.max(locks.floor, forgotten.token)
  locks.set(forgotten.lock, undefined)
}

/** Whether it must be on the disk before anybody hears of it, in whatever mode: tokens must never be given twice. */
export function mustBeSecured({ tokens }: LockChange): boolean {
  return tokens !== undefined && tokens.before.reserved !== tokens.after.reserved
}
