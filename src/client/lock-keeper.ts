// Keeps a lock for as long as a function runs, by extending it, and says when it can be relied on no longer. All times are
// taken before a request leaves, so that they lie before those of the server.
// Invariant: the signal fires before the lock can have been lost, unless this process stands still; and once the keeper is
// stopped nothing is asked of the server any more.
import { HoldfastError } from './error.ts'
import type { HeldLock } from './held-lock.ts'

/** How much faster the server's clock may run than this one's: far more than any that is not broken. */
const driftShare = 0.01
/** What a timer may be late by, and what stopping takes whoever hears the signal. */
const timerMarginMs = 10
/** Of the time of a lock, after which it is extended. */
const extensionShare = 1 / 3
/** Of the time of a lock, after which an extension that failed is tried again. */
const retryShare = 1 / 10
/** So long it is tried to give a lock back, after which it is left to its own end. */
const releaseMsMax = 5_000
const releaseRetryMs = 50

export class LockKeeper {
  readonly #lock: HeldLock
  readonly #lost = new AbortController()
  readonly #stopped = new AbortController()
  #sureUntil: number
  #lossTimer: NodeJS.Timeout | undefined
  #extensionTimer: NodeJS.Timeout | undefined
  #extending: Promise<void> | undefined

  /** `askedAt` is when the request was sent that the lock's time begins with, as `performance.now()` tells it. */
  constructor(lock: HeldLock, askedAt: number) {
    this.#lock = lock
    this.#sureUntil = sureUntil(askedAt, lock.ttlMs)
    this.#watch()
    this.#extendIn(lock.ttlMs * extensionShare)
  }

  /** Fires when the lock can be relied on no longer. */
  get signal(): AbortSignal {
    return this.#lost.signal
  }

  /** Ends the extensions, waits for one that is on its way, and gives the lock back. Never rejects. */
  async release(): Promise<void> {
    clearTimeout(this.#lossTimer)
    clearTimeout(this.#extensionTimer)
    this.#stopped.abort()
    await this.#extending
    const giveUpAt = Math.min(performance.now() + releaseMsMax, Math.max(this.#sureUntil, performance.now()))
    for (;;) {
      try {
        await this.#lock.release({ timeoutMs: Math.max(giveUpAt - performance.now(), releaseRetryMs) })
        return
      } catch (error) {
        if (!isPassing(error) || performance.now() >= giveUpAt) return
        await new Promise((resolve) => setTimeout(resolve, releaseRetryMs))
      }
    }
  }

  #watch(): void {
    clearTimeout(this.#lossTimer)
    this.#lossTimer = setTimeout(() => this.#lose(), Math.max(this.#sureUntil - performance.now(), 0))
  }

  #lose(): void {
    clearTimeout(this.#lossTimer)
    clearTimeout(this.#extensionTimer)
    this.#lost.abort(new DOMException(`lock '${this.#lock.lock}' may be lost`, 'AbortError'))
  }

  #extendIn(delayMs: number): void {
    this.#extensionTimer = setTimeout(() => {
      this.#extending = this.#extend()
    }, delayMs)
  }

  async #extend(): Promise<void> {
    const { ttlMs } = this.#lock
    const askedAt = performance.now()
    // This process stood still: what is over is over, whatever the server says.
    if (askedAt >= this.#sureUntil) return this.#lose()
    try {
      const isExtended = await this.#lock.extend({
        timeoutMs: this.#sureUntil - askedAt,
        signal: this.#stopped.signal,
      })
      if (this.#stopped.signal.aborted) return
      if (!isExtended || performance.now() >= this.#sureUntil) return this.#lose()
      this.#sureUntil = sureUntil(askedAt, ttlMs)
      this.#watch()
      this.#extendIn(ttlMs * extensionShare)
    } catch {
      // Until the lock may be lost there is time to try again.
      if (!this.#stopped.signal.aborted && !this.#lost.signal.aborted) this.#extendIn(ttlMs * retryShare)
    }
  }
}

/** Until when a lock is surely held that was asked for at this moment. */
function sureUntil(askedAt: number, ttlMs: number): number {
  return askedAt + ttlMs * (1 - driftShare) - timerMarginMs
}

function isPassing(error: unknown): boolean {
  return error instanceof HoldfastError && (error.retryable || error.mayHaveRun)
}
