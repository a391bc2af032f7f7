// What a database does when its disk is full. The reserve is given up, and pays for copying the write-ahead file into the
// database; that file is then kept at the reserve's size and used over and over, and the database grows no more. So what
// frees space needs no more of the disk, whoever else fills it. Owned by one journal.
// Invariant: while it is confined the database never has more pages than it had when that began.
import { closeSync, fstatSync, openSync, statSync } from 'node:fs'
import type { Reserve } from './reserve.ts'
import { roomBeside, takeUp } from './reserve.ts'
import { ask, type Database, isOutOfSpace } from './sqlite-library.ts'

export interface DiskSpaceOptions {
  readonly database: Database
  readonly file: string
  readonly reserve: Reserve
  /** How long nothing is tried after it was found that there is no space. */
  readonly probeMs: number
  /** Copies the write-ahead file into the database; false if a reader stood in the way. */
  readonly checkpoint: () => boolean
  /** Runs what asks the database at a time of its own, and hears of what fails there. */
  readonly run: (action: () => void) => void
  /** Only what frees space may be tried, or that is over. */
  readonly onFull: (isFull: boolean) => void
}

/** SQLite's own. */
const checkpointPages = 1_000
/** The index of the write-ahead file, and the first commit. */
const bytesToOpen = 64 * 1024
/** Writes come back once this part of the reserve is free, inside the database or beside it. */
const returningPart = 8
const pagesLeftPart = 32

export class DiskSpace {
  readonly #options: DiskSpaceOptions
  readonly #pageBytes: number
  readonly #pagesMax: number
  #isFull = false
  #isConfined = false
  /** The database was told to grow no more. */
  #isSettled = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: DiskSpaceOptions) {
    this.#options = options
    this.#pageBytes = Number(ask(options.database, 'PRAGMA page_size')?.page_size)
    this.#pagesMax = Number(ask(options.database, 'PRAGMA max_page_count')?.max_page_count)
    this.#checkpointEvery(options.reserve.bytes / 2)
  }

  /** Only what frees space may be tried. */
  get isFull(): boolean {
    return this.#isFull
  }

  /**
   * Whether a transaction of so many bytes, which is written but for its end, may be committed. What the write-ahead file
   * holds has to fit into the database one day, for which the reserve pays; what is larger needs room of its own for both.
   * While the database may not grow, some pages are left for what frees space, which itself is always tried.
   */
  hasRoomFor(bytes: number): boolean {
    const { reserve } = this.#options
    if (this.#isConfined) return this.#isFull || this.#freeBytes() >= reserve.bytes / pagesLeftPart
    return bytes <= reserve.bytes / 4 || reserve.bytes === 0 || roomBeside(reserve.path) >= 3 * bytes
  }

  /** Something did not fit. */
  confine(): void {
    if (!this.#isConfined) {
      this.#isConfined = true
      this.#options.reserve.giveUp()
      this.#settle()
    }
    this.#setFull(true)
    this.#probeLater()
  }

  /** No more is tried. What closing the database frees is put by for the next time, before anybody else takes it. */
  stop(close: () => void): void {
    clearTimeout(this.#timer)
    const before = this.#besideBytes()
    close()
    if (this.#isConfined) this.#options.reserve.buildPartly(before - this.#besideBytes())
  }

  /** What the write-ahead file and its index take up. */
  #besideBytes(): number {
    const sizes = ['-wal', '-shm'].map(
      (end) => statSync(`${this.#options.file}${end}`, { throwIfNoEntry: false })?.size,
    )
    return sizes.reduce((sum: number, size) => sum + (size ?? 0), 0)
  }

  #probeLater(): void {
    const { probeMs, run } = this.#options
    this.#timer ??= setTimeout(() => run(() => this.#probe()), probeMs).unref()
  }

  #probe(): void {
    this.#timer = undefined
    const { database, reserve } = this.#options
    if (reserve.build()) {
      this.#isConfined = false
      this.#isSettled = false
      database.exec(`PRAGMA max_page_count = ${this.#pagesMax}`)
      this.#checkpointEvery(reserve.bytes / 2)
      this.#setFull(false)
      return
    }
    if (!this.#isSettled) this.#settle()
    if (this.#isSettled && this.#freeBytes() >= reserve.bytes / returningPart) this.#setFull(false)
    this.#probeLater()
  }

  /** In pages that the database has and does not use. */
  #freeBytes(): number {
    return Number(ask(this.#options.database, 'PRAGMA freelist_count')?.freelist_count) * this.#pageBytes
  }

  #settle(): void {
    const { database, file, reserve, checkpoint } = this.#options
    const { size } = statSync(file)
    try {
      if (!checkpoint()) return
    } catch (error) {
      // Somebody was faster. What frees space may still find room in the write-ahead file.
      if (isOutOfSpace(error)) return
      throw error
    }
    const pages = Number(ask(database, 'PRAGMA page_count')?.page_count)
    database.exec(`PRAGMA max_page_count = ${pages}`)
    // The rest of it is for the commit that comes before the next copy.
    const left = reserve.given - (statSync(file).size - size) - bytesToOpen
    this.#checkpointEvery(this.#keepWriteAheadFile(Math.max(left, 0)) / 4)
    this.#isSettled = true
  }

  /** Has the write-ahead file copied whenever it holds so many bytes, so that the reserve always pays for that. */
  #checkpointEvery(bytes: number): void {
    const { database, reserve } = this.#options
    const pages = reserve.bytes === 0 ? checkpointPages : Math.floor(bytes / this.#pageBytes)
    database.exec(`PRAGMA wal_autocheckpoint = ${Math.max(1, Math.min(checkpointPages, pages))}`)
  }

  /**
   * Takes room for the write-ahead file, so much of what the reserve gave up, and answers with its size. What stands
   * behind the last commit there means nothing to SQLite, and is overwritten by the next ones.
   */
  #keepWriteAheadFile(bytes: number): number {
    const { file, reserve } = this.#options
    const opened = openSync(`${file}-wal`, 'r+')
    try {
      const { size } = fstatSync(opened)
      takeUp(opened, size, Math.max(size, Math.min(reserve.bytes, size + bytes)))
    } catch {
      // Whatever fitted has to do.
    }
    const { size } = fstatSync(opened)
    closeSync(opened)
    return size
  }

  #setFull(isFull: boolean): void {
    if (this.#isFull === isFull) return
    this.#isFull = isFull
    this.#options.onFull(isFull)
  }
}
