// The change log: what each commit changed, in order, as far back as its bounds allow. Written in the transaction of the
// commit; it is what a reader resumes from.
import { assert } from '../base/assert.ts'
import type { JsonObject } from '../protocol/value.ts'
import { checksumOf } from './row.ts'
import { ask, type Database, type Statement } from './sqlite-library.ts'

export interface ChangeLogBounds {
  readonly changesLoggedMax: number
  readonly changeLogBytesMax: number
}

interface Entry {
  readonly number: number
  readonly changes: number
  readonly bytes: number
}

/** Old entries go so many at a time. */
const entriesPerTrimMax = 64

export class ChangeLog {
  readonly #bounds: ChangeLogBounds
  readonly #insert: Statement
  readonly #oldest: Statement
  readonly #remove: Statement
  #changes: number
  #bytes: number

  constructor(database: Database, bounds: ChangeLogBounds) {
    this.#bounds = bounds
    this.#insert = database.prepare('INSERT INTO batches (number, changes, bytes, crc) VALUES (?, ?, ?, ?)')
    this.#oldest = database.prepare(`
      SELECT number, changes, octet_length(bytes) AS bytes FROM batches ORDER BY number LIMIT ${entriesPerTrimMax}`)
    this.#remove = database.prepare('DELETE FROM batches WHERE number <= ?')
    const kept = ask(database, 'SELECT total(changes) AS changes, total(octet_length(bytes)) AS bytes FROM batches')
    this.#changes = Number(kept?.changes)
    this.#bytes = Number(kept?.bytes)
  }

  /**
   * Adds an entry and removes what is too old; with `makesRoom`, also as many old ones as go at a time, and more bytes
   * than are added, so that what frees space is not undone by telling of it. Returns what to call once that is committed.
   */
  append(number: number, changeCount: number, text: string, makesRoom = false): () => void {
    const added = Buffer.byteLength(text)
    let changes = this.#changes + changeCount
    let bytes = this.#bytes + added
    const { changesLoggedMax, changeLogBytesMax } = this.#bounds
    const bytesMax = makesRoom ? Math.min(changeLogBytesMax, this.#bytes - added) : changeLogBytesMax
    const isTooLong = (): boolean => changes > changesLoggedMax || bytes > bytesMax
    for (let goesOn = isTooLong() || makesRoom; goesOn; ) {
      // Before the new entry is there, as the old ones make room for it.
      const oldest = this.#oldest.all() as Iterable<Entry>
      let last = 0
      for (const entry of oldest) {
        if (!isTooLong() && !makesRoom) break
        changes -= entry.changes
        bytes -= entry.bytes
        last = entry.number
      }
      this.#remove.run(last)
      goesOn = last > 0 && makesRoom && isTooLong()
    }
    this.#insert.run(number, changeCount, text, checksumOf('batches', '', String(number), text))
    return () => {
      this.#changes = changes
      this.#bytes = bytes
    }
  }
}

/** Changes in their order; undefined where the entry that should follow is missing or damaged. */
export type LogPage = readonly JsonObject[] | undefined

const entriesPerPage = 64

/** Reads the log from its beginning. */
export function* readLog(database: Database): Generator<LogPage, void> {
  const page = database.prepare(
    `SELECT number, bytes, crc FROM batches WHERE number > ? ORDER BY number LIMIT ${entriesPerPage}`,
  )
  let last = 0
  for (;;) {
    const entries = page.all(last) as unknown as StoredEntry[]
    if (entries.length === 0) return
    let changes: JsonObject[] = []
    for (const { number, bytes, crc } of entries) {
      const isWhole = checksumOf('batches', '', String(number), bytes) === crc
      if (!isWhole || (last !== 0 && number !== last + 1)) {
        changes = []
        yield undefined
      }
      if (isWhole) changes.push(...(JSON.parse(bytes) as JsonObject[]))
      last = number
    }
    yield changes
  }
}

/**
 * Reads the changes of each commit that has some, the oldest first, from behind the last gap on. For a log that was held
 * against its checksums: throws for an entry that does not fit its own.
 */
export function* readWhole(database: Database): Generator<readonly JsonObject[], void> {
  const gap = ask(
    database,
    `SELECT max(number) AS first FROM batches AS entry
     WHERE NOT EXISTS (SELECT 1 FROM batches WHERE number = entry.number - 1)`,
  )
  const page = database.prepare(
    `SELECT number, bytes, crc FROM batches WHERE number >= ? ORDER BY number LIMIT ${entriesPerPage}`,
  )
  for (let next = Number(gap?.first ?? 0); ; ) {
    const entries = page.all(next) as unknown as StoredEntry[]
    if (entries.length === 0) return
    for (const { number, bytes, crc } of entries) {
      assert(checksumOf('batches', '', String(number), bytes) === crc, 'an entry is as it was when it was checked')
      const changes = JSON.parse(bytes) as JsonObject[]
      if (changes.length > 0) yield changes
      next = number + 1
    }
  }
}

interface StoredEntry {
  readonly number: number
  readonly bytes: string
  readonly crc: number
}
