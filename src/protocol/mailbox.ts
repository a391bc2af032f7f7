// What router and shards say to each other on the data plane. Both import this and not each other. Messages are plain
// data for structured clone, arrays rather than objects because names of fields would be cloned with every entry.
import type { JsonObject, JsonValue } from './value.ts'

/**
 * How a request is sent: as values, inside one process; as JSON text; as MessagePack, whose reply may use record
 * structures or only maps; with its rows in slices; as a step of a transaction, a `TransactionStep`; as a marker, which
 * every shard gets at the same place of the router's order: it ends its batch, and is decided after that batch's commit; as a
 * cut, a `CutBody`, which does the same and waits for no command that takes its steps; or as a `SnapshotStep`.
 */
export type SentAs =
  | 'values'
  | 'json'
  | 'msgpack'
  | 'msgpack-maps'
  | 'sliced'
  | 'transaction'
  | 'snapshot'
  | 'marker'
  | 'cut'
  | Notice

/**
 * What a router has to say besides requests: `cancel`, the caller of the request with the entry's own id is gone;
 * `drain`, all who wait are to be refused, now and from now on; `watch`, what happens to the state of the routing key is to
 * be published, and `unwatch`, no more. A notice has no reply of its own.
 */
export type Notice = 'cancel' | 'drain' | 'watch' | 'unwatch'

export function isNotice(sentAs: SentAs): sentAs is Notice {
  return sentAs === 'cancel' || sentAs === 'drain' || sentAs === 'watch' || sentAs === 'unwatch'
}

/** JSON arrays of rows, one behind the other in one piece of memory, which changes threads without being copied. */
export interface Slices {
  readonly text: Uint8Array
  /** Where each slice ends. */
  readonly ends: readonly number[]
}

/** A plain message too large to be parsed in one go: its command without the rows, and the rows in slices. */
export interface SlicedBody {
  readonly command: JsonObject
  readonly rowCount: number
  readonly slices: Slices
}

/** One command or an array of commands, all for the entry's routing key. */
export type RequestBody = string | JsonValue | Uint8Array | SlicedBody

/**
 * How a client numbers a message that holds a write, so that it can send it again and have it run once: its session, as 32
 * hexadecimal digits; the number, from 1 on; and `settled`, below which every number was answered or given up.
 * `mayBeLost`: it was sent before, and the shard that got it then may have died since.
 */
export type Numbered = readonly [session: string, number: number, settled: number, mayBeLost: boolean]

/** One request. Only write messages of a client that may send them again are numbered. */
export type MailboxEntry = readonly [
  id: number,
  sentAs: SentAs,
  routingKey: string,
  body: RequestBody,
  numbered?: Numbered,
]

/** Batches are numbered from 1 for each life of a shard. */
export interface MailboxBatch {
  readonly number: number
  readonly entries: readonly MailboxEntry[]
}

/** The replies of one entry, in the form and number of its body. Encoded bytes, and long texts, come in chunks. */
export type ReplyBody = string | JsonValue | Uint8Array[]

/** `parked`: there is no reply yet, as the command waits; it comes in an entry of its own. */
export type ReplyEntry = readonly [id: number, body: ReplyBody, parked?: 'parked']

/** Where a shard shows the supervisor that it lives: 32-bit counters in shared memory. */
export const progressSlot = {
  /** Rises with every command and every slice. */
  steps: 0,
  /** The number of the last batch that the shard took from its mailbox; wraps around. */
  batchTaken: 1,
  /** 1 while the shard works, 0 while it waits for its mailbox. */
  working: 2,
  /** One of `databaseState`. */
  database: 3,
  /** While the shard recovers: how many rows it has read. */
  rowsRead: 4,
  /** The entry that the shard was at last, by the low bits of its id; 0 where it did what nobody had asked for. */
  entry: 5,
  /** Which command of that entry, from 0. */
  command: 6,
} as const

export const progressSlotCount = 7

/** A thread must not be ended inside the database, which could end the whole process; so it is barred from it first. */
export const databaseState = { outside: 0, inside: 1, barred: 2 } as const
