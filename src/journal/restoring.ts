// Makes rows of a snapshot those of the state as it is restored: what was seen under a version is never given again, and what
// is over by now stays away. Rows come as gathering.ts hands them out: a key before the items of its list, an instance
// behind its past.
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import type { State } from '../state/directory.ts'
import type { StoredContentRow } from './kind-rows.ts'

export interface RestoredMoment {
  /** The version that the state will have. */
  readonly version: number
  /** Milliseconds since 1970: what ends before is not restored. */
  readonly wall: number
}

/** Each row goes in; what comes out, then or later, is a row of the restored state in an order that it can be opened in. */
export interface Restoring {
  take(row: StoredContentRow): StoredContentRow | undefined
  end(): StoredContentRow | undefined
}

export function restoringOf(kind: State['kind'], live: State | undefined, moment: RestoredMoment): Restoring {
  if (kind === 'keys') return new RestoringKeys(live, moment)
  const { version } = moment
  const take =
    kind === 'table'
      ? (row: StoredContentRow) => ({ ...row, value: [version, (row.value as JsonValue[])[1] as JsonValue] })
      : (row: StoredContentRow) =>
          row.table === 'instances' ? { ...row, value: { ...(row.value as JsonObject), revision: version } } : row
  return { take, end: () => undefined }
}

/** Counters go on from whichever is ahead; a table's generation stands behind every one that was ever staged. */
export function restoredHeader(header: JsonObject, live: State | undefined): JsonObject {
  if (header.next_id === undefined) return header
  const counted = live === undefined || live.kind === 'keys' ? undefined : live.header
  const ahead = (stored: JsonValue | undefined, standing = 0): number => Math.max(Number(stored), standing)
  const generation = live?.kind === 'table' ? live.header.generation : 0
  return {
    ...header,
    next_id: ahead(header.next_id, counted?.nextId),
    next_order: ahead(header.next_order, counted?.nextOrder),
    ...(header.generation !== undefined && { generation: ahead(header.generation, generation) + 1 }),
  }
}

/** A key is told once its list is, since the list has to be there first; of a key that is over, none of both is. */
class RestoringKeys implements Restoring {
  readonly #live: State | undefined
  readonly #moment: RestoredMoment
  #key: StoredContentRow | undefined
  #isOver = false

  constructor(live: State | undefined, moment: RestoredMoment) {
    this.#live = live
    this.#moment = moment
  }

  take(row: StoredContentRow): StoredContentRow | undefined {
    if (row.table !== 'keys') return this.#isOver ? undefined : row
    const before = this.end()
    const { version, wall } = this.#moment
    const value = row.value as JsonObject
    this.#isOver = value.expires_at !== undefined && Number(value.expires_at) <= wall
    if (this.#isOver) return before
    const standing = this.#live?.kind === 'keys' ? this.#live.get(row.key)?.contents.version : undefined
    const keyVersion = Math.max(standing ?? 0, Number(value.version)) + 1
    this.#key = { ...row, value: { ...value, version: keyVersion, revision: version } }
    return before
  }

  end(): StoredContentRow | undefined {
    const key = this.#key
    this.#key = undefined
    return key
  }
}
