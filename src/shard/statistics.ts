// Counts what a shard does. Owned by one shard; read by the control plane and by STATS.
import { countBounds, durationBounds, Histogram, type NamedHistogram } from '../base/histogram.ts'
import { OutcomeCounts } from '../base/outcome-counts.ts'
import { detailOfShard } from '../protocol/detailed-statistics.ts'
import { commandFamilies, familyOf } from '../protocol/families.ts'
import type { ShardStatistics } from '../protocol/statistics.ts'
import { isObject, type JsonObject } from '../protocol/value.ts'
import type { Change } from '../state/change.ts'
import type { Answer } from './task.ts'

/** Moments of one batch. */
export interface BatchTimes {
  readonly startedAt: number
  readonly decidedAt: number
  /** The same where there was nothing to commit. */
  readonly committedAt: number
  readonly releasedAt: number
}

export class Counters {
  readonly commands = new OutcomeCounts()
  readonly batchCommands = new Histogram(countBounds)
  readonly batchSeconds = new Histogram(durationBounds)
  readonly sliceSeconds = new Histogram(durationBounds)
  readonly #mailboxSeconds = new Histogram(durationBounds)
  readonly decideSeconds = new Histogram(durationBounds)
  readonly commitSeconds = new Histogram(durationBounds)
  readonly #commandSeconds = new Map(commandFamilies.map((family) => [family, new Histogram(durationBounds)]))
  itemsLeased = 0
  itemsReturned = 0
  gapsClosed = 0
  changesTold = 0
  commits = 0
  expiries = 0
  lockGrants = 0
  lockExpiries = 0
  fenced = 0

  /** Counts a batch that ends now: how many commands it had, and how long it took of the shard's time. */
  countBatch(commands: number, times: BatchTimes): void {
    const { startedAt, decidedAt, committedAt, releasedAt } = times
    this.sliceSeconds.observe((decidedAt - startedAt) / 1000)
    this.sliceSeconds.observe((performance.now() - committedAt) / 1000)
    this.batchSeconds.observe((releasedAt - startedAt) / 1000)
    this.decideSeconds.observe((decidedAt - startedAt) / 1000)
    if (committedAt > decidedAt) this.commitSeconds.observe((committedAt - decidedAt) / 1000)
    if (commands > 0) this.batchCommands.observe(commands)
  }

  /** Notes for how long a message of the router lay before the shard. */
  noteWait(waitedMs: number): void {
    this.#mailboxSeconds.observe(waitedMs / 1000)
  }

  countCommit(changes: readonly Change[]): void {
    this.commits += 1
    for (const { type } of changes) {
      if (type === 'expired') this.expiries += 1
      else if (type === 'lock_granted') this.lockGrants += 1
      else if (type === 'lock_expired') this.lockExpiries += 1
      else if (type === 'leased') this.itemsLeased += 1
      else if (type === 'returned') this.itemsReturned += 1
    }
  }

  /** Counts outcomes by runs: the commands of a request are mostly of one sort. `tookMs` is what the request took. */
  count(answers: readonly Answer[], tookMs: number): void {
    let start = 0
    for (let index = 1; index <= answers.length; index += 1) {
      const { command, refusal } = answers[start] as Answer
      const next = answers[index]
      if (next !== undefined && next.command === command && next.refusal?.code === refusal?.code) continue
      this.commands.add(command, refusal?.code ?? 'ok', index - start)
      const family = familyOf(command)
      if (family !== undefined) this.#commandSeconds.get(family)?.observe(tookMs / 1000, index - start)
      if (refusal?.code === 'FENCED') this.fenced += index - start
      if (command === 'GET_CHANGES') for (const answer of answers.slice(start, index)) this.#countTold(answer)
      start = index
    }
  }

  /** Counts what a step of a transaction was refused for by a fence; the router counts the transaction itself. */
  countFencedStep(answers: readonly Answer[]): void {
    for (const { refusal } of answers) {
      const { cause } = refusal?.details ?? {}
      if (isObject(cause) && cause.code === 'FENCED') this.fenced += 1
    }
  }

  #countTold({ fields: { changes } }: Answer): void {
    if (!Array.isArray(changes) || changes.length === 0) return
    this.gapsClosed += 1
    this.changesTold += changes.length
  }

  snapshot() {
    return {
      commandSeconds: [...this.#commandSeconds].map(
        ([name, histogram]): NamedHistogram => ({ name, histogram: histogram.snapshot() }),
      ),
      mailboxSeconds: this.#mailboxSeconds.snapshot(),
      itemsLeased: this.itemsLeased,
      itemsReturned: this.itemsReturned,
      gapsClosed: this.gapsClosed,
      changesTold: this.changesTold,
      commands: this.commands.list(),
      batchCommands: this.batchCommands.snapshot(),
      batchSeconds: this.batchSeconds.snapshot(),
      decideSeconds: this.decideSeconds.snapshot(),
      commitSeconds: this.commitSeconds.snapshot(),
      sliceSeconds: this.sliceSeconds.snapshot(),
      sliceSecondsMax: this.sliceSeconds.max,
      commits: this.commits,
      expiries: this.expiries,
      lockGrants: this.lockGrants,
      lockExpiries: this.lockExpiries,
      fenced: this.fenced,
    }
  }
}

/** The part of the statistics that STATS shows; all that it can, where `detail` asks for it. */
export function summaryOf(statistics: ShardStatistics, detail: boolean): JsonObject {
  const {
    shard,
    tables,
    keyspaces,
    machines,
    records,
    keys,
    instances,
    expiries,
    waiters,
    commands,
    commits,
    waiting,
  } = statistics
  return {
    shard,
    states: { table: tables, keys: keyspaces, machine: machines },
    records,
    record_bytes: statistics.recordBytes,
    keys,
    key_bytes: statistics.keyBytes,
    list_items: statistics.listItems,
    pending_items: statistics.pendingItems,
    instances,
    instance_bytes: statistics.instanceBytes,
    expiries,
    waiters,
    locks: statistics.locks,
    lock_waiters: statistics.lockWaiters,
    lock_grants: statistics.lockGrants,
    lock_expiries: statistics.lockExpiries,
    fenced: statistics.fenced,
    commands: commands.reduce((sum, { count }) => sum + count, 0),
    commits,
    waiting,
    heap_bytes: statistics.heapBytes,
    storage_full: statistics.storageFull,
    ...(detail && detailOfShard(statistics)),
  }
}
