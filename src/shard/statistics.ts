// Counts what a shard does. Owned by one shard; read by the control plane and by STATS.
import { countBounds, durationBounds, Histogram } from '../base/histogram.ts'
import { OutcomeCounts } from '../base/outcome-counts.ts'
import { detailOfShard } from '../protocol/detailed-statistics.ts'
import type { ShardStatistics } from '../protocol/statistics.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { Change } from '../state/change.ts'
import type { Directory } from '../state/directory.ts'
import type { Answer } from './task.ts'

/** Moments of one batch. */
interface BatchTimes {
  readonly startedAt: number
  readonly decidedAt: number
  readonly committedAt: number
  readonly releasedAt: number
  /** Reads are released without a commit. */
  readonly hasCommitted: boolean
}

export class Counters {
  readonly commands = new OutcomeCounts()
  readonly batchCommands = new Histogram(countBounds)
  readonly batchSeconds = new Histogram(durationBounds)
  readonly decideSeconds = new Histogram(durationBounds)
  readonly commitSeconds = new Histogram(durationBounds)
  readonly sliceSeconds = new Histogram(durationBounds)
  commits = 0
  expiries = 0
  lockGrants = 0
  lockExpiries = 0
  fenced = 0

  /** Counts a batch that ends now: how many commands it had, and how long it took of the shard's time. */
  countBatch(commands: number, times: BatchTimes): void {
    const { startedAt, decidedAt, committedAt, releasedAt, hasCommitted } = times
    this.decideSeconds.observe((decidedAt - startedAt) / 1000)
    if (hasCommitted) this.commitSeconds.observe((committedAt - decidedAt) / 1000)
    this.sliceSeconds.observe((decidedAt - startedAt) / 1000)
    this.sliceSeconds.observe((performance.now() - committedAt) / 1000)
    this.batchSeconds.observe((releasedAt - startedAt) / 1000)
    if (commands > 0) this.batchCommands.observe(commands)
  }

  countCommit(changes: readonly Change[]): void {
    this.commits += 1
    for (const { type } of changes) {
      if (type === 'expired') this.expiries += 1
      else if (type === 'lock_granted') this.lockGrants += 1
      else if (type === 'lock_expired') this.lockExpiries += 1
    }
  }

  /** Counts outcomes by runs: the commands of a request are mostly of one sort. */
  count(answers: readonly Answer[]): void {
    let start = 0
    for (let index = 1; index <= answers.length; index += 1) {
      const { command, refusal } = answers[start] as Answer
      const next = answers[index]
      if (next !== undefined && next.command === command && next.refusal?.code === refusal?.code) continue
      this.commands.add(command, refusal?.code ?? 'ok', index - start)
      if (refusal?.code === 'FENCED') this.fenced += index - start
      start = index
    }
  }

  snapshot() {
    return {
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
      ...loopTimes(),
    }
  }
}

/** Of this thread, since it began. */
function loopTimes(): Pick<ShardStatistics, 'loopBusyMs' | 'loopIdleMs'> {
  const { active, idle } = performance.eventLoopUtilization()
  return { loopBusyMs: active, loopIdleMs: idle }
}

type Holdings = Pick<
  ShardStatistics,
  | 'tables'
  | 'keyspaces'
  | 'machines'
  | 'records'
  | 'recordBytes'
  | 'keys'
  | 'keyBytes'
  | 'listItems'
  | 'pendingItems'
  | 'instances'
  | 'instanceBytes'
  | 'locks'
>

/** What the states hold, taken together, and how many locks are held. */
export function holdings(directory: Directory): Holdings {
  let [tables, records, recordBytes] = [0, 0, 0]
  let [keyspaces, keys, keyBytes, listItems, pendingItems] = [0, 0, 0, 0, 0]
  let [machines, instances, instanceBytes] = [0, 0, 0]
  for (const state of directory.states()) {
    if (state.kind === 'table') {
      tables += 1
      records += state.length
      recordBytes += state.records.bytes
    } else if (state.kind === 'machine') {
      machines += 1
      instances += state.length
      instanceBytes += state.instances.bytes
    } else {
      keyspaces += 1
      keys += state.length
      keyBytes += state.keys.bytes
      listItems += state.keys.listItems
      pendingItems += state.keys.pendingItems
    }
  }
  const ofTables = { tables, records, recordBytes }
  const ofKeyspaces = { keyspaces, keys, keyBytes, listItems, pendingItems }
  return { ...ofTables, ...ofKeyspaces, machines, instances, instanceBytes, locks: directory.locks.held.size }
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
