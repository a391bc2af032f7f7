// What a shard is made of, put together: each part gets what it needs of the others and of the actor. Used by shard.ts alone.
import { silentLog } from '../base/log.ts'
import { shardOf } from '../base/placement.ts'
import { progressSlot } from '../protocol/mailbox.ts'
import type { ShardStatistics } from '../protocol/statistics.ts'
import { Directory } from '../state/directory.ts'
import { RecentChanges } from '../state/recent-changes.ts'
import type { Job } from './batch.ts'
import { DueWork } from './due-work.ts'
import { Executor } from './executor.ts'
import type { Held } from './held.ts'
import { HookSet } from './hook-set.ts'
import { Hooks } from './hooks.ts'
import { Parking } from './parking.ts'
import { Replies } from './replies.ts'
import { ShardFeed } from './shard-feed.ts'
import type { ShardOptions } from './shard-options.ts'
import { type Counters, summaryOf } from './statistics.ts'
import { Transactions } from './transactions.ts'

/** What the parts need of the actor. */
export interface Actor {
  readonly counters: Counters
  readonly held: Held
  readonly statistics: () => ShardStatistics
  readonly onJob: (job: Job) => void
  /** A state that was held goes on. */
  readonly onFree: (state: string) => void
  /** Something is due though nobody asks. */
  readonly onWake: () => void
}

export function assemble(options: ShardOptions, actor: Actor) {
  const { id, shards, limits, journal, progress, send, wakeAfter, publish = () => {} } = options
  const directory = new Directory(limits.deletedNamesPerShardMax)
  const recent = new RecentChanges(limits)
  const facts = {
    limits,
    shard: id,
    durability: journal.durability,
    recent,
    statistics: (detail: boolean) => summaryOf(actor.statistics(), detail),
    lockWaiters: (lock: string): number => parking.lockWaitersOf(lock),
    owns: (name: string) => shardOf(name, shards) === id,
  }
  const hooks = new Hooks({
    set: options.hooks ?? new HookSet(),
    directory,
    log: options.log ?? silentLog,
    onCall: () => Atomics.add(progress, progressSlot.steps, 1),
  })
  const { counters, onJob } = actor
  const replies = new Replies({ limits, durability: journal.durability, counters, send, onJob })
  const executor = new Executor(directory, facts, hooks, replies.keyed)
  const parking: Parking = new Parking(executor, limits, recent)
  const feed = new ShardFeed({ directory, recent, publish })
  const transactions = new Transactions(executor, directory, actor.held, facts, actor.onFree)
  const dueWork = new DueWork({ directory, facts, wakeAfter, onWake: actor.onWake })
  return { directory, executor, dueWork, parking, replies, hooks, feed, transactions }
}
