// The records of a table, read page by page. Each page is one moment of the table; all of them are the same moment only
// if they show the same version, so that is what is watched.
import type { JsonObject } from '../protocol/value.ts'
import type { Caller, CallOptions } from './caller.ts'
import { clientError } from './error.ts'

export interface ListOptions extends CallOptions {
  /** Records in a page. Default: 1,000. */
  readonly pageSize?: number | undefined
  /**
   * What happens when a page shows another version of the table than the first one: `continue` goes on, and `changed`
   * tells; `throw` ends the list with `LIST_CHANGED`. Default: `continue`.
   */
  readonly onChange?: 'continue' | 'throw' | undefined
}

export interface Page<Stored> {
  readonly records: readonly Stored[]
  /** The version of the table at the moment that this page shows. */
  readonly version: number
}

const defaultPageSize = 1_000

/**
 * `for await (const record of table.list())` reads record by record, `for await (const page of table.list().pages())`
 * page by page. Records that are there all the time come exactly once, in the order of their insertion, whatever is
 * written meanwhile. Each loop reads anew. The time-out is for each page.
 */
export class RecordList<Stored> {
  readonly #caller: Caller
  readonly #table: string
  readonly #options: ListOptions
  #version: number | undefined
  #changed = false

  constructor(caller: Caller, table: string, options: ListOptions) {
    this.#caller = caller
    this.#table = table
    this.#options = options
  }

  /** The version of the table that the first page of the last loop showed; undefined before the first page. */
  get version(): number | undefined {
    return this.#version
  }

  /** True once a page of the last loop has shown another version than its first: then they are not one moment. */
  get changed(): boolean {
    return this.#changed
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Stored, void, void> {
    for await (const { records } of this.pages()) yield* records
  }

  async *pages(): AsyncGenerator<Page<Stored>, void, void> {
    const { pageSize = defaultPageSize, onChange = 'continue', ...options } = this.#options
    this.#version = undefined
    this.#changed = false
    let next: string | undefined
    do {
      const args: JsonObject = next === undefined ? { limit: pageSize } : { limit: pageSize, after: next }
      const page = await this.#caller.run('LIST_RECORDS', this.#table, args, pageOf<Stored>, options)
      this.#version ??= page.version
      if (page.version !== this.#version) this.#changed = true
      if (this.#changed && onChange === 'throw') {
        throw clientError(
          'LIST_CHANGED',
          `'${this.#table}' went from version ${this.#version} to ${page.version} between two pages`,
        )
      }
      yield { records: page.records, version: page.version }
      next = page.next
    } while (next !== undefined)
  }
}

function pageOf<Stored>({ records, version, next }: JsonObject): Page<Stored> & { next: string | undefined } {
  return { records: records as unknown as Stored[], version: version as number, next: next as string | undefined }
}
