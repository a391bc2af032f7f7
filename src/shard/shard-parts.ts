// What a shard is made of, put together: each part gets what it needs of the others and of the actor. Used by shard.ts alone.
import { silentLog } from '../base/log.ts'
import { shardOf } from '../base/placement.ts'
import { isOfSnapshots, isOfTransactions } from '../journal/kept-rows.ts'
import { progressSlot } from '../protocol/mailbox.ts'
import type { ShardStatistics } from '../protocol/statistics.ts'
import { Directory } from '../state/directory.ts'
import { RecentChanges, recentBounds } from '../state/recent-changes.ts'
import { Aside } from './aside.ts'
import type { Job } from './batch.ts'
import { compressInBackground } from './chunk-text.ts'
import { Cuts } from './cuts.ts'
import { DueWork } from './due-work.ts'
import { Executor } from './executor.ts'
import type { Held } from './held.ts'
import { HookSet } from './hook-set.ts'
import { Hooks } from './hooks.ts'
import type { Measures } from './measures.ts'
import { Parking } from './parking.ts'
import { Replies } from './replies.ts'
import { ShardFeed } from './shard-feed.ts'
import type { ShardOptions } from './shard-options.ts'
import { Snapshots } from './snapshots.ts'
import { summaryOf } from './statistics.ts'
import { Transactions } from './transactions.ts'

/** What the parts need of the actor. */
export interface Actor {
  readonly measures: Measures
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
  const recent = new RecentChanges(recentBounds(limits, journal.durability))
  const facts = {
    limits,
    shard: id,
    durability: journal.durability,
    recent,
    statistics: (detail: boolean) => summaryOf(actor.statistics(), detail),
    slowLog: (limit: number, isReset: boolean) => actor.measures.slowLog.read(limit, isReset),
    lockWaiters: (lock: string): number => parking.lockWaitersOf(lock),
    owns: (name: string) => shards === 1 || shardOf(name, shards) === id,
  }
  const hooks = new Hooks({
    set: options.hooks ?? new HookSet(),
    directory,
    log: options.log ?? silentLog,
    onCall: () => Atomics.add(progress, progressSlot.steps, 1),
  })
  const { onJob } = actor
  const replies = new Replies({
    limits,
    durability: journal.durability,
    counters: actor.measures.counters,
    send,
    onJob,
  })
  const executor = new Executor(directory, facts, hooks, replies.keyed)
  const parking: Parking = new Parking(executor, limits, recent)
  const feed = new ShardFeed({ directory, recent, publish })
  const aside = new Aside(progress, actor.onWake)
  const snapshots = new Snapshots({
    shard: id,
    limits,
    directory,
    held: actor.held,
    journal,
    aside,
    clocks: options.clocks,
    compress: options.compress ?? compressInBackground,
    owns: facts.owns,
    send,
    free: actor.onFree,
    isPromised: (snapshot) => transactions.isRestoring(snapshot),
  })
  const { keyed } = replies
  const { held, onFree } = actor
  const transactions: Transactions = new Transactions(executor, directory, held, facts, keyed, snapshots, onFree)
  const dueWork = new DueWork({ directory, facts, wakeAfter, onWake: actor.onWake })
  const cuts = new Cuts({ snapshot: snapshots.onCut, ...options.cuts }, directory, send, options.onCut)
  const { owns } = facts
  return { owns, directory, executor, dueWork, parking, replies, hooks, feed, transactions, cuts, snapshots, aside }
}

export type Parts = ReturnType<typeof assemble>

/** Reads back what was committed. Resolves to the number of the last commit. */
export async function recovered(parts: Parts, { journal, clocks }: ShardOptions): Promise<number> {
  const { directory, dueWork, parking, replies, snapshots, transactions } = parts
  const { mono } = clocks()
  const commitNumber = await journal.recover(directory, (row) => {
    if (isOfTransactions(row.table)) transactions.load(row)
    else if (isOfSnapshots(row.table)) snapshots.load(row)
    else replies.load(row, mono)
  })
  replies.keyed.sort()
  await journal.recall((changes) => parking.recall(changes))
  const now = clocks()
  directory.restartLeases(now.mono)
  await transactions.recover(now)
  snapshots.forgetLoads()
  dueWork.plan(now, null)
  return commitNumber
}

/** What the parts tell of themselves. */
export function counted({ hooks, parking, replies, snapshots }: Parts) {
  return { ...hooks.snapshot(), ...parking.snapshot(), ...replies.statistics(), ...snapshots.statistics() }
}
