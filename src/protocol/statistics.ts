// What a shard tells of itself over the control plane: plain numbers since the shard's last start. The metrics and STATS
// are made of it.
import type { HistogramSnapshot } from '../base/histogram.ts'
import type { OutcomeCount } from '../base/outcome-counts.ts'

export interface ShardStatistics {
  readonly shard: number
  readonly states: number
  readonly records: number
  /** About how many bytes the records take as JSON text. */
  readonly recordBytes: number
  /** Commands that were answered; without a name where it was not known. */
  readonly commands: readonly OutcomeCount[]
  /** Commands decided in one batch. */
  readonly batchCommands: HistogramSnapshot
  /** Seconds from the first decision of a batch to its replies, the commit included. */
  readonly batchSeconds: HistogramSnapshot
  /** Seconds for which the shard did not look at its mailbox: decisions, a slice of a big command, or encoding. */
  readonly sliceSeconds: HistogramSnapshot
  readonly sliceSecondsMax: number
  /** Requests that wait inside the shard, most of them behind a big command on their state. */
  readonly waiting: number
  readonly commits: number
  /** Bytes of the heap of the shard's thread in use; of the whole process where shards run without threads. */
  readonly heapBytes: number
}
