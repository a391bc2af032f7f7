// Copies of one shard's database as it stands at one moment, while the shard goes on with its commits. A connection of its own
// pins the moment; SQLite copies its pages with it, a piece at a time, outside of the shard's thread. Owned by one journal.
// Invariant: a connection that pins is closed however the copy ends, as the write-ahead file grows for as long as it stays.
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { Anchor, anchorFileOf } from './anchor.ts'
import { syncFile } from './exchange.ts'
import type { CopyOutcome } from './journal.ts'
import { type Database, isOutOfSpace, loadSqlite, rollBack } from './sqlite-library.ts'
import { headOf } from './sqlite-read.ts'

/** After so many it is asked whether the copy is to go on: a mebibyte. */
const pagesPerPiece = 256

class Stopped extends Error {
  override readonly name = 'Stopped'
}

export class SqliteCopies {
  readonly #file: string
  readonly #running = new Set<Promise<CopyOutcome>>()
  #isStopping = false

  constructor(file: string) {
    this.#file = file
  }

  /** Whether the moment of some copy is pinned. */
  get isRunning(): boolean {
    return this.#running.size > 0
  }

  /** Pins what is committed before it returns. `goesOn` is asked now and then, and ends the copy with false. */
  begin(to: string, goesOn: () => boolean): Promise<CopyOutcome> {
    let pinned: Database
    try {
      pinned = pin(this.#file)
    } catch (error) {
      return Promise.resolve(outcomeOf(error))
    }
    const copying = copy(pinned, to, () => goesOn() && !this.#isStopping).finally(() => this.#running.delete(copying))
    this.#running.add(copying)
    return copying
  }

  /** Resolves once nothing is copied any more, and nothing will be. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await Promise.all(this.#running)
  }
}

function pin(file: string): Database {
  const database = new (loadSqlite().DatabaseSync)(file, { readOnly: true })
  try {
    // The moment is that of the first statement that reads.
    database.exec('BEGIN')
    headOf(database)
    return database
  } catch (error) {
    unpin(database)
    throw error
  }
}

async function copy(pinned: Database, to: string, goesOn: () => boolean): Promise<CopyOutcome> {
  try {
    const head = headOf(pinned)
    if (head === undefined) throw new Error('the number of the last commit is lost')
    const look = (): void => {
      if (!goesOn()) throw new Stopped('the copy was given up')
    }
    look()
    await loadSqlite().backup(pinned, to, { rate: pagesPerPiece, progress: look })
    look()
    syncFile(to)
    const anchor = new Anchor(anchorFileOf(to))
    anchor.write(head.number)
    anchor.close()
    syncFile(anchorFileOf(to))
    syncFile(dirname(to))
    return { outcome: 'copied', bytes: statSync(to).size }
  } catch (error) {
    return outcomeOf(error)
  } finally {
    unpin(pinned)
  }
}

/** One of the two libraries closes a database only when its statements are collected as garbage; the moment must not wait. */
function unpin(pinned: Database): void {
  rollBack(pinned)
  pinned.close()
}

function outcomeOf(error: unknown): CopyOutcome {
  if (error instanceof Stopped) return { outcome: 'stopped' }
  const { code, message } = error as NodeJS.ErrnoException
  if (isOutOfSpace(error) || code === 'ENOSPC' || code === 'EDQUOT') return { outcome: 'refused', code: 'STORAGE_FULL' }
  return { outcome: 'refused', code: 'STORAGE_FAILED', reason: message }
}
