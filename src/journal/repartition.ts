// Spreads the data of a folder over another number of shards: reads every old shard as strictly as a check does, writes a
// whole new set of databases beside them, reads that back, compares, and exchanges the two. Called at the start of an
// engine, under the lock of the folder, before any shard has opened a database.
// Invariant: up to the exchange nothing of the old set is touched, so whatever goes wrong leaves the data as it was.
import { existsSync } from 'node:fs'
import { DeadlineHeap } from '../base/deadline-heap.ts'
import type { Limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import { Problem } from '../base/problem.ts'
import type { JsonObject } from '../protocol/value.ts'
import { Directory } from '../state/directory.ts'
import { readWhole } from './change-log.ts'
import { databaseFile, exchangeSet, type Folder } from './folder.ts'
import { abandonSet, beginSet, type ExchangeStep } from './folder-exchange.ts'
import { JournalCorrupt } from './journal.ts'
import { decidedTable, preparedTable } from './kept-rows.ts'
import { NewDatabase } from './new-database.ts'
import type { Row, RowTotals } from './row.ts'
import { CarriedRows, OpenTransaction, Spread } from './spread.ts'
import { ask, isOutOfSpace, loadSqlite } from './sqlite-library.ts'
import { readDatabase } from './sqlite-read.ts'

export type RepartitionStep = 'begun' | 'written' | 'compared' | ExchangeStep

export interface RepartitionOptions {
  readonly limits: Limits
  readonly log: Log
  /** For tests: is told of each step that is over. */
  readonly onStep?: (step: RepartitionStep) => void
}

/** How often it is said how far this is. */
const noticeMs = 5_000
/** How long the thread works before it looks at its messages. */
const sliceMs = 20

/** What there is in a set of shards. */
interface Contents {
  readonly states: number
  /** Records, keys and instances. */
  readonly elements: number
  readonly carried: RowTotals
  /** The numbers of the last commits of all shards, added up. */
  readonly commits: number
  /** Those that have commits. */
  readonly files: readonly string[]
}

/** Answers with the folder as it is from now on. Rejects with a `Problem`, with everything as it was. */
export async function repartition(folder: Folder, shards: number, options: RepartitionOptions): Promise<Folder> {
  const { path } = folder
  const fields = { data: path, from: folder.shards, to: shards }
  const startedAt = performance.now()
  options.log.info(
    { event: 'repartition_begun', ...fields },
    'the data is spread over another number of shards, before anything is served',
  )
  try {
    const { states, elements } = await new Repartition(folder, shards, options).run()
    const spread = exchangeSet(folder, shards, options.onStep)
    const seconds = Math.round(performance.now() - startedAt) / 1000
    options.log.info(
      { event: 'repartition_done', ...fields, states, elements, seconds },
      'the data is spread over the new shards',
    )
    return spread
  } catch (error) {
    // Once the exchange has begun there is no set that grows, and what was begun is finished at the next start.
    abandonSet(path)
    throw problemOf(error, folder, shards)
  }
}

/** Whether any transaction was not brought to its end: it names shards by their numbers, and has to be before. */
export function hasOpenTransactions({ path, shards }: Folder): boolean {
  return Array.from({ length: shards }, (_, shard) => databaseFile(path, shard)).some((file) => {
    if (!existsSync(file)) return false
    const database = new (loadSqlite().DatabaseSync)(file, { readOnly: true })
    try {
      return ask(database, `SELECT 1 FROM rows WHERE tbl IN ('${decidedTable}', '${preparedTable}')`) !== undefined
    } catch {
      // Whatever is wrong with it is said by those who read all of it.
      return false
    } finally {
      database.close()
    }
  })
}

class Repartition {
  readonly #folder: Folder
  readonly #shards: number
  readonly #options: RepartitionOptions
  readonly #databases: NewDatabase[] = []
  #noticedAt = performance.now()
  #failure: { readonly error: unknown } | undefined

  constructor(folder: Folder, shards: number, options: RepartitionOptions) {
    this.#folder = folder
    this.#shards = shards
    this.#options = options
  }

  async run(): Promise<Contents> {
    const { path, shards } = this.#folder
    const { onStep = () => {} } = this.#options
    const growing = beginSet(path)
    onStep('begun')
    try {
      for (let shard = 0; shard < this.#shards; shard += 1) {
        this.#databases.push(new NewDatabase(databaseFile(growing, shard)))
      }
      const spread = new Spread(shards, this.#databases)
      const before = await this.#read(path, shards, 'reading', (row, shard) => spread.take(shard, row))
      spread.finish()
      // No number of a commit is given twice, whichever shard had given it.
      for (const database of this.#databases) database.number = before.commits
      await this.#spreadOthers(spread, before.files)
      for (const database of this.#databases) database.finish()
      onStep('written')
      const after = await this.#read(growing, this.#shards, 'reading back', () => {})
      compare(before, after)
      onStep('compared')
      return after
    } finally {
      for (const database of this.#databases) database.abandon()
    }
  }

  /** Reads a set of shards as strictly as a check does, one after the other. */
  async #read(path: string, shards: number, what: string, take: (row: Row, shard: number) => void): Promise<Contents> {
    const carried = new CarriedRows()
    const sum = { states: 0, elements: 0, commits: 0 }
    const files: string[] = []
    for (let shard = 0; shard < shards; shard += 1) {
      const file = databaseFile(path, shard)
      const directory = new Directory(Number.POSITIVE_INFINITY)
      const loaded = await readDatabase(directory, {
        file,
        readsLog: true,
        onRow: (row) => {
          carried.add(row)
          // What it throws would be taken for damage.
          this.#attempt(() => take(row, shard))
        },
        onProgress: (rows) => this.#notice({ doing: what, shard, of: shards, rows }),
      }).catch((error: unknown) => {
        throw error instanceof JournalCorrupt ? new DamagedShard(shard, error.problems) : error
      })
      if (this.#failure !== undefined) throw this.#failure.error
      if (loaded === undefined) continue
      files.push(file)
      sum.states += directory.size
      for (const { length } of directory.states()) sum.elements += length
      sum.commits += loaded.head.number
    }
    return { ...sum, files, carried: carried.totals() }
  }

  /** Snapshots; and all change logs become one, by time, of which each new shard gets its part. */
  async #spreadOthers(spread: Spread, files: readonly string[]): Promise<void> {
    const opened = files.map((file) => new (loadSqlite().DatabaseSync)(file, { readOnly: true }))
    try {
      for (const database of opened) await this.#inSlices('snapshots', spread.snapshots.takeChunks(database))
      spread.snapshots.finish()
      await this.#inSlices('the change log', spread.takeEntries(merged(opened.map(readWhole))))
      const { changesLoggedPerShardMax: changesMax, changeLogBytesPerShardMax: bytesMax } = this.#options.limits
      for (const database of this.#databases) database.trimLog({ changesMax, bytesMax })
    } finally {
      for (const database of opened) database.close()
    }
  }

  /** Lets the thread look at its messages now and then. */
  async #inSlices(doing: string, steps: Generator<void, void, void>): Promise<void> {
    let yieldedAt = performance.now()
    let count = 0
    for (const _ of steps) {
      count += 1
      if (performance.now() - yieldedAt < sliceMs) continue
      this.#notice({ doing, steps: count })
      await new Promise((resolve) => setImmediate(resolve))
      yieldedAt = performance.now()
    }
  }

  #attempt(action: () => void): void {
    if (this.#failure !== undefined) return
    try {
      action()
    } catch (error) {
      this.#failure = { error }
    }
  }

  #notice(fields: object): void {
    if (performance.now() - this.#noticedAt < noticeMs) return
    this.#noticedAt = performance.now()
    this.#options.log.info(
      { event: 'repartition_goes_on', ...fields, data: this.#folder.path },
      'the data is still being spread over the new shards',
    )
  }
}

/** Entries of several logs by the time of their first change; those of one log stay in their order. */
function* merged(logs: readonly Generator<readonly JsonObject[], void>[]): Generator<readonly JsonObject[], void> {
  const heads = new DeadlineHeap<{ readonly log: (typeof logs)[number]; readonly changes: readonly JsonObject[] }>()
  const advance = (log: (typeof logs)[number]): void => {
    const next = log.next()
    if (next.done !== true) heads.set(undefined, { log, changes: next.value }, Number(next.value[0]?.at))
  }
  for (const log of logs) advance(log)
  for (let first = heads.first(); first !== undefined; first = heads.first()) {
    const { log, changes } = first.item
    heads.set(first, first.item, null)
    yield changes
    advance(log)
  }
}

function compare(before: Contents, after: Contents): void {
  const shown = ({ states, elements, carried: { sum, rows } }: Contents): string => {
    const tables = Object.entries(rows).map(([table, count]) => `${table} ${count}`)
    return JSON.stringify({ states, elements, sum, rows: tables.sort((one, other) => (one < other ? -1 : 1)) })
  }
  if (shown(before) === shown(after)) return
  throw new Error(`what was written is not what was read: ${shown(after)} instead of ${shown(before)}`)
}

class DamagedShard extends Error {
  override readonly name = 'DamagedShard'

  constructor(shard: number, problems: readonly string[]) {
    const more = problems.length > 1 ? `, and ${problems.length - 1} more` : ''
    super(`shard ${shard} is damaged: ${problems[0]}${more}`)
  }
}

function problemOf(error: unknown, { path, shards: from }: Folder, to: number): unknown {
  const counted = to === 1 ? '1 shard' : `${to} shards`
  const begins = `cannot spread the data in ${path} over ${counted}`
  const { message, code, errcode } = error as Error & { readonly code?: unknown; readonly errcode?: unknown }
  if (isOutOfSpace(error) || code === 'ENOSPC' || code === 'EDQUOT') {
    const words = `${begins}: the disk is full, and old and new files need room side by side. The data is as it was.`
    return new Problem(words, `Make room, or start with --shards ${from}, which it has.`)
  }
  if (error instanceof DamagedShard || error instanceof JournalCorrupt) {
    const advice = `Run 'holdfast check ${path}', which says what is lost and how to repair it; nothing was changed.`
    return new Problem(`${begins}: ${message}.`, advice)
  }
  if (error instanceof OpenTransaction) {
    const words = `${begins}: ${message} has not come to its end. The data is as it was.`
    return new Problem(words, `Start with --shards ${from}, which it has, until all shards serve; then try again.`)
  }
  const isOfDisk = typeof code === 'string' && (errcode !== undefined || 'syscall' in (error as Error))
  return isOfDisk ? new Problem(`${begins}: ${message}. The data is as it was.`) : error
}
