// Counts what a shard does. Owned by one shard; read by the control plane and by STATS.
import { countBounds, durationBounds, Histogram } from '../base/histogram.ts'
import { OutcomeCounts } from '../base/outcome-counts.ts'
import type { ShardStatistics } from '../protocol/statistics.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { Change } from '../state/change.ts'
import type { State } from '../state/directory.ts'
import type { Answer } from './task.ts'

export class Counters {
  readonly commands = new OutcomeCounts()
  readonly batchCommands = new Histogram(countBounds)
  readonly batchSeconds = new Histogram(durationBounds)
  readonly sliceSeconds = new Histogram(durationBounds)
  commits = 0
  expiries = 0

  /** Counts outcomes by runs: the commands of a request are mostly of one sort. */
  count(answers: readonly Answer[]): void {
    let start = 0
    for (let index = 1; index <= answers.length; index += 1) {
      const { command, refusal } = answers[start] as Answer
      const next = answers[index]
      if (next !== undefined && next.command === command && next.refusal?.code === refusal?.code) continue
      this.commands.add(command, refusal?.code ?? 'ok', index - start)
      start = index
    }
  }

  countExpiries(changes: readonly Change[]): void {
    for (const { type } of changes) if (type === 'expired') this.expiries += 1
  }

  snapshot() {
    return {
      commands: this.commands.list(),
      batchCommands: this.batchCommands.snapshot(),
      batchSeconds: this.batchSeconds.snapshot(),
      sliceSeconds: this.sliceSeconds.snapshot(),
      sliceSecondsMax: this.sliceSeconds.max,
      commits: this.commits,
      expiries: this.expiries,
    }
  }
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
>

/** What states hold, taken together. */
export function holdings(states: Iterable<State>): Holdings {
  let [tables, records, recordBytes] = [0, 0, 0]
  let [keyspaces, keys, keyBytes, listItems, pendingItems] = [0, 0, 0, 0, 0]
  let [machines, instances, instanceBytes] = [0, 0, 0]
  for (const state of states) {
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
  return { ...ofTables, ...ofKeyspaces, machines, instances, instanceBytes }
}

/** The part of the statistics that STATS shows. */
export function summaryOf(statistics: ShardStatistics): JsonObject {
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
    commands: commands.reduce((sum, { count }) => sum + count, 0),
    commits,
    waiting,
    heap_bytes: statistics.heapBytes,
  }
}
