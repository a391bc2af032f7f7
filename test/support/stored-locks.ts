// The locks of a `KeepingJournal`: what a durable journal would hold of them after the commits so far, kept in the
// simplest way that could be right.
import type { LockChange } from '../../src/state/lock-change.ts'
import type { Locks } from '../../src/state/locks.ts'

export class StoredLocks {
  readonly #names = new Map<string, { token: number; owner?: string; ttlMs?: number }>()
  reserved = 0
  #floor = 0

  keep({ lock, after, tokens, forgotten }: LockChange): void {
    if (tokens !== undefined) {
      if (tokens.after.last > tokens.after.reserved) throw new Error('a token is granted that was not reserved')
      this.reserved = tokens.after.reserved
    }
    if (forgotten !== undefined) {
      this.#names.delete(forgotten.lock)
      this.#floor = Math.max(this.#floor, forgotten.token)
    }
    if (after === undefined) throw new Error('a lock is never forgotten by a change of its own')
    const { token, holder } = after
    this.#names.delete(lock)
    this.#names.set(lock, { token, ...(holder && { owner: holder.owner, ttlMs: holder.ttlMs }) })
  }

  recover(locks: Locks): void {
    for (const [name, { token, owner, ttlMs }] of this.#names) {
      const holder = owner === undefined || ttlMs === undefined ? undefined : { owner, ttlMs, deadline: 0 }
      locks.set(name, { token, holder })
    }
    locks.tokens = { last: this.reserved, reserved: this.reserved }
    locks.floor = this.#floor
  }
}
