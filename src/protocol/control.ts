// The control plane: what the supervisor may ask a shard's thread, over Comlink. It has no order against commands; what
// needs one is a marker in the mailbox. Comlink calls cost about 20 µs each, so no command ever travels here.
import type { MessagePort } from 'node:worker_threads'
import type { Storage } from '../base/durability.ts'
import type { Limits } from '../base/limits.ts'
import type { LogFields } from '../base/log.ts'
import type { FeedMessage } from './feed.ts'
import type { ChangeView } from './hooks.ts'
import type { ShardStatistics } from './statistics.ts'

/** What a thread needs to run a shard. */
export interface ShardStart {
  readonly id: number
  /** How many shards there are. */
  readonly shards: number
  readonly limits: Limits
  /** Where the shard keeps its states; undefined if it does not. */
  readonly storage: Storage | undefined
  /** Counters in shared memory; see `progressSlot`. */
  readonly progress: SharedArrayBuffer
  readonly mailbox: MessagePort
  readonly control: MessagePort
  /** Where the shard says what nobody asked for: a `ShardNotice` at a time. */
  readonly notices: MessagePort
  /** The file of a module to be loaded into the shard; undefined for none. */
  readonly extension: string | undefined
  /** Requests that take longer are noted in its slow log; undefined for the default. */
  readonly slowLogMs: number | undefined
  /** The states whose transitions it tells from its start. */
  readonly followed: readonly string[]
  /** Only tests start shards that can be made to fail. */
  readonly faultsEnabled: boolean
}

/** How a test may end a shard: see shard/faults.ts. `lost-answer`: a commit succeeds, and its journal cannot say so. */
export type Fault = 'throw' | 'exit' | 'out-of-memory' | 'endless-loop' | 'lost-answer' | StepFault

/** The shard fails, or the process is killed, right before or after the commit of this step of a transaction. */
export type StepFault = `${'fail' | 'kill'}-${'before' | 'after'}-${TransactionCommit}`

/**
 * What a transaction over several shards commits: what a participant promises, the decision, a participant's part, and that
 * nobody will ask for the decision again.
 */
export type TransactionCommit = 'prepare' | 'decide' | 'finish' | 'forget'

export interface ShardReady {
  /** The thread it runs on. */
  readonly threadId: number
  /** What is lost of its states; a shard that has lost something does not serve. */
  readonly lost: readonly string[] | undefined
}

/** A line for the log, a transition of a state that is followed, or messages for the feed, both after their commit. */
export type ShardNotice =
  | {
      readonly about: 'log'
      readonly level: 'info' | 'warn' | 'error'
      readonly fields: LogFields
      readonly message: string
    }
  | { readonly about: 'transition'; readonly change: ChangeView }
  | { readonly about: 'feed'; readonly messages: readonly FeedMessage[]; readonly publishedAt: number }

export interface ShardControl {
  /** Answers once the shard has recovered and serves, or has found that it cannot. */
  ready(): Promise<ShardReady>
  /** With so many of its largest states. */
  statistics(largest?: number): Promise<ShardStatistics>
  /** From now on it tells the transitions of this state, or does so no more. May be said again. */
  follow(state: string, isFollowed: boolean): Promise<void>
  /** Answers once all that was received is answered and the journal is closed; then the shard's task ends. */
  stop(): Promise<void>
  /** Makes the shard fail at its next command. Refused unless faults are enabled. */
  injectFault(fault: Fault): Promise<void>
}
