// Reads a shard's database without changing a byte of it, and holds it against everything that could show damage: the
// checksum of each row, the sum over all rows, their number, and the anchor beside it. Used by recovery, and by the check.
import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import type { Directory } from '../state/directory.ts'
import { anchorFileOf, readAnchor } from './anchor.ts'
import { JournalCorrupt } from './journal.ts'
import type { KeptRow } from './kept-rows.ts'
import { checksumOf, type Row, RowCount, type RowTotals } from './row.ts'
import { describePlace, RowLoader } from './row-loader.ts'
import { snapshotProblems } from './snapshot-check.ts'
import { ask, type Database, isPassing, loadSqlite } from './sqlite-library.ts'
import { schemaVersion, versionOf } from './sqlite-schema.ts'
import type { StateRows } from './state-rows.ts'

/** What the database says of itself, written with every commit. */
export interface Head extends RowTotals {
  /** The last commit. */
  readonly number: number
}

export interface Loaded {
  readonly head: Head
  readonly stored: StateRows
}

export interface ReadOptions {
  /** The database; the anchor is the file beside it. */
  readonly file: string
  /** Whether the entries of the change log, and the chunks of snapshots, are looked at as well. */
  readonly readsLog?: boolean
  /** Gets each row, whole as it is stored. What it throws ends the reading. */
  readonly onRow?: (row: Row) => void
  /** Gets each row that is no state's. */
  readonly onKept?: (row: KeptRow) => void
  /** Said now and then, with the rows read so far. */
  readonly onProgress?: (rows: number) => void
  /** Called with true before, and false after, everything that SQLite does. */
  readonly onCall?: (isInside: boolean) => void
}

/** More would not be read. */
const problemsNamedMax = 20
/** How long the thread reads before it looks at its messages. */
const sliceMs = 5
/** All of them are held at once, and each may be as large as a record may be. */
const rowsPerPage = 128

interface StoredRow {
  readonly tbl: string
  readonly routing_key: string
  readonly key: string
  readonly bytes: string
  readonly crc: number
}

type ReadPlace = readonly [table: string, routingKey: string, key: string]

interface LogEntry {
  readonly number: number
  readonly bytes: string
  readonly crc: number
}

export const emptyHead: Head = { number: 0, sum: [0, 0], rows: {} }

/** What a database says of itself; undefined if that is damaged. */
export function headOf(database: Database): Head | undefined {
  const row = ask(database, 'SELECT bytes, crc FROM head') as { bytes: string; crc: number } | undefined
  return row === undefined || checksumOf('head', '', '', row.bytes) !== row.crc
    ? undefined
    : (JSON.parse(row.bytes) as Head)
}

/**
 * Fills the directory from a database; undefined if there is none yet. Rejects with a `JournalCorrupt` if anything is not
 * as it was committed.
 */
export async function readDatabase(directory: Directory, options: ReadOptions): Promise<Loaded | undefined> {
  const { file } = options
  const { number: anchored, isDamaged } = readAnchor(anchorFileOf(file))
  if (isDamaged) refuse(['the file beside the database is damaged, which says whether the newest commits are there'])
  if (!existsSync(file)) return anchored === 0 ? undefined : refuse([missing(0, anchored)])
  if (isNotToBeWritten(file)) refuse(['the head of the database says that it must not be written'])
  try {
    return await readOnce(directory, options, anchored).catch((error: unknown) => {
      if ((error as { errcode?: unknown }).errcode !== rollBackNeeded) throw error
      rollBackCreation(file)
      return readOnce(directory, options, anchored)
    })
  } catch (error) {
    if (error instanceof JournalCorrupt || isPassing(error)) throw error
    return refuse([`the database cannot be read: ${(error as Error).message}`])
  }
}

/**
 * SQLite reads a database of a later format, and refuses only to write it. Nobody has the file open yet: to close it drops
 * all locks of the process on it.
 */
function isNotToBeWritten(file: string): boolean {
  const head = Buffer.alloc(writeVersionAt + 1)
  const opened = openSync(file, 'r')
  try {
    readSync(opened, head)
  } finally {
    closeSync(opened)
  }
  return head.readUInt8(writeVersionAt) > writeVersionMax
}

/** Where the head of a file says which format a writer has to know, and the last one that there is: that of WAL. */
const writeVersionAt = 18
const writeVersionMax = 2

async function readOnce(directory: Directory, options: ReadOptions, anchored: number): Promise<Loaded | undefined> {
  const database = new (loadSqlite().DatabaseSync)(options.file, { readOnly: true })
  try {
    return await new Reader(database, directory, options).read(anchored)
  } finally {
    database.close()
  }
}

/** SQLite's code for: a transaction was cut short, and a connection that cannot write cannot take it back. */
const rollBackNeeded = 776

/**
 * Only until a database writes ahead does SQLite keep what stood before in a journal beside it. So this was cut short while
 * it was made, and any connection that may write leaves it as it was before, with nothing in it.
 */
function rollBackCreation(file: string): void {
  const database = new (loadSqlite().DatabaseSync)(file)
  try {
    ask(database, 'SELECT 1 FROM sqlite_schema')
  } finally {
    database.close()
  }
}

class Reader {
  readonly #database: Database
  readonly #loader: RowLoader
  readonly #options: ReadOptions
  readonly #problems: string[] = []
  readonly #kept: KeptRow[] = []

  constructor(database: Database, directory: Directory, options: ReadOptions) {
    this.#database = database
    this.#loader = new RowLoader(directory, (row) => {
      if (options.readsLog === true) this.#kept.push(row)
      options.onKept?.(row)
    })
    this.#options = options
  }

  async read(anchored: number): Promise<Loaded | undefined> {
    const version = this.#call(() => versionOf(this.#database))
    if (version > schemaVersion) return refuse([newerSchema(version)])
    if (this.#isEmpty(version)) return anchored === 0 ? undefined : refuse([missing(0, anchored)])
    if (version < 1) return refuse(['the version of the schema is lost'])
    const head = this.#head()
    if (head.number < anchored) this.#problems.push(missing(head.number, anchored))
    this.#readLog(head)
    const counted = await this.#readRows()
    const stored = this.#loader.finish(this.#problems)
    this.#compare(head, counted.totals())
    this.#problems.push(...this.#call(() => snapshotProblems(this.#database, this.#kept)))
    this.#checkStructure()
    if (this.#problems.length > 0) refuse(this.#problems)
    return { head, stored }
  }

  /** The schema is one commit, and the first head another: between them there are tables with nothing in them. */
  #isEmpty(version: number): boolean {
    const sql =
      version === 0
        ? 'SELECT 1 FROM sqlite_schema'
        : 'SELECT 1 FROM head UNION ALL SELECT 1 FROM rows UNION ALL SELECT 1 FROM batches LIMIT 1'
    return this.#call(() => ask(this.#database, sql) === undefined)
  }

  #head(): Head {
    return this.#call(() => headOf(this.#database)) ?? refuse(['the number of the last commit is lost'])
  }

  /** The log ends with the last commit; its entries are held against their checksums when they are used. */
  #readLog({ number }: Head): void {
    const { last } = this.#call(
      () => ask(this.#database, 'SELECT max(number) AS last FROM batches') as { last: number | null },
    )
    if (last !== null && last !== number)
      this.#problems.push(`the change log ends at commit ${last} instead of ${number}`)
    if (this.#options.readsLog !== true) return
    const next = this.#database.prepare(
      'SELECT number, bytes, crc FROM batches WHERE number > ? ORDER BY number LIMIT 1',
    )
    let read = 0
    try {
      for (;;) {
        const entry = next.get(read) as LogEntry | undefined
        if (entry === undefined) return
        // In a damaged page they may go round in a circle.
        if (!(entry.number > read)) {
          this.#problems.push('the entries of the change log are out of order')
          return
        }
        read = entry.number
        if (checksumOf('batches', '', String(read), entry.bytes) === entry.crc) continue
        this.#problems.push(`entry ${read} of the change log is damaged`)
      }
    } catch (error) {
      if (isPassing(error)) throw error
      this.#problems.push(`the change log cannot be read behind entry ${read}: ${(error as Error).message}`)
    }
  }

  async #readRows(): Promise<RowCount> {
    const counted = new RowCount()
    const { onProgress } = this.#options
    // Page by page: the iterator of one of the two libraries does not keep its statement from being collected as garbage.
    const page = this.#call(() =>
      this.#database.prepare(`
        SELECT tbl, routing_key, key, bytes, crc FROM rows WHERE (tbl, routing_key, key) > (?, ?, ?)
        ORDER BY tbl, routing_key, key LIMIT ${rowsPerPage}`),
    )
    let place: ReadPlace = ['', '', '']
    let isDone = false
    let count = 0
    while (!isDone) {
      const deadline = performance.now() + sliceMs
      do {
        const rows = this.#call(() => page.all(...place) as StoredRow[])
        for (const row of rows) this.#take(row, counted)
        const last = rows.at(-1)
        if (last !== undefined) place = this.#placeAfter(place, last)
        count += rows.length
        isDone = rows.length < rowsPerPage
      } while (!isDone && performance.now() < deadline)
      onProgress?.(count)
      if (!isDone) await new Promise((resolve) => setImmediate(resolve))
    }
    return counted
  }

  /** Where the next page begins. Were that not behind the last one, reading might never end. */
  #placeAfter(place: ReadPlace, { tbl, routing_key, key }: StoredRow): ReadPlace {
    const next: ReadPlace = [tbl, routing_key, key]
    const index = next.findIndex((part, at) => part !== place[at])
    const [before, after] = [place[index], next[index]].map((part) => Buffer.from(String(part)))
    if (before === undefined || after === undefined || before.compare(after) >= 0) {
      return refuse([...this.#problems, 'the rows are out of order'])
    }
    return next
  }

  #take({ tbl: table, routing_key: routingKey, key, bytes: text, crc }: StoredRow, counted: RowCount): void {
    const place = { table, routingKey, key }
    counted.add(table, crc)
    if (checksumOf(table, routingKey, key, text) !== crc) this.#problems.push(`${describePlace(place)} is damaged`)
    else {
      const row = { ...place, text }
      const problem = this.#loader.load(row)
      if (problem !== undefined) this.#problems.push(problem)
      else this.#options.onRow?.(row)
    }
  }

  /** What is not used may be damaged too, and the next write would use it: a page that is free and taken, above all. */
  #checkStructure(): void {
    const said = this.#call(() => ask(this.#database, 'PRAGMA quick_check(1)')?.quick_check)
    if (said !== 'ok') this.#problems.push(`the structure of the file is damaged: ${String(said)}`)
  }

  #compare(head: Head, counted: RowTotals): void {
    for (const table of new Set([...Object.keys(head.rows), ...Object.keys(counted.rows)])) {
      const [expected, found] = [head.rows[table] ?? 0, counted.rows[table] ?? 0]
      if (expected !== found) this.#problems.push(`the table '${table}' has ${found} rows instead of ${expected}`)
    }
    const isSame = head.sum[0] === counted.sum[0] && head.sum[1] === counted.sum[1]
    if (!isSame && this.#problems.length === 0) this.#problems.push('some row is not the one that was written last')
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

/** What is said of a database that a later version of this program has made. */
function newerSchema(version: number): string {
  return `the schema has the version ${version}, and this program knows none after ${schemaVersion}`
}

function missing(last: number, anchored: number): string {
  return `the commits ${last + 1} to ${anchored} are missing`
}

function refuse(problems: readonly string[]): never {
  const more = problems.length - problemsNamedMax
  throw new JournalCorrupt(more > 0 ? [...problems.slice(0, problemsNamedMax), `and ${more} more`] : problems)
}
