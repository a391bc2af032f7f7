// The folder in which an engine keeps everything: it is locked against a second engine, and says how many shards its data
// is spread over. Owned by the engine's own thread; the databases in it are opened by the shards alone.
import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Problem } from '../base/problem.ts'
import { finishExchange } from './exchange.ts'
import { beginFolderExchange, type ExchangeStep, finishFolderExchange, growingSet } from './folder-exchange.ts'
import { codeOf, type Database, loadSqlite, sqliteCode } from './sqlite-library.ts'

export interface Folder {
  readonly path: string
  /** Over how many shards its states are spread. */
  readonly shards: number
  /** Tells its data from any other; made with the folder. */
  readonly id: string
  /** Makes it other data from now on: what a client does not know the end of is not to be sent to it again. */
  renew(): void
  /** Lets another engine in. */
  release(): void
}

interface Description {
  readonly format: number
  readonly shards: number
  /** Undefined in a backup, and in a folder that an older version has made. */
  readonly id: string | undefined
}

const format = 1
const descriptionName = 'holdfast.json'

/** Opens a folder, or makes one for `newShards` shards; one that is there keeps its number. Throws a `Problem`. */
export function openFolder(path: string, newShards: number): Folder {
  makeFolder(path)
  const lock = lockFolder(path)
  try {
    // Whoever was killed once it had begun to exchange files is brought to its end before anybody reads them.
    finishFolderExchange(path, descriptionName)
    const description = readDescription(path)
    const shards = description?.shards ?? newShards
    for (let shard = 0; shard < shards; shard += 1) finishExchange(databaseFile(path, shard))
    const id = description?.id ?? newId()
    if (description?.id === undefined) describe(path, shards, id)
    return { path, shards, id, renew: () => describe(path, shards, newId()), release: () => unlock(lock) }
  } catch (error) {
    unlock(lock)
    throw error
  }
}

/**
 * Has a whole new set of databases, which stands in `growingSet`, take the place of the folder's own. Its data stays the
 * same, and is spread over so many shards from now on.
 */
export function exchangeSet(folder: Folder, shards: number, onStep?: (step: ExchangeStep) => void): Folder {
  const { path, id } = folder
  writeDescription(join(growingSet(path), descriptionName), { format, shards, id })
  beginFolderExchange(path, (file) => writeDescription(file, { format: 'is being repartitioned' }))
  finishFolderExchange(path, descriptionName, onStep)
  return { ...folder, shards, renew: () => describe(path, shards, newId()) }
}

/** Opens a folder that has data, and makes nothing. Throws a `Problem`. */
export function openExistingFolder(path: string): Folder {
  if (!existsSync(join(path, descriptionName))) {
    throw new Problem(`there is no data of holdfast in ${path}.`, 'Name the folder that --data names for the daemon.')
  }
  return openFolder(path, 1)
}

/** Where a shard keeps its database. */
export function databaseFile(folder: string, shard: number): string {
  return join(folder, `shard-${shard}.db`)
}

function makeFolder(path: string): void {
  try {
    const whole = resolve(path)
    const first = mkdirSync(whole, { recursive: true, mode: 0o700 })
    if (first === undefined) return
    // Each new folder is only a name in the one above it.
    for (let made = whole; made.length >= first.length; made = dirname(made)) syncFolder(dirname(made))
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    const reasons: Readonly<Record<string, string>> = {
      EACCES: 'this user may not write there',
      EEXIST: 'there is a file of that name',
      ENOTDIR: 'there is a file in its path',
      EROFS: 'the file system is read-only',
      ENOSPC: 'the disk is full',
    }
    throw new Problem(`cannot keep data in ${path}: ${reasons[code] ?? message}.`, advice)
  }
}

const advice = 'Choose another folder with --data, or --memory to keep nothing.'

/**
 * A lock of the operating system, so that it ends with the process, however that ends. SQLite holds it, because it knows
 * how to do so on every system, and among the threads of one process as well.
 */
function lockFolder(path: string): Database {
  const { DatabaseSync } = loadSqlite()
  let lock: Database | undefined
  try {
    lock = new DatabaseSync(join(path, 'lock'))
    // Nothing is ever written into it, and nothing beside it, so that a full disk does not keep an engine from starting.
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    lock?.close()
    if (codeOf(error) !== sqliteCode.busy) {
      throw new Problem(`cannot keep data in ${path}: ${(error as Error).message}.`, advice)
    }
    throw new Problem(
      `the folder ${path} is in use by another holdfast.`,
      'Talk to that one, or give this one a folder of its own with --data.',
    )
  }
}

function unlock(lock: Database): void {
  lock.exec('ROLLBACK')
  lock.close()
}

function readDescription(path: string): Description | undefined {
  const file = join(path, descriptionName)
  if (!existsSync(file)) {
    // Without it nobody could tell whether the databases are all there.
    if (!existsSync(databaseFile(path, 0))) return undefined
    throw new Problem(`${file} is missing, which says over how many shards the data there is spread.`)
  }
  let description: Partial<Description> | undefined
  try {
    description = JSON.parse(readFileSync(file, 'utf8')) as Partial<Description>
  } catch {
    description = undefined
  }
  const { format: found, shards, id } = description ?? {}
  if (found !== format || !Number.isSafeInteger(shards) || (shards as number) < 1) {
    throw new Problem(`${file} is not what this version of holdfast has written there.`)
  }
  return { format, shards: shards as number, id: typeof id === 'string' ? id : undefined }
}

/** Describes a copy of the data: without an id, so that each folder that is made of it gets one of its own. */
export function describeCopy(path: string, shards: number): void {
  writeDescription(join(path, descriptionName), { format, shards })
}

function newId(): string {
  return randomBytes(16).toString('hex')
}

function describe(path: string, shards: number, id: string): void {
  const file = join(path, descriptionName)
  writeDescription(`${file}.new`, { format, shards, id })
  renameSync(`${file}.new`, file)
  syncFolder(path)
}

function writeDescription(file: string, description: object): void {
  writeFileSync(file, `${JSON.stringify(description)}\n`, { mode: 0o600, flush: true })
}

/** Until then the name of a new file may be lost, though the file is not. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
