// What a shard tells of itself over the control plane: plain numbers since the shard's last start. The metrics and STATS
// are made of it.
import type { HistogramSnapshot, NamedHistogram } from '../base/histogram.ts'
import type { OutcomeCount } from '../base/outcome-counts.ts'

/**
 * How a shard stands, as its router knows: it serves; it starts, and is waited for; it waits for its disk; or it will not
 * serve, as what it had stored is damaged, or as it died too often.
 */
export const shardConditions = ['serving', 'recovering', 'stalled', 'corrupt', 'quarantined'] as const
export type ShardCondition = (typeof shardConditions)[number]

/** How much a state holds. */
export interface StateSize {
  readonly state: string
  readonly kind: string
  /** Records, keys or instances. */
  readonly entries: number
  /** About how many bytes they take as JSON text. */
  readonly bytes: number
}

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
  /** Seconds from the arrival of commands at the shard to their replies, by family; a wait for a lock or a key not counted. */
  readonly commandSeconds: readonly NamedHistogram[]
  /** Seconds for which a message of the router waited until its first request was taken up. */
  readonly mailboxSeconds: HistogramSnapshot
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
  /** Seconds for which commands waited by their own wish, by what for: a lock, a key or changes. */
  readonly waitSeconds: readonly NamedHistogram[]
  /** Items that were popped on a lease. */
  readonly itemsLeased: number
  /** Items that came back to their list, as their lease was over or whoever had them gave them back. */
  readonly itemsReturned: number
  /** Replies to GET_CHANGES that told of changes, and the changes that they told of. */
  readonly gapsClosed: number
  readonly changesTold: number
  readonly commits: number
  /** Seconds in which what was written was forced onto the disk. */
  readonly syncSeconds: HistogramSnapshot
  /** Calls of hooks by their outcome: `ok`, `slow`, `refused`, `failed`, or `skipped` for one that was not made. */
  readonly hooks: readonly OutcomeCount[]
  /** Seconds for which a call of a hook kept the shard. */
  readonly hookSeconds: HistogramSnapshot
  /** Bytes of the heap of the shard's thread in use; of the whole process where shards run without threads. */
  readonly heapBytes: number
  /** Beyond it the shard dies; 0 without threads, where the process has its own bound. */
  readonly heapBytesMax: number
  /** Memory that its objects hold outside of that heap. */
  readonly externalBytes: number
  /** Seconds for which the event loop of its thread was not idle. */
  readonly busySeconds: number
  /** Seconds for which it was. */
  readonly idleSeconds: number
  /** Seconds for which it read what it had stored, at its start. */
  readonly recoverySeconds: number
  /** Requests that were noted in the slow log. */
  readonly slowRequests: number
  /** Those of its states that hold the most bytes, the largest first, as many as were asked for. */
  readonly largest: readonly StateSize[]
  /** Those whose manifests this shard has, and how many bytes of all of them it stores. */
  readonly snapshots: number
  readonly snapshotBytes: number
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
  /** Messages that say only where a state stands. */
  readonly positions: number
  /** Seconds from the commit of changes to when the feed had them. */
  readonly lagSeconds: HistogramSnapshot
  /** Connections to the feed, and messages that wait until it can send them. */
  readonly subscribers: number
  readonly messagesQueued: number
  /** Subscriptions that came when as many states were watched as may be. */
  readonly refused: number
}

/** What the router tells of backups. Of the last one that was made: 0 where there was none. */
export interface BackupStatistics {
  /** The moment that it holds, in seconds since 1970. */
  readonly at: number
  /** How long it took. */
  readonly seconds: number
  readonly bytes: number
  /** How many could not be made. */
  readonly failures: number
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
