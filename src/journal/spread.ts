// Where each row and each entry of the change log goes when the data is spread over another number of shards. Reads no
// file and knows no names of files; repartition.ts feeds it all shards, one after the other, and finishes the databases.
// Invariant: a row is carried over as it is, to the one shard that its routing key belongs to. Only what a shard says of
// itself as a whole is made anew, and never falls: the counter of tokens, the floors, and up to where a session has settled.
import { shardOf } from '../base/placement.ts'
import type { JsonObject } from '../protocol/value.ts'
import { JournalCorrupt } from './journal.ts'
import {
  isOfTransactions,
  keptKey,
  keptNumberOf,
  partsTable,
  retryTable,
  settledOnly,
  snapshotsTable,
} from './kept-rows.ts'
import type { NewDatabase } from './new-database.ts'
import { type Row, RowCount, type RowTotals } from './row.ts'
import { describePlace } from './row-loader.ts'
import { SpreadSnapshots, statesOfPart } from './spread-snapshots.ts'
import { factsTable } from './state-rows.ts'

/** A transaction over several shards that nobody has brought to its end: its rows name shards by their numbers. */
export class OpenTransaction extends Error {
  override readonly name = 'OpenTransaction'
}

/** Counts the rows that are carried over as they are; sums over all shards are the same before and after. */
export class CarriedRows {
  readonly #counted = new RowCount()
  readonly #manifests = new Set<string>()
  readonly #parts: Row[] = []

  add(row: Row): void {
    const { table, key } = row
    if (table === snapshotsTable) this.#manifests.add(key)
    if (table === partsTable) this.#parts.push(row)
    else if (table !== factsTable && !(table === retryTable && isSettledOnly(key))) this.#counted.addRow(row)
  }

  /** Called once, when all rows are in: which parts count is known by then. */
  totals(): RowTotals {
    const named = this.#parts.filter(({ key }) => this.#manifests.has(key))
    for (const row of named.flatMap(statesOfPart)) this.#counted.addRow(row)
    return this.#counted.totals()
  }
}

/** A row of a session that says up to where it has settled, and of no message. */
function isSettledOnly(key: string): boolean {
  return keptNumberOf(key)[1] === settledOnly
}

export class Spread {
  readonly #from: number
  readonly #to: readonly NewDatabase[]
  /** The highest of each number that the shards say of themselves. */
  readonly #facts = new Map<string, Map<string, number>>()
  /** By session: below which number everything is settled, over all shards, and on each new one by its own rows. */
  readonly #settled = new Map<string, number>()
  readonly #settledOn: readonly Map<string, number>[]
  readonly snapshots: SpreadSnapshots

  constructor(from: number, to: readonly NewDatabase[]) {
    this.#from = from
    this.#to = to
    this.#settledOn = to.map(() => new Map())
    this.snapshots = new SpreadSnapshots(to)
  }

  /** Takes a row of an old shard. */
  take(shard: number, row: Row): void {
    const { table, routingKey, key, text } = row
    if (table === factsTable) return this.#noteFact(key, JSON.parse(text) as JsonObject)
    if (isOfTransactions(table)) throw new OpenTransaction(describePlace(row))
    if (table === retryTable && isSettledOnly(key)) return this.#noteSettled(row, undefined)
    if (table === partsTable) return this.snapshots.notePart(row)
    if (table === snapshotsTable) this.snapshots.noteManifest(row)
    if (shardOf(routingKey, this.#from) !== shard) {
      throw new JournalCorrupt([`${describePlace(row)} lies on shard ${shard}, where it does not belong`])
    }
    const target = shardOf(routingKey, this.#to.length)
    if (table === retryTable) this.#noteSettled(row, target)
    this.#database(target).addRow(row)
  }

  /** Takes the entries of all old change logs, those of one state in their order; yields behind each. */
  *takeEntries(entries: Iterable<readonly JsonObject[]>): Generator<void, void, void> {
    for (const changes of entries) {
      this.#takeEntry(changes)
      yield
    }
  }

  #takeEntry(changes: readonly JsonObject[]): void {
    const parts = new Map<number, JsonObject[]>()
    for (const change of changes) {
      const target = shardOf((change.state ?? change.lock) as string, this.#to.length)
      const part = parts.get(target)
      if (part === undefined) parts.set(target, [change])
      else part.push(change)
    }
    for (const [target, part] of parts) this.#database(target).addEntry(part.length, JSON.stringify(part))
  }

  /** All rows are in: writes what the new shards say of themselves. */
  finish(): void {
    for (const [shard, database] of this.#to.entries()) {
      for (const [key, numbers] of this.#facts) {
        database.addRow(rowOf(factsTable, key, Object.fromEntries(numbers)))
      }
      for (const [session, settled] of this.#settled) {
        if (settled <= 1 || (this.#settledOn[shard]?.get(session) ?? 0) >= settled) continue
        database.addRow(rowOf(retryTable, keptKey(session, settledOnly), { settled }))
      }
    }
  }

  #database(shard: number): NewDatabase {
    return this.#to[shard] as NewDatabase
  }

  #noteFact(key: string, fact: JsonObject): void {
    const highest = this.#facts.get(key) ?? new Map<string, number>()
    this.#facts.set(key, highest)
    for (const [name, value] of Object.entries(fact)) {
      highest.set(name, Math.max(highest.get(name) ?? 0, value as number))
    }
  }

  /** A message below that number ran long ago, wherever its own row was: it must not run a second time. */
  #noteSettled({ key, text }: Row, target: number | undefined): void {
    const [session] = keptNumberOf(key)
    const { settled } = JSON.parse(text) as { settled: number }
    for (const known of target === undefined ? [this.#settled] : [this.#settled, this.#settledOn[target]]) {
      known?.set(session, Math.max(known.get(session) ?? 0, settled))
    }
  }
}

function rowOf(table: string, key: string, value: JsonObject): Row {
  return { table, routingKey: '', key, text: JSON.stringify(value) }
}
