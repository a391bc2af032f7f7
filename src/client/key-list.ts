// The names of the keys of a keyspace as a list that is read page by page.
import type { JsonObject } from '../protocol/value.ts'
import type { Caller } from './caller.ts'
import { given } from './given.ts'
import { type ListOptions, PagedList } from './paged-list.ts'

export interface KeyListOptions extends ListOptions {
  /** Only keys that this glob matches: `*`, `?`, `[a-z]`. Default: all. */
  readonly pattern?: string | undefined
  /** Only keys that begin so; not beside a pattern. */
  readonly prefix?: string | undefined
}

export interface KeyPage {
  readonly keys: readonly string[]
  /** The version of the keyspace at the moment that this page shows. */
  readonly version: number
}

/**
 * `for await (const key of keys.keys())` reads key by key, `for await (const page of keys.keys().pages())` page by page,
 * in the order of their bytes. Keys that are there all the time come exactly once, whatever is written meanwhile.
 */
export class KeyList extends PagedList<string, KeyPage> {
  constructor(caller: Caller, keyspace: string, { pattern, prefix, ...options }: KeyListOptions) {
    const args = given({ pattern, prefix })
    super({ caller, command: 'LIST_KEYS', state: keyspace, args, pageOf, itemsOf: ({ keys }) => keys }, options)
  }
}

function pageOf({ keys, state_version: version }: JsonObject): KeyPage {
  return { keys: keys as string[], version: version as number }
}
