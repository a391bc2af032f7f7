// Finds an SQLite to work with: the one that Node brings, from 22.16 on, and before that a package with the same class.
// Loaded when a journal is opened, so that whoever keeps nothing loads nothing. Called by this folder alone.
import { createRequire } from 'node:module'
import type { backup, DatabaseSync } from '@photostructure/sqlite'

export type Database = InstanceType<typeof DatabaseSync>
export type Statement = ReturnType<Database['prepare']>
export type ResultRow = Readonly<Record<string, unknown>>

export interface SqliteLibrary {
  readonly DatabaseSync: typeof DatabaseSync
  readonly backup: typeof backup
}

/** SQLite's own codes of an error; the same in both libraries. */
export const sqliteCode = {
  permission: 3,
  busy: 5,
  locked: 6,
  outOfMemory: 7,
  readOnly: 8,
  inputOutput: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  protocol: 15,
  notADatabase: 26,
} as const

/** The full code of an error that says that the index of the write-ahead file could not be made larger. */
const noRoomForIndex = sqliteCode.inputOutput | (19 << 8)

export function loadSqlite(): SqliteLibrary {
  // Asked for by a function, since bundlers and test runners rewrite an import, and older Nodes cannot resolve it.
  const builtIn: Partial<SqliteLibrary> | undefined = process.getBuiltinModule('node:sqlite')
  // The first ones of Node could not copy a database; and two libraries in one process would drop each other's locks.
  if (builtIn?.backup !== undefined) return builtIn as SqliteLibrary
  return createRequire(import.meta.url)('@photostructure/sqlite') as SqliteLibrary
}

/** The first row that a statement answers with, which is run only once. */
export function ask(database: Database, sql: string): ResultRow | undefined {
  return database.prepare(sql).get() as ResultRow | undefined
}

/** Ends a transaction if there is one; false if that cannot be done. */
export function rollBack(database: Pick<Database, 'exec'> & { readonly isTransaction?: boolean }): boolean {
  try {
    // Some versions cannot tell, and then refuse to end what has ended.
    if (database.isTransaction !== false) database.exec('ROLLBACK')
  } catch {
    return !database.isTransaction
  }
  return true
}

/** The primary code of an error of SQLite; undefined for any other error. */
export function codeOf(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: unknown }
  return typeof errcode === 'number' ? errcode & 0xff : undefined
}

/** What says nothing about the contents, nor about this program. Anything else does: damage shows in many ways. */
const passing: ReadonlySet<number> = new Set([
  sqliteCode.permission,
  sqliteCode.busy,
  sqliteCode.locked,
  sqliteCode.outOfMemory,
  sqliteCode.readOnly,
  sqliteCode.inputOutput,
  sqliteCode.cannotOpen,
  sqliteCode.protocol,
])

/** A file that ends where it should go on: the code is one of input and output, but no second try reads more. */
const shortRead = sqliteCode.inputOutput | (2 << 8)

/** True if the same may succeed another time, as it failed for a reason that lies outside of the database. */
export function isPassing(error: unknown): boolean {
  const code = codeOf(error)
  return code !== undefined && passing.has(code) && (error as { errcode?: unknown }).errcode !== shortRead
}

/** True if what failed would succeed on a larger disk. It does not say whether a commit that failed so has left something. */
export function isOutOfSpace(error: unknown): boolean {
  return codeOf(error) === sqliteCode.full || (error as { errcode?: unknown }).errcode === noRoomForIndex
}
