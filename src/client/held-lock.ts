// A lock that was granted, and how one is asked for. A grant that nobody waits for any more is given back at once: the
// caller cannot know of it, and nobody else could have the lock.
import { randomUUID } from 'node:crypto'
import { type Fence, lockSecondsMax } from '../protocol/arguments.ts'
import { invalidRequest } from '../protocol/envelope.ts'
import { nameProblem } from '../protocol/names.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { Caller, CallOptions } from './caller.ts'
import { errorOfRefusal, HoldfastError } from './error.ts'
import { secondsOf } from './key-values.ts'

/** How a lock is asked for. */
export interface LockOptions extends CallOptions {
  /** How long the lock lasts unless it is extended or given back, in milliseconds. Default: 30,000; at most a day. */
  readonly ttlMs?: number | undefined
  /** Who is to have it: whoever says the same may give it back. Default: a fresh id. */
  readonly owner?: string | undefined
}

export interface WaitingLockOptions extends LockOptions {
  /** How long to wait where somebody has it, in milliseconds; `timeoutMs` comes on top. Default: 30,000; at most a day. */
  readonly waitMs?: number | undefined
}

export interface ExtendOptions extends CallOptions {
  /** How long the lock lasts from now on, in milliseconds. Default: as long as it was asked for. */
  readonly ttlMs?: number | undefined
}

export const defaultLockMs = 30_000

/** A lock that was granted. It can stand as the fence of a write. */
export class HeldLock implements Fence {
  /** The name of the lock. */
  readonly lock: string
  readonly owner: string
  /** Higher than any token that was granted for this name before. */
  readonly token: number
  readonly ttlMs: number
  readonly #caller: Caller

  /** Use `client.lock` or `client.tryLock`. */
  constructor(caller: Caller, grant: { lock: string; owner: string; token: number; ttlMs: number }) {
    this.#caller = caller
    this.lock = grant.lock
    this.owner = grant.owner
    this.token = grant.token
    this.ttlMs = grant.ttlMs
  }

  /** Has the lock last so long from now on. Resolves to false if it was lost: then somebody else may have it. */
  extend({ ttlMs = this.ttlMs, ...options }: ExtendOptions = {}): Promise<boolean> {
    const { owner, token } = this
    const args = { owner, token, ttl: secondsOf(ttlMs) }
    return falseIfLost(this.#caller.run('EXTEND_LOCK', this.lock, args, extendedOf, options))
  }

  /** Gives the lock back. Resolves to false if it was lost before. */
  release(options?: CallOptions): Promise<boolean> {
    const { owner, token } = this
    return falseIfLost(this.#caller.run('UNLOCK', this.lock, { owner, token }, releasedOf, options))
  }
}

/**
 * Asks for a lock, and waits for it where `waitMs` is given. Resolves to undefined if somebody else has it. What waits has to
 * travel alone, and most locks are free: so it is tried first, in one message with others, and waited for if need be.
 */
export async function acquire(
  caller: Caller,
  lock: string,
  { ttlMs = defaultLockMs, owner: named, waitMs, ...options }: WaitingLockOptions,
): Promise<HeldLock | undefined> {
  const problem = nameProblem(lock, 'lock')
  if (problem !== undefined) throw errorOfRefusal(invalidRequest(problem))
  const owner = named ?? randomUUID()
  const args: JsonObject = { owner, ttl: secondsOf(ttlMs) }
  const askedAt = waitMs === undefined ? 0 : performance.now()
  let isGivenUp = false
  const read = ({ acquired, token }: JsonObject): HeldLock | undefined => {
    if (acquired !== true) return undefined
    const held = new HeldLock(caller, { lock, owner, token: token as number, ttlMs })
    // If it cannot be given back now, its time will be over.
    if (isGivenUp) held.release().catch(() => {})
    return held
  }
  try {
    // A wait that is out of bounds is for the server to refuse, whether the lock is free or not.
    if (waitMs === undefined || (waitMs > 0 && secondsOf(waitMs) <= lockSecondsMax)) {
      const held = await caller.run('TRY_LOCK', lock, args, read, options)
      if (held !== undefined || waitMs === undefined) return held
    }
    const leftMs = waitMs <= 0 ? waitMs : Math.max(waitMs - (performance.now() - askedAt), 0)
    return await caller.run('LOCK', lock, { ...args, timeout: secondsOf(leftMs) }, read, options)
  } catch (error) {
    isGivenUp = true
    // The reply may have been lost with a grant in it. Under a name of its own, an owner may have the lock by another call.
    if (named === undefined && mayHaveBeenGranted(error)) {
      caller.run('UNLOCK', lock, { owner }, releasedOf).catch(() => {})
    }
    throw error
  }
}

function mayHaveBeenGranted(error: unknown): boolean {
  return error instanceof HoldfastError && error.mayHaveRun
}

/** Whether this says that somebody else has the lock. */
export function isLost(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === 'LOCK_NOT_HELD'
}

export async function falseIfLost(result: Promise<boolean>): Promise<boolean> {
  try {
    return await result
  } catch (error) {
    if (isLost(error)) return false
    throw error
  }
}

// What a method makes of the reply. Functions of their own, so that a call does not have to make one.

export function extendedOf(reply: JsonObject): boolean {
  return reply.extended as boolean
}

export function releasedOf(reply: JsonObject): boolean {
  return reply.released as boolean
}
