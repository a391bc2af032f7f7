// Locks: take, wait for, extend, give back, look at. Owns nothing: reads the shard's locks, answers with changes.
// Invariant: a name has one holder at a time, whoever waits longer comes first, and every grant has a token above all
// before it. Nobody ever sees a holder whose time is over.
import { type Glob, readGlob } from '../base/glob.ts'
import { defaultLockTimeout, defaultLockTtl } from '../protocol/lock-commands.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { LockChange } from '../state/lock-change.ts'
import type { Holder, Lock, Locks, Tokens } from '../state/locks.ts'
import {
  type Context,
  type Deciders,
  type Decision,
  done,
  inSteps,
  lockQueue,
  recordsPerStep,
  refuse,
  type Steps,
} from './decide.ts'

type LockCommands = 'TRY_LOCK' | 'LOCK' | 'EXTEND_LOCK' | 'UNLOCK' | 'GET_LOCK' | 'LIST_LOCKS'

/** So many tokens are reserved at a time, by a row that is secured before the first of them is granted. */
const tokensReserved = 1_000

export const lockCommands: Deciders<LockCommands> = {
  TRY_LOCK(locks, { ttl = defaultLockTtl, owner }, context) {
    const entry = new LockEntry(locks, context)
    if (entry.holder !== undefined) return entry.done(notAcquired(entry.holder, context))
    // One that ran out a moment ago belongs to whoever waits for it.
    if (entry.isAwaited) return entry.done(notAcquired(undefined, context))
    return entry.grant(ttl, owner)
  },

  LOCK(locks, { ttl = defaultLockTtl, timeout = defaultLockTimeout, owner }, context) {
    const entry = new LockEntry(locks, context)
    if (entry.holder === undefined && !entry.isAwaited) return entry.grant(ttl, owner)
    const reply = notAcquired(entry.holder, context)
    if (timeout === 0) return entry.done(reply)
    return { outcome: 'park', key: lockQueue, deadline: context.now.mono + timeout * 1000, reply }
  },

  EXTEND_LOCK(locks, { owner, token, ttl }, context) {
    const entry = new LockEntry(locks, context)
    if (entry.holder === undefined) return entry.done({ extended: false })
    if (!entry.isHeldBy(owner, token)) return refuse('LOCK_NOT_HELD', { lock: context.state })
    entry.extend(entry.holder, ttl === undefined ? entry.holder.ttlMs : ttl * 1000)
    return entry.done({ extended: true })
  },

  UNLOCK(locks, { owner, token }, context) {
    const entry = new LockEntry(locks, context)
    if (entry.holder === undefined) return entry.done({ released: false })
    if (!entry.isHeldBy(owner, token)) return refuse('LOCK_NOT_HELD', { lock: context.state })
    entry.free('lock_released')
    return entry.done({ released: true })
  },

  GET_LOCK(locks, _, context) {
    const { state: name, lockWaiters } = context
    const lock = locks.get(name)
    const holder = holderOf(lock, context)
    return done({
      held: holder !== undefined,
      owner: holder?.owner ?? null,
      token: lock?.token ?? null,
      expires_in: leftOf(holder, context),
      waiters: lockWaiters(name),
    })
  },

  // Each shard names its own locks; the router joins the lists, and knows from one too many that there are more.
  LIST_LOCKS(locks, { pattern, limit = Number.POSITIVE_INFINITY, after }, context) {
    const glob = pattern === undefined ? undefined : readGlob(pattern)
    if (glob !== undefined && 'reason' in glob) return refuse('INVALID_REQUEST', { reason: glob.reason })
    return inSteps(
      list(locks, glob, limit, after, context),
      glob === undefined ? Math.min(limit, locks.held.size) : locks.held.size,
    )
  },
}

/** The end of a lock whose time is over. */
export function lockExpired(locks: Locks, name: string, context: Context): LockChange {
  const before = locks.get(name) as Lock
  const after = { token: before.token, holder: undefined }
  const at = context.now.wall
  const forgotten = forgottenBy(locks, context)
  return { subject: 'lock', type: 'lock_expired', lock: name, at, before, after, tokens: undefined, forgotten }
}

/** Who has a lock now. */
function holderOf(lock: Lock | undefined, { now }: Context): Holder | undefined {
  const holder = lock?.holder
  return holder !== undefined && holder.deadline > now.mono ? holder : undefined
}

function leftOf(holder: Holder | undefined, { now }: Context): number | null {
  return holder === undefined ? null : Math.ceil(holder.deadline - now.mono) / 1000
}

function notAcquired(holder: Holder | undefined, context: Context): JsonObject {
  return { acquired: false, owner: null, token: null, expires_in: leftOf(holder, context) }
}

/** The free lock that has to be forgotten for one more to be remembered. */
function forgottenBy(locks: Locks, { limits }: Context): LockChange['forgotten'] {
  if (locks.freeCount < limits.freeLocksPerShardMax) return undefined
  const lock = locks.oldestFree
  const token = lock === undefined ? undefined : locks.get(lock)?.token
  return lock === undefined || token === undefined ? undefined : { lock, token, floorBefore: locks.floor }
}

/**
 * One lock, as a command finds it and leaves it. One that is due is freed first, by a change of its own; `lock` is what
 * stands then.
 */
class LockEntry {
  readonly #name: string
  readonly #locks: Locks
  readonly #context: Context
  readonly #changes: LockChange[] = []
  #lock: Lock | undefined

  constructor(locks: Locks, context: Context) {
    this.#name = context.state
    this.#locks = locks
    this.#context = context
    this.#lock = locks.get(this.#name)
    if (this.#lock?.holder !== undefined && holderOf(this.#lock, context) === undefined) {
      const change = lockExpired(locks, this.#name, context)
      this.#changes.push(change)
      this.#lock = change.after
    }
  }

  get holder(): Holder | undefined {
    return this.#lock?.holder
  }

  /** Whether somebody waits who has not been served yet, as it is only here that the lock is found to be free. */
  get isAwaited(): boolean {
    return this.#changes.length > 0 && this.#context.lockWaiters(this.#name) > 0
  }

  isHeldBy(owner: string, token: number | undefined): boolean {
    return this.holder?.owner === owner && (token === undefined || token === this.#lock?.token)
  }

  done(reply: JsonObject): Decision {
    return done(reply, this.#changes)
  }

  grant(ttl: number, wantedOwner: string | undefined): Decision {
    const { limits, shard, now } = this.#context
    if (this.#locks.held.size - this.#changes.length >= limits.locksPerShardMax) {
      return refuse('LIMIT_EXCEEDED', { what: 'The number of locks held in a shard', limit: limits.locksPerShardMax })
    }
    const before = this.#locks.tokens
    const token = before.last + 1
    const after: Tokens = {
      last: token,
      reserved: token > before.reserved ? before.last + tokensReserved : before.reserved,
    }
    // No two grants have the same, on whatever shard, since no two of a shard have the same token.
    const owner = wantedOwner ?? `${shard}/${token}`
    const holder = { owner, ttlMs: ttl * 1000, deadline: now.mono + ttl * 1000 }
    this.#push('lock_granted', { token, holder }, { before, after })
    return this.done({ acquired: true, owner, token, expires_in: ttl })
  }

  extend({ owner }: Holder, ttlMs: number): void {
    const { token } = this.#lock as Lock
    this.#push('lock_extended', { token, holder: { owner, ttlMs, deadline: this.#context.now.mono + ttlMs } })
  }

  free(type: 'lock_released'): void {
    const { token } = this.#lock as Lock
    this.#push(type, { token, holder: undefined }, undefined, forgottenBy(this.#locks, this.#context))
  }

  #push(
    type: LockChange['type'],
    after: Lock,
    tokens?: LockChange['tokens'],
    forgotten?: LockChange['forgotten'],
  ): void {
    const at = this.#context.now.wall
    const lock = this.#name
    this.#changes.push({ subject: 'lock', type, lock, at, before: this.#lock, after, tokens, forgotten })
    this.#lock = after
  }
}

/** The names are of one moment; each lock is described as it stands when its turn comes, if it is held still. */
function* list(
  locks: Locks,
  glob: Glob | undefined,
  limit: number,
  after: string | undefined,
  context: Context,
): Steps['steps'] {
  const found: JsonObject[] = []
  let looked = 0
  for (const name of locks.held.from(after, glob?.prefix ?? '')) {
    looked += 1
    if (looked % recordsPerStep === 0) yield
    if (glob !== undefined && !glob.matches(name)) continue
    const lock = locks.get(name)
    const holder = holderOf(lock, context)
    if (lock === undefined || holder === undefined) continue
    found.push({
      lock: name,
      owner: holder.owner,
      token: lock.token,
      expires_in: leftOf(holder, context),
      waiters: context.lockWaiters(name),
    })
    if (found.length > limit) break
  }
  return done({ locks: found })
}
