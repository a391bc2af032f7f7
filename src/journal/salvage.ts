// Reads whatever can still be read of a damaged database, around what cannot, and changes nothing in it. Used by the repair
// alone: what is served is read by sqlite-read.ts, which gives up at the first doubt.
// Invariant: `rows` are whole, each under its checksum, every place once, in the order in which recovery takes them.
import { isUtf8 } from 'node:buffer'
import { contentTables } from './kinds.ts'
import { checksumOf, type Row, type RowPlace } from './row.ts'
import { ask, codeOf, type Database, loadSqlite, type Statement, sqliteCode } from './sqlite-library.ts'
import { type Head, headOf } from './sqlite-read.ts'
import { schemaVersion, versionOf } from './sqlite-schema.ts'
import { directoryTable, factsTable } from './state-rows.ts'

/** A row that is not as it was written. */
export interface DamagedRow extends RowPlace {
  readonly bytes: Buffer
}

/** Rows that cannot be read stand between these two; undefined for the beginning or the end. */
export interface Gap {
  readonly after: RowPlace | undefined
  readonly before: RowPlace | undefined
}

export interface Salvaged {
  readonly rows: readonly Row[]
  readonly damaged: readonly DamagedRow[]
  readonly gaps: readonly Gap[]
  /** Undefined if it is damaged or lost. */
  readonly head: Head | undefined
  /** The last entry of the change log; 0 if there is none, or it cannot be read. */
  readonly lastLogged: number
}

/** What became of reading. `unreadable`: not one row can be reached. `newer`: a later version has made it. */
export type Salvage = Salvaged | { readonly unreadable: string } | { readonly newer: number }

/** Where a row stands, in the bytes that the database has: they are not always text any more. */
type Place = readonly [table: Buffer, routingKey: Buffer, key: Buffer]

/** Places looked for between two that can be read, before what lies there is given up. */
const probesMax = 1_000
const probeBytes = 6

const columns =
  'CAST(tbl AS BLOB) AS tbl, CAST(routing_key AS BLOB) AS routing_key, CAST(key AS BLOB) AS key, CAST(bytes AS BLOB) AS bytes, CAST(crc AS TEXT) AS crc'
const places = '(CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT))'

export function salvage(file: string): Salvage {
  const { DatabaseSync } = loadSqlite()
  let database: Database | undefined
  try {
    database = new DatabaseSync(file, { readOnly: true, defensive: false })
    // So SQLite also opens a file that is shorter than its first page says.
    database.exec('PRAGMA writable_schema = ON')
    const version = versionOf(database)
    if (version > schemaVersion) return { newer: version }
    return new Salvager(database).read()
  } catch (error) {
    const code = codeOf(error)
    // What says nothing about the contents: another time it may go.
    if (code === sqliteCode.permission || code === sqliteCode.busy || code === sqliteCode.outOfMemory) throw error
    return { unreadable: (error as Error).message }
  } finally {
    database?.close()
  }
}

class Salvager {
  readonly #database: Database
  readonly #found = new Map<string, Row | DamagedRow>()
  /** Where each stretch begins that nothing could be read of. */
  readonly #obstacles: (Place | undefined)[] = []
  readonly #upward: Statement
  readonly #downward: Statement

  constructor(database: Database) {
    this.#database = database
    const order = (direction: string): string => `ORDER BY tbl ${direction}, routing_key ${direction}, key ${direction}`
    const from = (sign: string): string => `SELECT ${columns} FROM rows WHERE (tbl, routing_key, key) ${sign} ${places}`
    this.#upward = database.prepare(`${from('>=')} ${order('ASC')}`)
    this.#downward = database.prepare(`${from('<')} ${order('DESC')}`)
  }

  read(): Salvaged {
    const first = this.#walk(this.#upward, [none, none, none])
    if (!first.isAtEnd) {
      const last = this.#walk(this.#downward, [beyond, beyond, beyond])
      this.#readBetween(first.last, last.last)
    }
    const found = [...this.#found.values()].sort(byPlace)
    const rows = found.filter((row) => 'text' in row)
    const damaged = found.filter((row) => 'bytes' in row)
    const head = this.#attempt(() => headOf(this.#database))
    const logged = this.#attempt(() => ask(this.#database, 'SELECT max(number) AS last FROM batches'))
    return { rows, damaged, gaps: this.#gapsIn(found), head, lastLogged: Number(logged?.last ?? 0) }
  }

  /** Halves what lies between two places until every page that can be read has been met. */
  #readBetween(first: Place | undefined, last: Place | undefined): void {
    const open = [{ first, last }]
    let probes = 0
    // The widest first, so that what is given up in the end is narrow.
    for (const gap of open) {
      const middle = probes < probesMax ? between(gap.first, gap.last) : undefined
      if (middle === undefined) {
        this.#obstacles.push(gap.first)
        continue
      }
      probes += 1
      const up = this.#walk(this.#upward, middle, gap.last)
      const down = this.#walk(this.#downward, middle, gap.first)
      if (!up.isAtEnd) open.push({ first: up.last ?? middle, last: gap.last })
      if (!down.isAtEnd) open.push({ first: gap.first, last: down.last ?? middle })
    }
  }

  /** Between which of the rows that were found others may have stood. */
  #gapsIn(found: readonly RowPlace[]): Gap[] {
    const indices = this.#obstacles.map((obstacle) => {
      if (obstacle === undefined) return 0
      const next = found.findIndex((row) => byPlace(row, placeOf(obstacle)) > 0)
      return next === -1 ? found.length : next
    })
    return [...new Set(indices)]
      .sort((a, b) => a - b)
      .map((index) => {
        return { after: found[index - 1], before: found[index] }
      })
  }

  /** Takes rows until there are no more, `until` is met, or SQLite finds that it cannot go on. */
  #walk(statement: Statement, from: Place, until?: Place): { readonly last: Place | undefined; isAtEnd: boolean } {
    let last: Place | undefined
    try {
      for (const each of statement.iterate(...from)) {
        const row = each as Readonly<Record<string, unknown>>
        const place = [row.tbl, row.routing_key, row.key].map(bytesOf) as unknown as Place
        if (until !== undefined && compare(place, until) === 0) return { last, isAtEnd: true }
        last = place
        this.#take(place, bytesOf(row.bytes), Number(row.crc))
      }
      return { last, isAtEnd: true }
    } catch {
      return { last, isAtEnd: false }
    }
  }

  #take(at: Place, bytes: Buffer, checksum: number): void {
    const place = placeOf(at)
    const text = isUtf8(bytes) ? bytes.toString() : undefined
    const { table, routingKey, key } = place
    const isWhole = text !== undefined && checksumOf(table, routingKey, key, text) === checksum
    const name = `${table}\0${routingKey}\0${key}`
    if (isWhole) this.#found.set(name, { ...place, text })
    else if (!this.#found.has(name)) this.#found.set(name, { ...place, bytes })
  }

  #attempt<Result>(action: () => Result): Result | undefined {
    try {
      return action()
    } catch {
      return undefined
    }
  }
}

const none = Buffer.alloc(0)
/** No text begins with such a byte. */
const beyond = Buffer.from([0xff])

function bytesOf(value: unknown): Buffer {
  return value instanceof Uint8Array ? Buffer.from(value) : none
}

function placeOf([table, routingKey, key]: Place): RowPlace {
  return { table: table.toString(), routingKey: routingKey.toString(), key: key.toString() }
}

function compare(a: Place, b: Place): number {
  return a[0].compare(b[0]) || a[1].compare(b[1]) || a[2].compare(b[2])
}

/** As SQLite orders them, by their bytes. */
function byPlace(a: RowPlace, b: RowPlace): number {
  for (const part of ['table', 'routingKey', 'key'] as const) {
    if (a[part] !== b[part]) return Buffer.compare(Buffer.from(a[part]), Buffer.from(b[part]))
  }
  return 0
}

/** In the order of the rows. */
const tables = [directoryTable, factsTable, ...contentTables].sort().map((name) => Buffer.from(name))

/** Some place between two; undefined if none can be told. */
function between(first: Place = [none, none, none], last: Place = [beyond, none, none]): Place | undefined {
  const [table, routingKey, key] = first
  if (!table.equals(last[0])) {
    const inner = tables.filter((each) => table.compare(each) < 0 && compare([each, none, none], last) < 0)
    const middle = inner[Math.floor(inner.length / 2)]
    if (middle !== undefined) return [middle, none, none]
  }
  const isOneTable = table.equals(last[0])
  const name = halfway(routingKey, isOneTable ? last[1] : beyond)
  if (name !== undefined) return [table, name, none]
  const isOneState = isOneTable && routingKey.equals(last[1])
  const place = halfway(key, isOneState ? last[2] : beyond)
  return place && [table, routingKey, place]
}

function halfway(first: Buffer, last: Buffer): Buffer | undefined {
  let same = 0
  while (same < first.length && first[same] === last[same]) same += 1
  const number = (of: Buffer): number => {
    const bytes = Buffer.alloc(probeBytes)
    of.copy(bytes, 0, same)
    return bytes.readUIntBE(0, probeBytes)
  }
  const [low, high] = [number(first), number(last)]
  const middle = low + Math.floor((high - low) / 2)
  if (middle <= low) return undefined
  const bytes = Buffer.alloc(same + probeBytes)
  first.copy(bytes, 0, 0, same)
  bytes.writeUIntBE(middle, same, probeBytes)
  return bytes
}
