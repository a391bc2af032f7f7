// What a shard is given by whoever starts it: a thread entry, the engine itself, or a test.
import type { ReadClocks, WakeAfter } from '../base/clock.ts'
import type { Limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import type { Journal } from '../journal/journal.ts'
import type { FeedMessage } from '../protocol/feed.ts'
import type { ReplyEntry } from '../protocol/mailbox.ts'
import type { Compress } from './chunk-text.ts'
import type { OnCut } from './cuts.ts'
import type { HookSet } from './hook-set.ts'

/** Where a test may make a shard fail; see faults.ts. */
export type ProbePoint = 'decide' | 'commit' | 'release'

export interface ShardOptions {
  readonly id: number
  /** How many shards there are. */
  readonly shards: number
  readonly limits: Limits
  readonly journal: Journal
  readonly clocks: ReadClocks
  /** Hands replies to the router; called once a batch. Chunks of long replies may be transferred. */
  readonly send: (replies: ReplyEntry[]) => void
  /** Hands over what is to be told to those who watch; called once a batch. */
  readonly publish?: (messages: readonly FeedMessage[]) => void
  /** Calls back after whatever lies in the mailbox was delivered: the shard goes on in its next turn. */
  readonly schedule: (turn: () => void) => void
  /** For what is due when nobody asks. */
  readonly wakeAfter: WakeAfter
  /** Hears of the failure that ended the shard. It does nothing any more, and its journal may hold more than it told. */
  readonly onFailure: (error: unknown) => void
  /** Shared with the supervisor; see `progressSlot`. */
  readonly progress: Int32Array
  /** Code of the operator's that is asked and told of changes. */
  readonly hooks?: HookSet
  /** Compresses what a snapshot stores. Default: in the background of this process. */
  readonly compress?: Compress
  /** Further parts of cuts, by their names: see cuts.ts. */
  readonly cuts?: Readonly<Record<string, OnCut>>
  /** Hears of hooks that fail. */
  readonly log?: Log
  readonly probe?: (point: ProbePoint) => void
}
