// The journal that keeps everything in an SQLite database, one for each shard, opened by that shard alone. A commit is one
// transaction: its rows, an entry of the change log, and the head that says how many rows there have to be.
// Invariant: the rows and the head always agree, and the anchor (anchor.ts) never names a commit that is not on the disk.
import { assert } from '../base/assert.ts'
import type { Durability } from '../base/durability.ts'
import { durationBounds, Histogram, type HistogramSnapshot } from '../base/histogram.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { Directory } from '../state/directory.ts'
import { Anchor, anchorFileOf } from './anchor.ts'
import { ChangeLog, type LogPage, readLog } from './change-log.ts'
import { DiskSpace } from './disk-space.ts'
import type { Commit, CommitOutcome, CopyOutcome, Journal } from './journal.ts'
import type { KeptRow } from './kept-rows.ts'
import { Reserve, reserveFileOf } from './reserve.ts'
import { RowCount } from './row.ts'
import type { ChunkPlace, FoundChunk } from './snapshot-chunks.ts'
import { SqliteChunks } from './sqlite-chunks.ts'
import { SqliteCopies } from './sqlite-copy.ts'
import {
  ask,
  codeOf,
  type Database,
  isOutOfSpace,
  isPassing,
  loadSqlite,
  rollBack,
  sqliteCode,
} from './sqlite-library.ts'
import { emptyHead, type Head, type ReadOptions, readDatabase } from './sqlite-read.ts'
import { SqliteRows } from './sqlite-rows.ts'
import { migrate } from './sqlite-schema.ts'
import { loggedText, StateRows } from './state-rows.ts'

export interface SqliteJournalOptions extends ReadOptions {
  readonly durability: Exclude<Durability, 'memory'>
  /** How much of the change log is kept. */
  readonly changesLoggedMax: number
  readonly changeLogBytesMax: number
  /** What is kept of the disk to give up when it is full. */
  readonly reserveBytes: number
  /** How long a full disk is left alone. */
  readonly probeMs?: number
  /** Hears when only what frees space is committed any more, and when that is over. */
  readonly onFull?: (isFull: boolean) => void
  /** For tests: opens the database in another way. */
  readonly open?: (file: string) => Database
}

/** How SQLite numbers the modes of `PRAGMA synchronous`. */
const synchronous = { strict: 2, relaxed: 1 } as const
/** In relaxed mode a power cut takes at most what came since the last time. */
const syncIntervalMs = 500
/** Somebody who looks into the database is waited for so long. */
const busyMsMax = 1_000
const cacheKibibytes = 16 * 1024
/** What a burst has made of the file beside the database is cut back to this. */
const walBytesKept = 64 * 1024 * 1024
const defaultProbeMs = 1_000

const committed: CommitOutcome = { outcome: 'committed' }

/** What stays open from recovery to the end. */
interface Opened {
  readonly database: Database
  readonly anchor: Anchor
  readonly log: ChangeLog
  readonly space: DiskSpace
  readonly stored: StateRows
  readonly rows: SqliteRows
  readonly chunks: SqliteChunks
}

export class SqliteJournal implements Journal {
  readonly durability: Exclude<Durability, 'memory'>
  readonly #options: SqliteJournalOptions
  readonly #reserve: Reserve
  readonly #copies: SqliteCopies
  /** Until the database is open; then its space knows. */
  #hasReserve = false
  #opened: Opened | undefined
  #head: Head = emptyHead
  #anchored = 0
  #failure: string | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #syncs = new Histogram(durationBounds)

  constructor(options: SqliteJournalOptions) {
    this.#options = options
    this.durability = options.durability
    this.#copies = new SqliteCopies(options.file)
    this.#reserve = new Reserve(reserveFileOf(options.file), options.reserveBytes)
  }

  get syncSeconds(): HistogramSnapshot {
    return this.#syncs.snapshot()
  }

  get isFull(): boolean {
    return this.#opened?.space.isFull ?? false
  }

  async recover(directory: Directory, onKept?: (row: KeptRow) => void): Promise<number> {
    this.#hasReserve = this.#reserve.build()
    const options = { ...this.#options, ...(onKept && { onKept }) }
    const loaded = await this.#inRoomMade(() => readDatabase(directory, options))
    this.#head = loaded?.head ?? emptyHead
    const stored = loaded?.stored ?? new StateRows(directory)
    this.#opened = await this.#inRoomMade(() => this.#call(() => this.#open(stored)))
    const { space } = this.#opened
    if (!this.#hasReserve) this.#call(() => space.confine())
    return this.#head.number
  }

  /** To open a database takes some room too. Where there is none, the reserve's is used, and the action tried once more. */
  async #inRoomMade<Result>(action: () => Result | Promise<Result>): Promise<Result> {
    try {
      return await action()
    } catch (error) {
      if (!this.#hasReserve || !isOutOfSpace(error)) throw error
      this.#reserve.giveUp()
      this.#hasReserve = false
      return action()
    }
  }

  async recall(take: (changes: readonly JsonObject[] | undefined) => void): Promise<void> {
    let pages: Iterator<LogPage> | undefined
    for (;;) {
      const page = this.#call(() => {
        pages ??= readLog(this.#opened?.database as Database)
        return pages.next()
      })
      if (page.done === true) return
      take(page.value)
      // What is in the mailbox by now waits, but the control plane may ask how far this is.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  // Nothing here waits, but a caller must not be able to tell.
  async commit(commit: Commit): Promise<CommitOutcome> {
    const opened = this.#opened
    assert(opened !== undefined, 'commits go to an open journal')
    assert(commit.number === this.#head.number + 1, 'commits are numbered without gaps')
    if (this.#failure !== undefined) return { outcome: 'unknown', reason: this.#failure }
    const isUrgent = commit.isUrgent === true && this.durability === 'relaxed'
    return this.#call(() => (isUrgent ? this.#commitStrictly(opened, commit) : this.#commit(opened, commit)))
  }

  async copy(file: string, goesOn: () => boolean): Promise<CopyOutcome> {
    assert(this.#opened !== undefined, 'what is copied is open')
    return this.#call(() => this.#copies.begin(file, goesOn))
  }

  readChunk(place: ChunkPlace): FoundChunk {
    return this.#call(() => this.#opened?.chunks.read(place))
  }

  chunkPlaces(snapshot: string, max: number): readonly ChunkPlace[] {
    return this.#call(() => this.#opened?.chunks.places(snapshot, max) ?? [])
  }

  async close(): Promise<void> {
    await this.#copies.stop()
    clearTimeout(this.#timer)
    const opened = this.#opened
    this.#opened = undefined
    if (opened === undefined) return
    this.#call(() => {
      // One of the two libraries keeps the files open until its statements are collected as garbage, so what closing
      // would do is done here. Nothing is secured any more that could not be secured once.
      rollBack(opened.database)
      opened.space.stop(() => {
        if (this.#failure === undefined) this.#finishWriteAhead(opened)
        opened.database.close()
      })
    })
    if (this.#failure === undefined) this.#anchor(opened)
    opened.anchor.close()
  }

  /** Copies the write-ahead file and empties it. On a full disk it stays, which the next start is used to. */
  #finishWriteAhead({ database, space }: Opened): void {
    try {
      ask(database, 'PRAGMA wal_checkpoint(TRUNCATE)')
    } catch (error) {
      if (!isOutOfSpace(error)) throw error
      space.confine()
    }
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
    this.#setSynchronous(database, this.durability)
    migrate(database)
    const { file, probeMs = defaultProbeMs, onFull = () => {} } = this.#options
    const opened: Opened = {
      database,
      stored,
      space: new DiskSpace({
        database,
        file,
        reserve: this.#reserve,
        probeMs,
        checkpoint: () => this.#checkpoint(opened),
        run: (action) => this.#runLater(opened, action),
        onFull,
      }),
      anchor: new Anchor(anchorFileOf(this.#options.file)),
      log: new ChangeLog(database, this.#options),
      rows: new SqliteRows(database),
      chunks: new SqliteChunks(database),
    }
    // Whatever a commit that failed at its end has left in the file is overwritten by this one, so that it stays away.
    this.#commitHead(opened)
    // One of the two libraries forgets the setting with the first write.
    this.#setSynchronous(database, this.durability)
    // What a killed process had written, but not yet secured, is shown from now on: it has to be secured first.
    if (!this.#secureAll(opened)) throw new Error(`${this.#options.file} is in use`)
    return opened
  }

  /** Where there is no room for a copy, a commit that is forced to the disk secures all that stands before it as well. */
  #secureAll(opened: Opened): boolean {
    try {
      return this.#checkpoint(opened)
    } catch (error) {
      if (!isOutOfSpace(error)) throw error
      return this.#secureByCommit(opened)
    }
  }

  #secureByCommit(opened: Opened): true {
    this.#setSynchronous(opened.database, 'strict')
    this.#commitHead(opened)
    this.#setSynchronous(opened.database, this.durability)
    this.#anchor(opened)
    return true
  }

  #commitHead(opened: Opened): void {
    opened.database.exec('BEGIN IMMEDIATE')
    opened.rows.writeHead(this.#head)
    opened.database.exec('COMMIT')
  }

  #setSynchronous(database: Database, durability: keyof typeof synchronous): void {
    const wanted = synchronous[durability]
    database.exec(`PRAGMA synchronous = ${wanted}`)
    const found = ask(database, 'PRAGMA synchronous')
    assert(found?.synchronous === wanted, 'the database is as durable as it was told to be')
  }

  /** Secures this commit and all before it, as strict mode does with each. */
  #commitStrictly(opened: Opened, commit: Commit): CommitOutcome {
    const { database } = opened
    this.#setSynchronous(database, 'strict')
    const outcome = this.#commit(opened, commit, true)
    // One whose outcome nobody knows is the last of this connection.
    if (outcome.outcome !== 'unknown') this.#setSynchronous(database, 'relaxed')
    if (outcome.outcome === 'committed') this.#anchor(opened)
    return outcome
  }

  #commit(opened: Opened, commit: Commit, isSynced = this.durability === 'strict'): CommitOutcome {
    const { number, changes } = commit
    const { database, stored, log, rows, chunks, space } = opened
    const plan = stored.plan(commit)
    const counted = new RowCount(this.#head)
    const head = { number, ...counted.totals() }
    let isWritten = false
    try {
      database.exec('BEGIN IMMEDIATE')
      let bytes = chunks.write(commit.chunks ?? [])
      for (const edit of plan.edits) {
        bytes += edit.text?.length ?? 0
        rows.write(counted, edit)
      }
      const finishedLeftovers = rows.removeLeftovers(stored.leftovers, counted)
      const text = loggedText(changes)
      const logged = log.append(number, changes.length, text, space.isFull)
      Object.assign(head, counted.totals())
      rows.writeHead(head)
      if (!space.hasRoomFor(bytes + text.length)) return this.#refuseForSpace(opened)
      isWritten = true
      if (isSynced) this.#syncs.time(() => database.exec('COMMIT'))
      else database.exec('COMMIT')
      plan.adopt()
      stored.leftovers.splice(0, finishedLeftovers)
      logged()
    } catch (error) {
      return this.#failed(opened, error, isWritten)
    }
    this.#head = head
    this.#secured(opened)
    return committed
  }

  /** Only a full disk, and what fails before the end of the transaction, is known to have left nothing behind. */
  #failed(opened: Opened, error: unknown, isWritten: boolean): CommitOutcome {
    const code = codeOf(error)
    if (code === undefined) throw error
    const { message } = error as Error
    const isDefinite = code === sqliteCode.full || (!isWritten && isPassing(error))
    // A full disk may have ended the transaction already.
    if (!rollBack(opened.database) || !isDefinite) {
      this.#failure = `the journal could not commit: ${message}`
      return { outcome: 'unknown', reason: this.#failure }
    }
    return isOutOfSpace(error)
      ? this.#refuseForSpace(opened)
      : { outcome: 'refused', code: 'STORAGE_FAILED', reason: message }
  }

  #refuseForSpace({ database, space }: Opened): CommitOutcome {
    this.#guarded(() => {
      if (!rollBack(database)) throw new Error('a transaction did not end')
      space.confine()
    })
    return { outcome: 'refused', code: 'STORAGE_FULL' }
  }

  /** In strict mode a commit is on the disk when it returns; in relaxed mode somewhat later. */
  #secured(opened: Opened): void {
    if (this.durability === 'strict') this.#anchor(opened)
    else this.#timer ??= setTimeout(() => this.#sync(opened), syncIntervalMs).unref()
  }

  #sync(opened: Opened): void {
    this.#timer = undefined
    this.#runLater(opened, () => {
      let isWhole = false
      try {
        // A moment that is pinned keeps what came after it from being copied into the database.
        isWhole = this.#checkpoint(opened) || (this.#copies.isRunning && this.#secureByCommit(opened))
      } catch (error) {
        if (!isOutOfSpace(error)) throw error
        opened.space.confine()
      }
      if (!isWhole) this.#secured(opened)
    })
  }

  /** What is done at a time of its own. */
  #runLater(opened: Opened, action: () => void): void {
    if (this.#opened === opened && this.#failure === undefined) this.#call(() => this.#guarded(action))
  }

  /** What could not be secured once is not tried again: the disk may have dropped it and call the next try a success. */
  #guarded(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.#failure = `the journal could not be secured: ${(error as Error).message}`
    }
  }

  /** Secures every commit so far, by copying them into the database itself; false if something stood in the way. */
  #checkpoint(opened: Opened): boolean {
    const result = this.#syncs.time(() => ask(opened.database, 'PRAGMA wal_checkpoint(PASSIVE)'))
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
