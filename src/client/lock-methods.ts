// The methods of locks, which a client of a daemon and an engine in this process have alike. It remembers what this side
// was granted, so that a name is enough to give a lock back.
import type { JsonObject } from '../protocol/value.ts'
import type { Caller, CallOptions } from './caller.ts'
import { clientError } from './error.ts'
import {
  acquire,
  defaultLockMs,
  type ExtendOptions,
  extendedOf,
  type HeldLock,
  type LockOptions,
  releasedOf,
  type WaitingLockOptions,
} from './held-lock.ts'
import { secondsOf } from './key-values.ts'
import { LockKeeper } from './lock-keeper.ts'

/** Who gives a lock back, or extends it, where this is not whoever was granted it here. */
export interface OwnerOptions {
  readonly owner?: string | undefined
  /** Only if this is the token of the grant. */
  readonly token?: number | undefined
}

/** What a function under a lock is given. It can stand as the fence of a write. */
export interface LockScope {
  /** The name of the lock. */
  readonly lock: string
  readonly owner: string
  readonly token: number
  /** Fires before the lock can have been lost, and when the signal of the options does: stop then. */
  readonly signal: AbortSignal
}

/** Above so many remembered grants those are looked for whose time is over. */
const grantsMin = 1_000

export abstract class LockMethods {
  readonly #grants = new Map<string, { readonly held: HeldLock; readonly endsAt: number }>()
  #grantsMax = grantsMin

  /** Who runs the commands. */
  protected abstract get caller(): Caller

  /**
   * Takes a lock if nobody has it; resolves to undefined otherwise. A number in place of the options is how long the lock
   * lasts, in seconds.
   */
  async tryLock(name: string, options: LockOptions | number = {}): Promise<HeldLock | undefined> {
    const given = typeof options === 'number' ? { ttlMs: options * 1_000 } : options
    return this.#remembered(await acquire(this.caller, name, { ...given, waitMs: undefined }))
  }

  /**
   * Takes a lock, and waits for it where somebody has it: those who wait are served in order. Resolves to undefined if
   * its turn has not come in time. A number in place of the options is how long to wait, in seconds.
   */
  async lock(name: string, options: WaitingLockOptions | number = {}): Promise<HeldLock | undefined> {
    const { waitMs = defaultLockMs, ...given } = waiting(options)
    return this.#remembered(await acquire(this.caller, name, { ...given, waitMs }))
  }

  /**
   * Gives a lock back: the newest that was granted here by this name, unless an owner is named. Resolves to false if it
   * was free, or lost; rejects with `LOCK_NOT_HELD` if somebody else than the named owner has it.
   */
  async unlock(name: string, { owner, token, ...options }: OwnerOptions & CallOptions = {}): Promise<boolean> {
    if (owner !== undefined) return this.caller.run('UNLOCK', name, owned(owner, token), releasedOf, options)
    const held = this.#grants.get(name)?.held
    this.#grants.delete(name)
    return held === undefined ? false : held.release(options)
  }

  /** Has a lock last so long from now on; whose, and what it resolves to and rejects with, is as with `unlock`. */
  async extendLock(name: string, options: OwnerOptions & ExtendOptions = {}): Promise<boolean> {
    const { owner, token, ttlMs, ...given } = options
    if (owner !== undefined) {
      const args = { ...owned(owner, token), ...(ttlMs !== undefined && { ttl: secondsOf(ttlMs) }) }
      return this.caller.run('EXTEND_LOCK', name, args, extendedOf, given)
    }
    const held = this.#grants.get(name)?.held
    if (held === undefined) return false
    const isExtended = await held.extend({ ttlMs, ...given })
    if (isExtended && this.#grants.get(name)?.held === held) this.#remember(held, ttlMs ?? held.ttlMs)
    return isExtended
  }

  /**
   * Runs `fn` under a lock, which is extended for as long as it runs, and given back whatever comes of it. Resolves or
   * rejects as `fn` does. Rejects with `LOCK_TIMEOUT`, and does not run `fn`, if the lock was not free in time. Whether
   * writes of `fn` can come too late is decided by their fence alone: give them what `fn` was given. A number in place of
   * the options is how long to wait, in seconds.
   */
  async withLock<Result>(
    name: string,
    fn: (scope: LockScope) => Result | Promise<Result>,
    options: WaitingLockOptions | number = {},
  ): Promise<Result> {
    const given = waiting(options)
    const { held, askedAt } = await this.#acquireFresh(name, given)
    const keeper = new LockKeeper(held, askedAt)
    try {
      given.signal?.throwIfAborted()
      const { lock, owner, token } = held
      const signal = given.signal === undefined ? keeper.signal : AbortSignal.any([keeper.signal, given.signal])
      return await fn({ lock, owner, token, signal })
    } finally {
      await keeper.release()
    }
  }

  /** A lock most of whose time is left: one whose grant was long on its way is extended before it is relied on. */
  async #acquireFresh(name: string, { waitMs = defaultLockMs, ...given }: WaitingLockOptions) {
    const giveUpAt = performance.now() + waitMs
    for (;;) {
      const askedAt = performance.now()
      const held = await acquire(this.caller, name, { ...given, waitMs: Math.max(giveUpAt - askedAt, 0) })
      if (held === undefined) break
      const grantedAt = performance.now()
      if (grantedAt - askedAt < held.ttlMs / 3) return { held, askedAt }
      const extending = held.extend({ signal: given.signal, timeoutMs: given.timeoutMs })
      const isExtended = await extending.catch((error: unknown) => {
        held.release().catch(() => {})
        throw error
      })
      if (isExtended) return { held, askedAt: grantedAt }
      if (grantedAt >= giveUpAt) break
    }
    throw clientError('LOCK_TIMEOUT', `'${name}' was not free within ${waitMs} ms`)
  }

  #remembered(held: HeldLock | undefined): HeldLock | undefined {
    if (held !== undefined) this.#remember(held, held.ttlMs)
    return held
  }

  #remember(held: HeldLock, ttlMs: number): void {
    const now = performance.now()
    this.#grants.set(held.lock, { held, endsAt: now + ttlMs })
    if (this.#grants.size <= this.#grantsMax) return
    for (const [name, { endsAt }] of this.#grants) if (endsAt <= now) this.#grants.delete(name)
    this.#grantsMax = Math.max(grantsMin, this.#grants.size * 2)
  }
}

function waiting(options: WaitingLockOptions | number): WaitingLockOptions {
  return typeof options === 'number' ? { waitMs: options * 1_000 } : options
}

function owned(owner: string, token: number | undefined): JsonObject {
  return token === undefined ? { owner } : { owner, token }
}
