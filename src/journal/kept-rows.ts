// Rows that are no state's: replies that are kept so that a write that is sent again is answered and not run again, and
// what a shard has promised or decided of transactions. The shard says what they hold; a journal stores them with the
// commit that they belong to, and hands them back in recovery.
//
//     table       │ routing key │ key                                   │ text
//     decided     │ leads       │ 4f…-12                                │ {"participants":[1,3]}
//     idempotency │ leads       │ order-7                               │ {"at":1700000000000,"hash":"…","fields":{"id":1},…}
//     prepared    │ orders      │ 4f…-12                                │ {"decider":0,"wall":1700000000000,"operations":[…]}
//     parts       │             │ 9f…                                   │ {"isWhole":true,"states":[["leads",3,2841]]}
//     retries     │ leads       │ 00112233445566778899aabbccddeeff/242  │ {"settled":40,"sent_as":"msgpack","reply":"kpECkQI="}
//     retries     │             │ 00112233445566778899aabbccddeeff/10   │ {"settled":41}
import type { JsonValue } from '../protocol/value.ts'
import { fromSortable, type RowPlace, sortable } from './row.ts'

/** Replies by the session and number of a message. */
export const retryTable = 'retries'

/** Replies by the idempotency key of a command. */
export const keyedTable = 'idempotency'

/** What was decided, by the decider of a transaction, until all have brought it about. */
export const decidedTable = 'decided'

/** What a participant of a transaction has promised. */
export const preparedTable = 'prepared'

/** Which chunks a shard has of a snapshot. */
export const partsTable = 'parts'

/** What makes a snapshot exist; on one shard. */
export const snapshotsTable = 'snapshots'

export const keptTables: readonly string[] = [
  decidedTable,
  keyedTable,
  partsTable,
  preparedTable,
  retryTable,
  snapshotsTable,
]

export function isOfSnapshots(table: string): boolean {
  return table === partsTable || table === snapshotsTable
}

export function isOfTransactions(table: string): boolean {
  return table === decidedTable || table === preparedTable
}

/** A row to be written, or with an undefined value to be removed. */
export interface KeptRow extends RowPlace {
  readonly value: JsonValue | undefined
}

/**
 * In place of the number of a message: the row says up to where its session has settled, and nothing else. Such rows come
 * to be where the data is spread over another number of shards, and have no routing key: every shard gets its own.
 */
export const settledOnly = 0

/** The key of the row of a message. */
export function keptKey(session: string, number: number): string {
  return `${session}/${sortable(number)}`
}

export function keptNumberOf(key: string): readonly [session: string, number: number] {
  const [session = '', number = ''] = key.split('/')
  return [session, fromSortable(number)]
}
