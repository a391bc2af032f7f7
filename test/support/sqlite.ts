// Databases of shards in folders that go with their test, and a look into them from outside.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { SqliteJournal, type SqliteJournalOptions } from '../../src/journal/sqlite.ts'
import { type Database, loadSqlite } from '../../src/journal/sqlite-library.ts'
import { ShardHarness } from './shard-harness.ts'

/** A folder that is gone when the test is over. */
export function folderOfTest(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-data-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Where a database may be made. */
export function freshFile(): string {
  return join(folderOfTest(), 'shard-0.db')
}

export function journalOn(file: string, options: Partial<SqliteJournalOptions> = {}): SqliteJournal {
  return new SqliteJournal({
    file,
    durability: 'strict',
    changesLoggedMax: 1_000,
    changeLogBytesMax: 1_000_000,
    // Tests that are not about a full disk leave it as it is.
    reserveBytes: 0,
    ...options,
  })
}

/** A shard on a database. It is left open, as by a death, unless the test stops it. */
export function shardOn(
  file: string,
  options: Partial<SqliteJournalOptions> = {},
  limits: { deletedNamesPerShardMax?: number } = {},
): Promise<ShardHarness> {
  return ShardHarness.started({ journal: journalOn(file, options), limits })
}

/** Asks a database something, on a connection of its own. */
export function query(file: string, sql: string): Record<string, unknown>[] {
  return withDatabase(file, (database) => database.prepare(sql).all() as Record<string, unknown>[])
}

export function withDatabase<Result>(file: string, use: (database: Database) => Result): Result {
  const database = openDatabase(file)
  try {
    return use(database)
  } finally {
    database.close()
  }
}

/** A connection of its own, which the caller closes. */
export function openDatabase(file: string): Database {
  return new (loadSqlite().DatabaseSync)(file)
}

/** An error as SQLite's libraries throw it. */
export function sqliteError(errcode: number, message: string): Error {
  return Object.assign(new Error(message), { code: 'ERR_SQLITE_ERROR', errcode })
}

/** A database whose statements a test can make fail: `before` each piece of SQL that is run as a whole, and `after`. */
export function tamperedDatabase(
  file: string,
  { before, after }: { before?: (sql: string) => void; after?: (sql: string) => void },
): Database {
  const database = new (loadSqlite().DatabaseSync)(file)
  const exec = (sql: string): void => {
    before?.(sql)
    database.exec(sql)
    after?.(sql)
  }
  return new Proxy(database, {
    get(target, name) {
      if (name === 'exec') return exec
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
