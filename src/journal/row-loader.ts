// Recovery: makes a directory of all rows of a store, and says what cannot be right. Rows come in the order of table,
// routing key and key, each of them whole: the driver has held it against its checksum.
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import type { Directory } from '../state/directory.ts'
import { isOfTransactions, type KeptRow, keptTables, partsTable, snapshotsTable } from './kept-rows.ts'
import type { Opening } from './kind-rows.ts'
import { contentTables, kindNamed } from './kinds.ts'
import { loadTokens, lockIn, locksTable, tokensFact } from './lock-rows.ts'
import type { Row, RowPlace } from './row.ts'
import { directoryTable, factsTable, leftoverOf, StateRows } from './state-rows.ts'

interface Loading {
  readonly opening: Opening
  readonly epoch: string
  readonly rowsExpected: number
}

export class RowLoader {
  readonly #stored: StateRows
  readonly #onKept: (row: KeptRow) => void
  readonly #states = new Map<string, Loading>()
  readonly #deleted: { readonly name: string; readonly version: number; readonly sequence: number }[] = []
  #versionFloor = 0
  #lastLeftover = ''

  constructor(directory: Directory, onKept: (row: KeptRow) => void = () => {}) {
    this.#onKept = onKept
    this.#stored = new StateRows(directory)
  }

  /** Takes the next row; answers with what is wrong with it. */
  load({ table, routingKey, key, text }: Row): string | undefined {
    const value = JSON.parse(text) as JsonValue
    if (table === directoryTable) return this.#loadName(routingKey, key, value as JsonObject)
    if (table === factsTable) return this.#loadFact(key, value as JsonObject)
    if (keptTables.includes(table)) {
      this.#onKept({ table, routingKey, key, value })
      return undefined
    }
    if (table === locksTable) {
      this.#stored.directory.locks.set(routingKey, lockIn(value as JsonObject))
      return undefined
    }
    if (!contentTables.includes(table)) return `a row of the unknown table '${table}'`
    const [epoch = '', ...rest] = key.split('/')
    const loading = this.#states.get(routingKey)
    if (loading?.epoch !== epoch) this.#leave(routingKey, epoch)
    else loading.opening.load({ table, key: rest.join('/'), value })
    return undefined
  }

  /** Fills the directory. `problems` gets what is missing. */
  finish(problems: string[]): StateRows {
    const { directory, epochs, leftovers } = this.#stored
    for (const [name, { opening, epoch, rowsExpected }] of this.#states) {
      const { state, left } = opening.finish()
      const { length } = state
      if (length !== rowsExpected) problems.push(`state '${name}' has ${length} of its ${rowsExpected} rows`)
      leftovers.push(...left.map((each) => leftoverOf(name, epoch, each)))
      epochs.set(name, epoch)
      directory.insert(state)
    }
    this.#deleted.sort((a, b) => a.sequence - b.sequence)
    for (const { name, version } of this.#deleted) directory.remove(name, version)
    directory.raiseVersionFloor(this.#versionFloor)
    return this.#stored
  }

  #loadName(name: string, key: string, value: JsonObject): string | undefined {
    if (key === 'deleted') {
      this.#deleted.push({ name, version: value.version as number, sequence: value.sequence as number })
      return undefined
    }
    const kind = kindNamed(value.kind as string)
    if (kind === undefined) return `state '${name}' is of the unknown kind '${value.kind as string}'`
    this.#states.set(name, {
      opening: kind.open(name, value.version as number, value.header as JsonObject),
      epoch: value.epoch as string,
      rowsExpected: value.rows as number,
    })
    return undefined
  }

  #loadFact(key: string, value: JsonObject): string | undefined {
    if (key === tokensFact) {
      loadTokens(this.#stored.directory.locks, value)
      return undefined
    }
    if (key !== 'numbers') return `the fact '${key}' is not known`
    this.#stored.nextNumber = value.next as number
    this.#versionFloor = value.version_floor as number
    return undefined
  }

  #leave(routingKey: string, epoch: string): void {
    const leftover = leftoverOf(routingKey, epoch)
    const name = `${routingKey}\0${epoch}`
    if (name === this.#lastLeftover) return
    this.#lastLeftover = name
    this.#stored.leftovers.push(leftover)
  }
}

/** Where a row belongs, in words. */
export function describePlace({ table, routingKey, key }: RowPlace): string {
  if (table === directoryTable)
    return key === 'deleted' ? `the version of the deleted state '${routingKey}'` : `state '${routingKey}'`
  if (table === locksTable) return `lock '${routingKey}'`
  if (table === factsTable) return `the shard's ${key}`
  if (isOfTransactions(table)) return `the ${table} transaction ${key}`
  if (table === partsTable) return `the part of the snapshot ${key}`
  if (table === snapshotsTable) return `the snapshot ${key}`
  if (keptTables.includes(table)) return `the reply ${key} that was kept for '${routingKey}'`
  return `the row ${key} in ${table} of state '${routingKey}'`
}
