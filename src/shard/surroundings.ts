// What a shard has around it: the memory and the time of its thread, its disk, and how long its start took. Owned by one life
// of a shard, for its statistics.
import { getHeapStatistics } from 'node:v8'
import { isMainThread } from 'node:worker_threads'
import { durationBounds, Histogram } from '../base/histogram.ts'
import type { Limits } from '../base/limits.ts'
import type { Journal } from '../journal/journal.ts'

const nothingSynced = new Histogram(durationBounds).snapshot()
const megabyte = 1024 * 1024

export class Surroundings {
  readonly #journal: Journal
  readonly #heapBytesMax: number
  /** A thread may have run another life of a shard before. */
  readonly #atStart = performance.eventLoopUtilization()
  readonly #startedAt = performance.now()
  #recoverySeconds = 0

  constructor(journal: Journal, { shardHeapMegabytesMax }: Limits) {
    this.#journal = journal
    this.#heapBytesMax = isMainThread ? 0 : shardHeapMegabytesMax * megabyte
  }

  hasRecovered(): void {
    this.#recoverySeconds = (performance.now() - this.#startedAt) / 1000
  }

  statistics() {
    const { used_heap_size: heapBytes, external_memory: externalBytes } = getHeapStatistics()
    const { active, idle } = performance.eventLoopUtilization(this.#atStart)
    return {
      heapBytes,
      heapBytesMax: this.#heapBytesMax,
      externalBytes,
      busySeconds: active / 1000,
      idleSeconds: idle / 1000,
      recoverySeconds: this.#recoverySeconds,
      syncSeconds: this.#journal.syncSeconds ?? nothingSynced,
      storageFull: this.#journal.isFull ?? false,
    }
  }
}
