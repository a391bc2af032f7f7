// The journal that keeps everything in an SQLite database, one for each shard, opened by that shard alone. A commit is one
// transaction: its rows, an entry of the change log, and the head that says how many rows there have to be.
// Invariant: the rows and the head always agree, and the anchor (anchor.ts) never names a commit that is not on the disk.
import { assert } from '../base/assert.ts'
import type { Durability } from '../base/durability.ts'
import type { Directory } from '../state/directory.ts'
import { Anchor } from './anchor.ts'
import { ChangeLog } from './change-log.ts'
import type { Commit, CommitOutcome, Journal, Mark } from './journal.ts'
import { checksumOf, RowCount, type RowEdit } from './row.ts'
import { ask, codeOf, type Database, loadSqlite, rollBack, type Statement, sqliteCode } from './sqlite-library.ts'
import { anchorFileOf, emptyHead, type Head, type ReadOptions, readDatabase } from './sqlite-read.ts'
import { migrate } from './sqlite-schema.ts'
import { loggedText, StateRows } from './state-rows.ts'

export interface SqliteJournalOptions extends ReadOptions {
  readonly durability: Exclude<Durability, 'memory'>
  /** How much of the change log is kept. */
  readonly changesLoggedMax: number
  readonly changeLogBytesMax: number
  /** For tests: opens the database in another way. */
  readonly open?: (file: string) => Database
}

/** How SQLite numbers the modes of `PRAGMA synchronous`. */
const synchronous = { strict: 2, relaxed: 1 } as const
/** In relaxed mode a power cut takes at most what came since the last time. */
const syncIntervalMs = 500
/** Rows that belong to nobody are removed with later commits, so many at a time. */
const leftoversPerCommitMax = 256
/** Somebody who looks into the database is waited for so long. */
const busyMsMax = 1_000
const cacheKibibytes = 16 * 1024
/** What a burst has made of the file beside the database is cut back to this. */
const walBytesKept = 64 * 1024 * 1024

const committed: CommitOutcome = { outcome: 'committed' }

/** What stays open from recovery to the end. */
interface Opened {
  readonly database: Database
  readonly anchor: Anchor
  readonly log: ChangeLog
  readonly stored: StateRows
  readonly read: Statement
  readonly write: Statement
  readonly remove: Statement
  readonly leftover: Statement
  readonly writeHead: Statement
}

export class SqliteJournal implements Journal {
  readonly durability: Exclude<Durability, 'memory'>
  readonly #options: SqliteJournalOptions
  #opened: Opened | undefined
  #head: Head = emptyHead
  #anchored = 0
  #failure: string | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: SqliteJournalOptions) {
    this.#options = options
    this.durability = options.durability
  }

  async recover(directory: Directory, onMark?: (mark: Mark) => void): Promise<number> {
    const loaded = await readDatabase(directory, { ...this.#options, ...(onMark && { onMark }) })
    this.#head = loaded?.head ?? emptyHead
    this.#opened = this.#call(() => this.#open(loaded?.stored ?? new StateRows(directory)))
    return this.#head.number
  }

  // Nothing here waits, but a caller must not be able to tell.
  async commit(commit: Commit): Promise<CommitOutcome> {
    const opened = this.#opened
    assert(opened !== undefined, 'commits go to an open journal')
    assert(commit.number === this.#head.number + 1, 'commits are numbered without gaps')
    if (this.#failure !== undefined) return { outcome: 'unknown', reason: this.#failure }
    return this.#call(() => this.#commit(opened, commit))
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    const opened = this.#opened
    this.#opened = undefined
    if (opened === undefined) return
    this.#call(() => {
      // One of the two libraries keeps the files open until its statements are collected as garbage, so what closing
      // would do is done here. Nothing is secured any more that could not be secured once.
      rollBack(opened.database)
      if (this.#failure === undefined) ask(opened.database, 'PRAGMA wal_checkpoint(TRUNCATE)')
      opened.database.close()
    })
    if (this.#failure === undefined) this.#anchor(opened)
    opened.anchor.close()
  }

  #open(stored: StateRows): Opened {
    const { file, open = (path) => new (loadSqlite().DatabaseSync)(path) } = this.#options
    const database = open(file)
    try {
      return this.#prepare(database, stored)
    } catch (error) {
      database.close()
      throw error
    }
  }

  #prepare(database: Database, stored: StateRows): Opened {
    const mode = ask(database, 'PRAGMA journal_mode = WAL')
    if (mode?.journal_mode !== 'wal') throw new Error(`${this.#options.file} cannot be written ahead`)
    database.exec(`
      PRAGMA trusted_schema = OFF;
      PRAGMA temp_store = MEMORY;
      PRAGMA busy_timeout = ${busyMsMax};
      PRAGMA cache_size = -${cacheKibibytes};
      PRAGMA journal_size_limit = ${walBytesKept}`)
    this.#setSynchronous(database)
    migrate(database)
    const opened: Opened = {
      database,
      stored,
      anchor: new Anchor(anchorFileOf(this.#options.file)),
      log: new ChangeLog(database, this.#options),
      read: database.prepare('SELECT crc FROM rows WHERE tbl = ? AND routing_key = ? AND key = ?'),
      write: database.prepare(`
        INSERT INTO rows (tbl, routing_key, key, bytes, crc) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET bytes = excluded.bytes, crc = excluded.crc`),
      remove: database.prepare('DELETE FROM rows WHERE tbl = ? AND routing_key = ? AND key = ?'),
      leftover: database.prepare(`
        SELECT key FROM rows WHERE tbl = ? AND routing_key = ? AND key >= ? AND key < ? LIMIT ?`),
      writeHead: database.prepare('INSERT OR REPLACE INTO head (one, bytes, crc) VALUES (1, ?, ?)'),
    }
    // Whatever a commit that failed at its end has left in the file is overwritten by this one, so that it stays away.
    database.exec('BEGIN IMMEDIATE')
    this.#writeHead(opened, this.#head)
    database.exec('COMMIT')
    // One of the two libraries forgets the setting with the first write.
    this.#setSynchronous(database)
    // What a killed process had written, but not yet secured, is shown from now on: it has to be secured first.
    if (!this.#checkpoint(opened)) throw new Error(`${this.#options.file} is in use`)
    return opened
  }

  #setSynchronous(database: Database, mode: keyof typeof synchronous = this.durability): void {
    const wanted = synchronous[mode]
    database.exec(`PRAGMA synchronous = ${wanted}`)
    const found = ask(database, 'PRAGMA synchronous')
    assert(found?.synchronous === wanted, 'the database is as durable as it was told to be')
  }

  #commit(opened: Opened, commit: Commit): CommitOutcome {
    const { number, changes, isSecured = false } = commit
    const { database, stored, log } = opened
    const plan = stored.plan(commit)
    const isRaised = isSecured && this.durability === 'relaxed'
    const counted = new RowCount(this.#head)
    const head = { number, ...counted.totals() }
    let isWritten = false
    try {
      // Its barrier is one for all that was committed before it, too.
      if (isRaised) this.#setSynchronous(database, 'strict')
      database.exec('BEGIN IMMEDIATE')
      for (const edit of plan.edits) this.#write(opened, counted, edit)
      const finishedLeftovers = this.#removeLeftovers(opened, counted)
      const logged = log.append(number, changes.length, loggedText(changes))
      Object.assign(head, counted.totals())
      this.#writeHead(opened, head)
      isWritten = true
      database.exec('COMMIT')
      plan.adopt()
      stored.leftovers.splice(0, finishedLeftovers)
      logged()
    } catch (error) {
      const outcome = this.#failed(database, error, isWritten)
      if (isRaised && outcome.outcome === 'refused') this.#setSynchronous(database)
      return outcome
    }
    this.#head = head
    if (isRaised) {
      this.#setSynchronous(database)
      this.#anchor(opened)
    } else this.#secured(opened)
    return committed
  }

  /** Only a full disk, and what fails before the end of the transaction, is known to have left nothing behind. */
  #failed(database: Database, error: unknown, isWritten: boolean): CommitOutcome {
    const code = codeOf(error)
    if (code === undefined) throw error
    const isDamaged = code === sqliteCode.corrupt || code === sqliteCode.notADatabase
    const isDefinite = code === sqliteCode.full || (!isWritten && !isDamaged)
    // A full disk may have ended the transaction already.
    if (rollBack(database) && isDefinite) return { outcome: 'refused', code: 'STORAGE_FULL' }
    this.#failure = `the journal could not commit: ${(error as Error).message}`
    return { outcome: 'unknown', reason: this.#failure }
  }

  #write({ read, write, remove }: Opened, counted: RowCount, { table, routingKey, key, text }: RowEdit): void {
    const before = read.get(table, routingKey, key) as { crc: number } | undefined
    if (before !== undefined) counted.remove(table, before.crc)
    if (text !== undefined) {
      const checksum = checksumOf(table, routingKey, key, text)
      write.run(table, routingKey, key, text, checksum)
      counted.add(table, checksum)
    } else if (before !== undefined) remove.run(table, routingKey, key)
  }

  #writeHead({ writeHead }: Opened, head: Head): void {
    const text = JSON.stringify(head)
    writeHead.run(text, checksumOf('head', '', '', text))
  }

  /** Answers with how many of them are gone altogether. */
  #removeLeftovers(opened: Opened, counted: RowCount): number {
    let budget = leftoversPerCommitMax
    let finished = 0
    for (const { tables, routingKey, prefix } of opened.stored.leftovers) {
      const end = `${prefix.slice(0, -1)}0`
      for (const table of tables) {
        const rows = opened.leftover.all(table, routingKey, prefix, end, budget) as { key: string }[]
        for (const { key } of rows) this.#write(opened, counted, { table, routingKey, key, text: undefined })
        // Asking costs something too: thousands of empty states must not all be asked for in one commit.
        budget -= Math.max(rows.length, 1)
        if (budget <= 0) return finished
      }
      finished += 1
    }
    return finished
  }

  /** In strict mode a commit is on the disk when it returns; in relaxed mode somewhat later. */
  #secured(opened: Opened): void {
    if (this.durability === 'strict') this.#anchor(opened)
    else this.#timer ??= setTimeout(() => this.#sync(opened), syncIntervalMs).unref()
  }

  #sync(opened: Opened): void {
    this.#timer = undefined
    if (this.#opened !== opened) return
    try {
      const isWhole = this.#call(() => this.#checkpoint(opened))
      if (!isWhole) this.#secured(opened)
    } catch (error) {
      // What could not be secured once is not tried again: the disk may have dropped it and call the next try a success.
      this.#failure = `the journal could not be secured: ${(error as Error).message}`
    }
  }

  /** Secures every commit so far, by copying them into the database itself; false if something stood in the way. */
  #checkpoint(opened: Opened): boolean {
    const result = ask(opened.database, 'PRAGMA wal_checkpoint(PASSIVE)')
    const { busy, log, checkpointed } = result as { busy: number; log: number; checkpointed: number }
    const isWhole = busy === 0 && log === checkpointed
    if (isWhole) this.#anchor(opened)
    return isWhole
  }

  #anchor({ anchor }: Opened): void {
    if (this.#anchored === this.#head.number) return
    this.#anchored = this.#head.number
    anchor.write(this.#anchored)
  }

  #call<Result>(action: () => Result): Result {
    this.#options.onCall?.(true)
    try {
      return action()
    } finally {
      this.#options.onCall?.(false)
    }
  }
}
