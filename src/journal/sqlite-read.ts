// Reads a shard's database without changing a byte of it, and holds it against everything that could show damage: the
// checksum of each row, the sum over all rows, their number, and the anchor beside it. Used by recovery, and by the check.
import { existsSync } from 'node:fs'
import type { Directory } from '../state/directory.ts'
import { readAnchor } from './anchor.ts'
import { JournalCorrupt, type Mark } from './journal.ts'
import { checksumOf, RowCount, type RowTotals } from './row.ts'
import { describePlace, RowLoader } from './row-loader.ts'
import { ask, codeOf, type Database, loadSqlite, sqliteCode } from './sqlite-library.ts'
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
  /** Whether the entries of the change log are looked at as well. */
  readonly readsLog?: boolean
  /** Gets the marks that stand. */
  readonly onMark?: (mark: Mark) => void
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

interface LogEntry {
  readonly number: number
  readonly bytes: string
  readonly crc: number
}

export function anchorFileOf(file: string): string {
  return file.replace(/(\.db)?$/, '.anchor')
}

export const emptyHead: Head = { number: 0, sum: [0, 0], rows: {} }

/**
 * Fills the directory from a database; undefined if there is none yet. Rejects with a `JournalCorrupt` if anything is not
 * as it was committed.
 */
export async function readDatabase(directory: Directory, options: ReadOptions): Promise<Loaded | undefined> {
  const { file } = options
  const anchored = readAnchor(anchorFileOf(file))
  if (!existsSync(file)) return anchored === 0 ? undefined : refuse([missing(0, anchored)])
  const { DatabaseSync } = loadSqlite()
  try {
    const database = new DatabaseSync(file, { readOnly: true })
    try {
      return await new Reader(database, directory, options).read(anchored)
    } finally {
      database.close()
    }
  } catch (error) {
    const code = codeOf(error)
    if (error instanceof JournalCorrupt || (code !== undefined && passing.has(code))) throw error
    return refuse([`the database cannot be read: ${(error as Error).message}`])
  }
}

/** What says nothing about the contents. Anything else that happens while reading does: damage shows in many ways. */
const passing: ReadonlySet<number> = new Set([
  sqliteCode.permission,
  sqliteCode.busy,
  sqliteCode.locked,
  sqliteCode.outOfMemory,
  sqliteCode.readOnly,
  sqliteCode.inputOutput,
  sqliteCode.cannotOpen,
])

class Reader {
  readonly #database: Database
  readonly #loader: RowLoader
  readonly #options: ReadOptions
  readonly #problems: string[] = []

  constructor(database: Database, directory: Directory, options: ReadOptions) {
    this.#database = database
    this.#loader = new RowLoader(directory, options.onMark)
    this.#options = options
  }

  async read(anchored: number): Promise<Loaded | undefined> {
    const version = this.#call(() => versionOf(this.#database))
    if (version === 0 && this.#isEmpty()) return anchored === 0 ? undefined : refuse([missing(0, anchored)])
    if (version > schemaVersion) {
      return refuse([`the schema has the version ${version}, and this program knows none after ${schemaVersion}`])
    }
    const head = this.#head()
    if (head.number < anchored) this.#problems.push(missing(head.number, anchored))
    this.#readLog(head)
    const counted = await this.#readRows()
    const stored = this.#loader.finish(this.#problems)
    this.#compare(head, counted.totals())
    if (this.#problems.length > 0) refuse(this.#problems)
    return { head, stored }
  }

  #isEmpty(): boolean {
    return this.#call(() => ask(this.#database, 'SELECT 1 FROM sqlite_schema') === undefined)
  }

  #head(): Head {
    const row = this.#call(
      () => ask(this.#database, 'SELECT bytes, crc FROM head') as { bytes: string; crc: number } | undefined,
    )
    if (row === undefined || checksumOf('head', '', '', row.bytes) !== row.crc) {
      return refuse(['the number of the last commit is lost'])
    }
    return JSON.parse(row.bytes) as Head
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
    let entry = next.get(0) as LogEntry | undefined
    for (; entry !== undefined; entry = next.get(entry.number) as LogEntry | undefined) {
      if (checksumOf('batches', '', String(entry.number), entry.bytes) === entry.crc) continue
      this.#problems.push(`entry ${entry.number} of the change log is damaged`)
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
    let place: readonly [string, string, string] = ['', '', '']
    let isDone = false
    let count = 0
    while (!isDone) {
      const deadline = performance.now() + sliceMs
      do {
        const rows = this.#call(() => page.all(...place) as StoredRow[])
        for (const row of rows) this.#take(row, counted)
        const last = rows.at(-1)
        if (last !== undefined) place = [last.tbl, last.routing_key, last.key]
        count += rows.length
        isDone = rows.length < rowsPerPage
      } while (!isDone && performance.now() < deadline)
      onProgress?.(count)
      if (!isDone) await new Promise((resolve) => setImmediate(resolve))
    }
    return counted
  }

  #take({ tbl: table, routing_key: routingKey, key, bytes: text, crc }: StoredRow, counted: RowCount): void {
    const place = { table, routingKey, key }
    counted.add(table, crc)
    if (checksumOf(table, routingKey, key, text) !== crc) this.#problems.push(`${describePlace(place)} is damaged`)
    else {
      const problem = this.#loader.load({ ...place, text })
      if (problem !== undefined) this.#problems.push(problem)
    }
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

function missing(last: number, anchored: number): string {
  return `the commits ${last + 1} to ${anchored} are missing`
}

function refuse(problems: readonly string[]): never {
  const more = problems.length - problemsNamedMax
  throw new JournalCorrupt(more > 0 ? [...problems.slice(0, problemsNamedMax), `and ${more} more`] : problems)
}
