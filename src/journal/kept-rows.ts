// Rows that are no state's: replies that are kept so that a write that is sent again is answered and not run again. The
// shard says what they hold; a journal stores them with the commit that they belong to, and hands them back in recovery.
//
//     table   │ key   │                                       │ text
//     idempotency │ leads │ order-7 │ {"at":1700000000000,"hash":"…","command":"CREATE_RECORD","fields":{"id":1},…}
//     retries │ leads │ 00112233445566778899aabbccddeeff/242  │ {"settled":40,"sent_as":"msgpack","reply":"kpECkQI="}
import type { JsonValue } from '../protocol/value.ts'
import { fromSortable, type RowPlace, sortable } from './row.ts'

/** Replies by the session and number of a message. */
export const retryTable = 'retries'

/** Replies by the idempotency key of a command. */
export const keyedTable = 'idempotency'

export const keptTables: readonly string[] = [keyedTable, retryTable]

/** A row to be written, or with an undefined value to be removed. */
export interface KeptRow extends RowPlace {
  readonly value: JsonValue | undefined
}

/** The key of the row of a message. */
export function keptKey(session: string, number: number): string {
  return `${session}/${sortable(number)}`
}

export function keptNumberOf(key: string): readonly [session: string, number: number] {
  const [session = '', number = ''] = key.split('/')
  return [session, fromSortable(number)]
}
