// A database that is made anew, whole, beside the ones that serve: by a repair, and where the data is spread over another
// number of shards. Nobody reads it before `finish` has returned, so nothing of it is secured before.
// Invariant: what is finished passes the reading that a daemon does at its start, and is on the disk, its anchor too.
import { Anchor, anchorFileOf } from './anchor.ts'
import { syncFile } from './exchange.ts'
import { checksumOf, type Row, RowCount } from './row.ts'
import type { ChunkPlace } from './snapshot-chunks.ts'
import { type Database, loadSqlite, type Statement } from './sqlite-library.ts'
import { migrate } from './sqlite-schema.ts'

export interface LogBounds {
  readonly changesMax: number
  readonly bytesMax: number
}

/** Of each database that is being made; there may be hundreds at a time. */
const cacheKibibytes = 2_048

export class NewDatabase {
  readonly #file: string
  readonly #database: Database
  readonly #insertRow: Statement
  readonly #insertEntry: Statement
  readonly #insertChunk: Statement
  readonly #counted = new RowCount()
  /** Of the last commit; an entry of the change log takes the next one. */
  number = 0

  constructor(file: string) {
    this.#file = file
    this.#database = new (loadSqlite().DatabaseSync)(file)
    try {
      // Whoever is cut short begins with another file, so there is nothing to be taken back.
      this.#database.exec(`
        PRAGMA journal_mode = OFF;
        PRAGMA synchronous = OFF;
        PRAGMA cache_size = -${cacheKibibytes}`)
      migrate(this.#database)
      this.#database.exec('BEGIN IMMEDIATE')
      this.#insertRow = this.#database.prepare(
        'INSERT INTO rows (tbl, routing_key, key, bytes, crc) VALUES (?, ?, ?, ?, ?)',
      )
      this.#insertEntry = this.#database.prepare(
        'INSERT INTO batches (number, changes, bytes, crc) VALUES (?, ?, ?, ?)',
      )
      this.#insertChunk = this.#database.prepare(
        'INSERT INTO snapshot_chunks (snapshot, state, number, bytes, crc) VALUES (?, ?, ?, ?, ?)',
      )
    } catch (error) {
      this.#database.close()
      throw error
    }
  }

  addRow({ table, routingKey, key, text }: Row): void {
    const checksum = checksumOf(table, routingKey, key, text)
    this.#insertRow.run(table, routingKey, key, text, checksum)
    this.#counted.add(table, checksum)
  }

  /** Adds a chunk of a snapshot, whose checksum is right. */
  addChunk({ snapshot, state, number, bytes }: ChunkPlace & { readonly bytes: Uint8Array }, checksum: number): void {
    this.#insertChunk.run(snapshot, state, number, bytes, checksum)
  }

  /** Adds an entry to the change log, under the next number: so many changes, as JSON text. */
  addEntry(changes: number, text: string): void {
    this.number += 1
    this.#insertEntry.run(this.number, changes, text, checksumOf('batches', '', String(this.number), text))
  }

  /** Removes the oldest entries of the change log, as far as there are too many. */
  trimLog({ changesMax, bytesMax }: LogBounds): void {
    const newest = this.#database.prepare(
      'SELECT number, changes, octet_length(bytes) AS bytes FROM batches ORDER BY number DESC',
    )
    const kept = { changes: 0, bytes: 0 }
    let tooOld = 0
    for (const each of newest.iterate()) {
      const entry = each as { number: number; changes: number; bytes: number }
      kept.changes += entry.changes
      kept.bytes += entry.bytes
      if (kept.changes <= changesMax && kept.bytes <= bytesMax) continue
      tooOld = entry.number
      break
    }
    this.#database.prepare('DELETE FROM batches WHERE number <= ?').run(tooOld)
  }

  /** Ends it, and has it on the disk. */
  finish(): void {
    const head = JSON.stringify({ number: this.number, ...this.#counted.totals() })
    this.#database
      .prepare('INSERT INTO head (one, bytes, crc) VALUES (1, ?, ?)')
      .run(head, checksumOf('head', '', '', head))
    this.#database.exec('COMMIT')
    this.#database.close()
    syncFile(this.#file)
    const anchor = new Anchor(anchorFileOf(this.#file))
    anchor.write(this.number)
    anchor.close()
    syncFile(anchorFileOf(this.#file))
  }

  /** Ends what will not be finished; its file is the caller's to remove. May be called after `finish`. */
  abandon(): void {
    try {
      this.#database.close()
    } catch {
      // It was closed before.
    }
  }
}
