// What an engine can be told at its start. The daemon makes it of its configuration; a program of one's own gives it.
import type { Storage } from './base/durability.ts'
import type { Limits } from './base/limits.ts'
import type { Log } from './base/log.ts'

export interface EngineOptions {
  /**
   * Worker threads that own the states; 0 runs without threads. Default: what the folder has, and for a new one, or without
   * one, the number of cores less one, at least 1. A folder that has another number is spread over this one first, which
   * takes as long as reading all of it a few times, and room for a second copy.
   */
  readonly shards?: number
  /** The folder that keeps the states; one engine at a time. Without it the states go with the engine. */
  readonly data?: string
  /** With `data`, the folder that backups are made in. Default: `backups` in the folder of the data. */
  readonly backups?: string
  /** With `data`, what survives what; see README, "Durability". Default: `strict`. */
  readonly durability?: Storage['durability']
  /** Bounds that differ from the defaults. */
  readonly limits?: Partial<Limits>
  readonly log?: Log
  /** Requests that take their shard longer than so many milliseconds are told by SLOWLOG. Default: 10. */
  readonly slowLogMs?: number
  /** The file of a module that is loaded into each shard: see `Extension`. */
  readonly extension?: string
  /**
   * When requests leave for their shard: at the end of the `turn` of the event loop, which makes large batches, or of the
   * `microtask`, which is sooner. Default: `turn` with threads, `microtask` without.
   */
  readonly gather?: 'turn' | 'microtask'
  /** Only for tests: lets `injectFault` end shards. */
  readonly faultsEnabled?: boolean
}
