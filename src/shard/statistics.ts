// Counts what a shard does. Owned by one shard; read by the control plane and by STATS.
import { countBounds, durationBounds, Histogram } from '../base/histogram.ts'
import { OutcomeCounts } from '../base/outcome-counts.ts'

export class Counters {
  readonly commands = new OutcomeCounts()
  readonly batchCommands = new Histogram(countBounds)
  readonly batchSeconds = new Histogram(durationBounds)
  readonly sliceSeconds = new Histogram(durationBounds)
  commits = 0
}
