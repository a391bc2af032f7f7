// Changes a value by reading it, asking what to make of it, and writing it if nobody else has meanwhile. Those who lose
// wait at random and ever longer, so that of many who want the same key one after another gets through.
import { setTimeout as delay } from 'node:timers/promises'
import type { CallOptions } from './caller.ts'
import { HoldfastError } from './error.ts'
import type { WriteCallOptions } from './fence.ts'
import type { Entry } from './key-values.ts'
import type { Expected } from './keys.ts'

export interface UpdateOptions extends WriteCallOptions {
  /** How long the key lives from now on, in milliseconds. Default: as long as it did. */
  readonly ttlMs?: number | undefined
  /** How often the value is read and written before it is given up. Default: 100. */
  readonly attemptsMax?: number | undefined
}

interface Updated<Value, Written> {
  entry(key: string, options?: CallOptions): Promise<Entry<Value> | undefined>
  compareAndSet(key: string, expected: Expected, value: Written, options?: WriteCallOptions): Promise<number>
}

const defaultAttemptsMax = 100
/** The mean of the first wait is half of this; each further one is twice as long, up to the longest. */
const firstWaitMs = 2
const longestWaitMs = 200

export async function updateKey<Value, Written>(
  keys: Updated<Value, Written>,
  key: string,
  change: (value: Value | undefined) => Written | undefined | Promise<Written | undefined>,
  { attemptsMax = defaultAttemptsMax, ...options }: UpdateOptions = {},
): Promise<Value | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    const entry = await keys.entry(key, options)
    const value = await change(entry?.value)
    options.signal?.throwIfAborted()
    if (value === undefined) return entry?.value
    try {
      // The revision, since a key that was deleted and made anew meanwhile may be at the same version again.
      await keys.compareAndSet(key, entry === undefined ? 0 : { revision: entry.revision }, value, options)
      return value as unknown as Value
    } catch (error) {
      if (!isConflict(error) || attempt >= attemptsMax) throw error
    }
    const waitMs = Math.min(firstWaitMs * 2 ** (attempt - 1), longestWaitMs) * Math.random()
    // The signal's own reason, as with every other call; the timer would wrap it into an error of its own.
    await delay(waitMs, undefined, { signal: options.signal }).catch(() => options.signal?.throwIfAborted())
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === 'VERSION_CONFLICT'
}
