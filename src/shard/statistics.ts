// Counts what a shard does. Owned by one shard; read by the control plane and by STATS.
import { countBounds, durationBounds, Histogram } from '../base/histogram.ts'
import { OutcomeCounts } from '../base/outcome-counts.ts'
import type { ShardStatistics } from '../protocol/statistics.ts'
import type { State } from '../state/directory.ts'

export class Counters {
  readonly commands = new OutcomeCounts()
  readonly batchCommands = new Histogram(countBounds)
  readonly batchSeconds = new Histogram(durationBounds)
  readonly sliceSeconds = new Histogram(durationBounds)
  commits = 0
  expiries = 0
}

type Holdings = Pick<
  ShardStatistics,
  'tables' | 'keyspaces' | 'records' | 'recordBytes' | 'keys' | 'keyBytes' | 'listItems' | 'pendingItems'
>

/** What states hold, taken together. */
export function holdings(states: Iterable<State>): Holdings {
  let [tables, records, recordBytes] = [0, 0, 0]
  let [keyspaces, keys, keyBytes, listItems, pendingItems] = [0, 0, 0, 0, 0]
  for (const state of states) {
    if (state.kind === 'table') {
      tables += 1
      records += state.length
      recordBytes += state.records.bytes
    } else {
      keyspaces += 1
      keys += state.length
      keyBytes += state.keys.bytes
      listItems += state.keys.listItems
      pendingItems += state.keys.pendingItems
    }
  }
  return { tables, keyspaces, records, recordBytes, keys, keyBytes, listItems, pendingItems }
}
