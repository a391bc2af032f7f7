// The records of a table as a list that is read page by page.
import type { JsonObject } from '../protocol/value.ts'
import type { Caller } from './caller.ts'
import { type ListOptions, PagedList } from './paged-list.ts'

export interface Page<Stored> {
  readonly records: readonly Stored[]
  /** The version of the table at the moment that this page shows. */
  readonly version: number
}

/**
 * `for await (const record of table.list())` reads record by record, `for await (const page of table.list().pages())`
 * page by page. Records that are there all the time come exactly once, in the order of their insertion, whatever is
 * written meanwhile.
 */
export class RecordList<Stored> extends PagedList<Stored, Page<Stored>> {
  constructor(caller: Caller, table: string, options: ListOptions) {
    const itemsOf = ({ records }: Page<Stored>): readonly Stored[] => records
    super({ caller, command: 'LIST_RECORDS', state: table, args: {}, pageOf, itemsOf }, options)
  }
}

function pageOf<Stored>({ records, version }: JsonObject): Page<Stored> {
  return { records: records as unknown as Stored[], version: version as number }
}
