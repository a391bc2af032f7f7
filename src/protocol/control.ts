// The control plane: what the supervisor may ask a shard's thread, over Comlink. It has no order against commands; what
// needs one is a marker in the mailbox. Comlink calls cost about 20 µs each, so no command ever travels here.
import type { MessagePort } from 'node:worker_threads'
import type { Limits } from '../base/limits.ts'
import type { ShardStatistics } from './statistics.ts'

/** What a thread needs to run a shard. */
export interface ShardStart {
  readonly id: number
  readonly limits: Limits
  /** Counters in shared memory; see `progressSlot`. */
  readonly progress: SharedArrayBuffer
  readonly mailbox: MessagePort
  readonly control: MessagePort
  /** Only tests start shards that can be made to fail. */
  readonly faultsEnabled: boolean
}

/** How a test may end a shard: see shard/faults.ts. */
export type Fault = 'throw' | 'exit' | 'out-of-memory' | 'endless-loop'

export interface ShardControl {
  /** Answers once the shard has recovered and serves, with the id of the thread it runs on. */
  ready(): Promise<number>
  statistics(): ShardStatistics
  /** Answers once all that was received is answered and the journal is closed; then the shard's task ends. */
  stop(): Promise<void>
  /** Makes the shard fail at its next command. Refused unless faults are enabled. */
  injectFault(fault: Fault): void
}
