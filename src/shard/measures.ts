// What a shard measures of itself: counts, times, the requests that took too long, and what it has around it. Owned by one life
// of a shard, which tells it the moments.
import type { ShardStatistics } from '../protocol/statistics.ts'
import type { Batch } from './batch.ts'
import type { ShardOptions } from './shard-options.ts'
import { SlowLog } from './slow-log.ts'
import { type BatchTimes, Counters } from './statistics.ts'
import { Surroundings } from './surroundings.ts'

export class Measures {
  readonly counters = new Counters()
  readonly slowLog: SlowLog
  readonly #surroundings: Surroundings
  readonly #head: Pick<ShardStatistics, 'shard' | 'startedAt'>

  constructor(options: ShardOptions) {
    this.slowLog = new SlowLog(options)
    this.#surroundings = new Surroundings(options.journal, options.limits)
    this.#head = { shard: options.id, startedAt: options.clocks().wall }
  }

  /** All that was stored is read. */
  hasRecovered(): void {
    this.#surroundings.hasRecovered()
  }

  /** The batch is committed and answered. */
  endBatch(batch: Batch, times: BatchTimes): void {
    this.counters.countBatch(batch.commands, times)
    this.slowLog.endBatch(batch, times.committedAt - times.decidedAt)
  }

  snapshot() {
    return {
      ...this.#head,
      ...this.counters.snapshot(),
      ...this.#surroundings.statistics(),
      slowRequests: this.slowLog.noted,
    }
  }
}
