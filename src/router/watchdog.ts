// Notices a shard that hangs: it has work, its counters in shared memory stand still, and this thread was not the one
// that was late. It looks now and then, and costs the shard nothing. A shard that stands still inside its database waits
// for a disk: it is not ready, but its thread is never ended there, which could end the whole process.
import { databaseState, progressSlot } from '../protocol/mailbox.ts'

const looksPerSilence = 10

export interface WatchdogEvents {
  /** Stands still with work before it: the thread can be ended, and has been barred from its database. */
  readonly onHang: () => void
  /** Stands still inside the database, or does so no longer. */
  readonly onStall: (isStalled: boolean) => void
}

export class Watchdog {
  readonly #progress: Int32Array
  readonly #silenceMsMax: number
  #timer: NodeJS.Timeout | undefined
  #hasFired = false
  #isStalled = false

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

  /** Rises with whatever the shard does. */
  get steps(): number {
    return Atomics.load(this.#progress, progressSlot.steps)
  }

  /** How many rows a shard that recovers has read. */
  get rowsRead(): number {
    return Atomics.load(this.#progress, progressSlot.rowsRead)
  }

  /** Calls `onHang` at most once. */
  start(batchPosted: () => number, { onHang, onStall }: WatchdogEvents): void {
    const intervalMs = Math.max(1, this.#silenceMsMax / looksPerSilence)
    let lastSteps = -1
    let silentMs = 0
    let lookedAt = performance.now()
    this.#timer = setInterval(() => {
      const now = performance.now()
      const elapsedMs = now - lookedAt
      lookedAt = now
      const { steps } = this
      const moved = steps !== lastSteps
      lastSteps = steps
      // A late timer means that this thread, or the machine, stood still: that says nothing about the shard.
      const wasLate = elapsedMs > intervalMs * 3
      if (moved || wasLate || !this.#hasWork(batchPosted())) {
        silentMs = 0
        if (this.#isStalled) onStall((this.#isStalled = false))
        return
      }
      silentMs += elapsedMs
      if (silentMs < this.#silenceMsMax) return
      if (!this.#barFromDatabase()) {
        if (!this.#isStalled) onStall((this.#isStalled = true))
        return
      }
      this.#hasFired = true
      this.stop()
      onHang()
    }, intervalMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** False if the shard is inside. */
  #barFromDatabase(): boolean {
    const { outside, inside, barred } = databaseState
    return Atomics.compareExchange(this.#progress, progressSlot.database, outside, barred) !== inside
  }

  #hasWork(batchPosted: number): boolean {
    const working = Atomics.load(this.#progress, progressSlot.working) === 1
    return working || ((batchPosted - this.batchTaken) | 0) > 0
  }
}
