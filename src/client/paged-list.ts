// A long list, read page by page. Each page is one moment of its state; all of them are the same moment only if they show
// the same version, so that is what is watched.
import type { CommandName } from '../protocol/commands.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { Caller, CallOptions } from './caller.ts'
import { clientError } from './error.ts'

export interface ListOptions extends CallOptions {
  /** Records, or keys, in a page. Default: 1,000. */
  readonly pageSize?: number | undefined
  /**
   * What happens when a page shows another version of the state than the first one: `continue` goes on, and `changed`
   * tells; `throw` ends the list with `LIST_CHANGED`. Default: `continue`.
   */
  readonly onChange?: 'continue' | 'throw' | undefined
}

/** What a list is read with. */
export interface PageSource<Item, Page> {
  readonly caller: Caller
  readonly command: CommandName
  readonly state: string
  /** Arguments of every page. */
  readonly args: JsonObject
  readonly pageOf: (reply: JsonObject) => Page
  readonly itemsOf: (page: Page) => readonly Item[]
}

const defaultPageSize = 1_000

/** Each loop over a list reads anew. The time-out is for each page. */
export class PagedList<Item, Page extends { readonly version: number }> {
  readonly #source: PageSource<Item, Page>
  readonly #options: ListOptions
  #version: number | undefined
  #changed = false

  constructor(source: PageSource<Item, Page>, options: ListOptions) {
    this.#source = source
    this.#options = options
  }

  /** The version of the state that the first page of the last loop showed; undefined before the first page. */
  get version(): number | undefined {
    return this.#version
  }

  /** True once a page of the last loop has shown another version than its first: then they are not one moment. */
  get changed(): boolean {
    return this.#changed
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, void> {
    for await (const page of this.pages()) yield* this.#source.itemsOf(page)
  }

  async *pages(): AsyncGenerator<Page, void, void> {
    const { caller, command, state, args, pageOf } = this.#source
    const { pageSize = defaultPageSize, onChange = 'continue', ...options } = this.#options
    const read = (reply: JsonObject) => ({ page: pageOf(reply), next: reply.next as string | undefined })
    this.#version = undefined
    this.#changed = false
    let after: string | undefined
    do {
      const cut: JsonObject = after === undefined ? { limit: pageSize } : { limit: pageSize, after }
      const { page, next } = await caller.run(command, state, { ...args, ...cut }, read, options)
      this.#version ??= page.version
      if (page.version !== this.#version) this.#changed = true
      if (this.#changed && onChange === 'throw') {
        throw clientError(
          'LIST_CHANGED',
          `'${state}' went from version ${this.#version} to ${page.version} between two pages`,
        )
      }
      yield page
      after = next
    } while (after !== undefined)
  }
}
