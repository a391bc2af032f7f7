// Notices a shard that hangs: it has work, its counters in shared memory stand still, and this thread was not the one
// that was late. It looks now and then, and costs the shard nothing.
import { progressSlot } from '../protocol/mailbox.ts'

const looksPerSilence = 10

export class Watchdog {
  readonly #progress: Int32Array
  readonly #silenceMsMax: number
  #timer: NodeJS.Timeout | undefined
  #hasFired = false

  constructor(progress: Int32Array, silenceMsMax: number) {
    this.#progress = progress
    this.#silenceMsMax = silenceMsMax
  }

  get hasFired(): boolean {
    return this.#hasFired
  }

  /** The number of the last batch that the shard took, modulo 2 to the 32. */
  get batchTaken(): number {
    return Atomics.load(this.#progress, progressSlot.batchTaken)
  }

  /** Calls `onHang` once if the shard stands still with work before it. */
  start(batchPosted: () => number, onHang: () => void): void {
    const intervalMs = Math.max(1, this.#silenceMsMax / looksPerSilence)
    let lastSteps = -1
    let silentMs = 0
    let lookedAt = performance.now()
    this.#timer = setInterval(() => {
      const now = performance.now()
      const elapsedMs = now - lookedAt
      lookedAt = now
      const steps = Atomics.load(this.#progress, progressSlot.steps)
      const moved = steps !== lastSteps
      lastSteps = steps
      // A late timer means that this thread, or the machine, stood still: that says nothing about the shard.
      const wasLate = elapsedMs > intervalMs * 3
      if (moved || wasLate || !this.#hasWork(batchPosted())) {
        silentMs = 0
        return
      }
      silentMs += elapsedMs
      if (silentMs < this.#silenceMsMax) return
      this.#hasFired = true
      this.stop()
      onHang()
    }, intervalMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #hasWork(batchPosted: number): boolean {
    const working = Atomics.load(this.#progress, progressSlot.working) === 1
    return working || ((batchPosted - this.batchTaken) | 0) > 0
  }
}
