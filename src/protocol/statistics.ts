// What a shard tells of itself over the control plane: plain numbers since the shard's last start. The metrics and STATS
// are made of it.
import type { HistogramSnapshot } from '../base/histogram.ts'
import type { OutcomeCount } from '../base/outcome-counts.ts'

/**
 * How a shard stands, as its router knows: it serves; it starts, and is waited for; it waits for its disk; or it will not
 * serve, as what it had stored is damaged, or as it died too often.
 */
export const shardConditions = ['serving', 'recovering', 'stalled', 'corrupt', 'quarantined'] as const
export type ShardCondition = (typeof shardConditions)[number]

export interface ShardStatistics {
  readonly shard: number
  /** When this life of the shard began, in milliseconds since 1970: tells its counts from those of an earlier life. */
  readonly startedAt: number
  /** States by their kind. */
  readonly tables: number
  readonly keyspaces: number
  readonly machines: number
  readonly records: number
  /** About how many bytes the records take as JSON text. */
  readonly recordBytes: number
  readonly keys: number
  /** About how many bytes the keys and their values take as JSON text. */
  readonly keyBytes: number
  readonly listItems: number
  /** Items that were popped on a lease and are neither acknowledged nor back. */
  readonly pendingItems: number
  /** Instances of machines. */
  readonly instances: number
  /** About how many bytes the instances take as JSON text, their history not counted. */
  readonly instanceBytes: number
  /** Keys that were removed because their time was over. */
  readonly expiries: number
  /** Locks that are held. */
  readonly locks: number
  readonly lockGrants: number
  /** Locks that were not released before their time was over. */
  readonly lockExpiries: number
  /** Writes that were refused because their token was not the newest of its lock. */
  readonly fenced: number
  /** Commands that were answered; without a name where it was not known. */
  readonly commands: readonly OutcomeCount[]
  /** Commands decided in one batch. */
  readonly batchCommands: HistogramSnapshot
  /** Seconds from the first decision of a batch to its replies, the commit included. */
  readonly batchSeconds: HistogramSnapshot
  /** Seconds from the first decision of a batch to its last. */
  readonly decideSeconds: HistogramSnapshot
  /** Seconds of the commits, the wait for the disk included. */
  readonly commitSeconds: HistogramSnapshot
  /** Seconds for which the shard did not look at its mailbox: decisions, a slice of a big command, or encoding. */
  readonly sliceSeconds: HistogramSnapshot
  readonly sliceSecondsMax: number
  /** Requests that wait inside the shard, most of them behind a big command on their state. */
  readonly waiting: number
  /** Commands that wait for something to come to their key, or for a lock. */
  readonly waiters: number
  /** Clients whose write messages are remembered. */
  readonly sessions: number
  /** Replies that are kept to be given again. */
  readonly repliesKept: number
  /** Write messages that came again and were not run again. */
  readonly retriesAnswered: number
  /** Those of them that wait for a lock. */
  readonly lockWaiters: number
  /** Changes that can still be told, and about how many bytes they take with what they refer to. */
  readonly changesKept: number
  readonly changeBytesKept: number
  readonly commits: number
  /** Calls of hooks by their outcome: `ok`, `slow`, `refused`, `failed`, or `skipped` for one that was not made. */
  readonly hooks: readonly OutcomeCount[]
  /** Seconds for which a call of a hook kept the shard. */
  readonly hookSeconds: HistogramSnapshot
  /** Bytes of the heap of the shard's thread in use; of the whole process where shards run without threads. */
  readonly heapBytes: number
  /** For how many milliseconds the event loop of the shard's thread was busy, and for how many it waited. */
  readonly loopBusyMs: number
  readonly loopIdleMs: number
  /** The disk is full: only what frees space is admitted. */
  readonly storageFull: boolean
}

/** What the feed of changes tells of itself. */
export interface FeedStatistics {
  /** States that somebody has subscribed to. */
  readonly watchedStates: number
  readonly messages: number
  /** About how many bytes the messages had, each counted once. */
  readonly bytes: number
  /** Subscriptions that came when as many states were watched as may be. */
  readonly refused: number
}

/** What a front end tells of itself: the numbers of now, and counts since its start. */
export interface FrontEndStatistics {
  /** Clients that are connected and have sent something. */
  readonly peers: number
  readonly messagesReceived: number
  readonly bytesReceived: number
  readonly repliesSent: number
  readonly bytesSent: number
  /** Replies that wait because their client does not read. */
  readonly repliesQueued: number
  readonly replyBytesQueued: number
  /** Replies that reached nobody: the client was gone, or did not read for so long that its queue was full. */
  readonly repliesDropped: { readonly peer_gone: number; readonly queue_full: number }
  /** Requests that were not run and not answered, as their client does not read its replies. */
  readonly requestsIgnored: number
  /** Messages that were refused as a whole, before any command of theirs was looked at. */
  readonly messagesRefused: number
  /** Messages that are being taken apart outside of the front end's thread. */
  readonly largeMessages: number
}
