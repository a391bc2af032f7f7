// What can be made of the rows of a damaged database: the states with all that is whole of them, written anew, and in words
// what is lost. Reads and writes no file. Used by the repair alone.
// Invariant: the rows that it returns are those that a shard with these states would have stored, so that they pass recovery.
import { approximateBytes, type JsonObject, type JsonValue } from '../protocol/value.ts'
import { Directory, type State } from '../state/directory.ts'
import type { Anchored } from './anchor.ts'
import { isOfSnapshots, isOfTransactions, keptTables, partsTable, preparedTable } from './kept-rows.ts'
import { contentTables, kindNamed, kindOf } from './kinds.ts'
import { locksTable, tokensFact } from './lock-rows.ts'
import { fromSortable, type Row, RowCount, type RowPlace } from './row.ts'
import { describePlace, RowLoader } from './row-loader.ts'
import type { Salvaged } from './salvage.ts'
import { directoryTable, factsTable } from './state-rows.ts'

/** A row that does not get into the new database. */
export interface SetAside extends RowPlace {
  readonly bytes: Buffer
  readonly wrong: string
}

export interface Rebuilt {
  readonly rows: readonly Row[]
  /** The last commit; no later one takes a number that was given. */
  readonly number: number
  readonly states: number
  readonly setAside: readonly SetAside[]
  /** What is lost, in words. */
  readonly lost: readonly string[]
}

/**
 * Where contents may have been lost, all versions of the shard rise by so much: what a client has seen under a version
 * must never be mistaken for what that version is given to next.
 */
export const versionsSkipped = 1_000_000
/** No commit grants more locks than this. */
const tokensPerCommitMax = 2_048

/** The state's own row, as far as it matters here. */
interface Named {
  readonly kind: string
  readonly version: number
  readonly epoch: string
  readonly rows: number
  readonly header: JsonObject
}

interface Facts {
  readonly next: number
  readonly version_floor: number
}

/** Nothing at all, for a shard that begins anew. */
export function rebuiltEmpty(reason: string, anchored: number): Rebuilt {
  const floor = anchored + versionsSkipped
  const rows = [
    rowOf(factsTable, '', 'numbers', { next: 1, version_floor: floor }),
    tokensBehind(anchored * tokensPerCommitMax + versionsSkipped),
  ]
  const lost = [`everything: not one row can be read (${reason})`]
  return { rows, number: anchored, states: 0, setAside: [], lost }
}

export function rebuild(salvaged: Salvaged, anchored: Anchored): Rebuilt {
  return new Rebuilding(salvaged, anchored).run()
}

class Rebuilding {
  readonly #salvaged: Salvaged
  readonly #anchored: Anchored
  readonly #directory = new Directory(Number.MAX_SAFE_INTEGER)
  readonly #named = new Map<string, Named>()
  readonly #deleted = new Map<string, { readonly version: number; readonly sequence: number }>()
  readonly #orphans = new Map<string, Row[]>()
  /** Locks and their tokens, replies that were kept to be given again, and what is open of transactions. */
  readonly #others: Row[] = []
  readonly #setAside: SetAside[] = []
  readonly #lost: string[] = []
  /** Whether anything may be other than it was committed. Damage to the change log alone is none of that. */
  readonly #isLossy: boolean
  readonly #areListsWhole: boolean
  #facts: Facts = { next: 1, version_floor: 0 }

  constructor(salvaged: Salvaged, anchored: Anchored) {
    this.#salvaged = salvaged
    this.#anchored = anchored
    const { head, rows, gaps } = salvaged
    const counted = new RowCount()
    for (const row of rows) counted.addRow(row)
    const { sum, rows: found } = counted.totals()
    const isSame = head !== undefined && head.sum[0] === sum[0] && head.sum[1] === sum[1]
    this.#isLossy = !isSame || gaps.length > 0 || anchored.isDamaged || head.number < anchored.number
    this.#areListsWhole = ['items', 'item_leases'].every((table) => (head?.rows[table] ?? 0) === (found[table] ?? 0))
    this.#nameMissing(found)
  }

  run(): Rebuilt {
    for (const row of this.#salvaged.rows) if (!contentTables.includes(row.table)) this.#readName(row)
    this.#nameDamaged()
    this.#load()
    this.#nameOrphans()
    if (this.#isLossy) this.#nameOthers()
    const { head, lastLogged } = this.#salvaged
    const number = Math.max(head?.number ?? 0, lastLogged, this.#anchored.number)
    if (this.#lost.length === 0 && this.#isLossy) {
      this.#lost.push('some row is not the one that was written last; which one cannot be told, and all are kept')
    }
    return {
      rows: [...this.#rows(number)],
      number,
      states: this.#directory.size,
      setAside: this.#setAside,
      lost: this.#lost,
    }
  }

  /** What is gone without a trace. */
  #nameMissing(found: Readonly<Record<string, number>>): void {
    const { head, gaps, damaged } = this.#salvaged
    if (head === undefined) this.#lost.push('the number of the last commit: whether rows are missing cannot be told')
    else {
      if (head.number < this.#anchored.number) {
        const count = this.#anchored.number - head.number
        this.#lost.push(`the newest commits, ${head.number + 1} to ${this.#anchored.number} (${count})`)
      }
      for (const [table, expected] of Object.entries(head.rows)) {
        const there = (found[table] ?? 0) + damaged.filter((row) => row.table === table).length
        if (there < expected) this.#lost.push(`${expected - there} rows of '${table}', without a trace`)
        if (there > expected) this.#lost.push(`the removal of ${there - expected} rows of '${table}', which are back`)
      }
    }
    if (this.#anchored.isDamaged) this.#lost.push('possibly the newest commits: the anchor that would tell is damaged')
    for (const { after, before } of gaps) {
      const [from, to] = [after, before].map((place) => place && describePlace(place))
      this.#lost.push(
        `whatever stood behind ${from ?? 'the beginning'} and before ${to ?? 'the end'}: it cannot be read`,
      )
    }
  }

  #readName(row: Row): void {
    const { table, routingKey, key, text } = row
    const value = JSON.parse(text) as JsonObject
    if (table === partsTable) {
      const { label, isWhole } = value as { label: string; isWhole: boolean }
      if (isWhole)
        this.#lost.push(`the part of this shard in the snapshot '${label}', which cannot be restored any more`)
    } else if (table === locksTable || keptTables.includes(table) || key === tokensFact) this.#others.push(row)
    else if (table === factsTable && key === 'numbers') this.#facts = value as unknown as Facts
    else if (table === directoryTable && key === 'deleted') {
      this.#deleted.set(routingKey, value as unknown as { version: number; sequence: number })
    } else if (table === directoryTable) this.#named.set(routingKey, value as unknown as Named)
  }

  #nameDamaged(): void {
    for (const row of this.#salvaged.damaged) {
      this.#aside(row, row.bytes, 'its bytes do not fit its checksum')
      const id = row.table === 'records' ? /"id":(\d+|"[^"\\]*")/.exec(row.bytes.toString())?.[1] : undefined
      this.#lost.push(`${describePlace(row)}${id === undefined ? '' : `, which is probably the record ${id}`}`)
      if (row.table === directoryTable && row.key === 'state') this.#nameKeyspace(row.routingKey)
    }
  }

  /** A keyspace has nothing but its keys and its version, so it can be made of the keys alone. */
  #nameKeyspace(name: string): void {
    if (this.#named.has(name)) return
    const own = this.#salvaged.rows.filter(({ table, routingKey }) => {
      return routingKey === name && contentTables.includes(table)
    })
    const keys = own.filter(({ table }) => table === 'keys')
    const [epoch] = new Set(own.map(({ key }) => epochOf(key)))
    if (epoch === undefined || keys.length === 0) return
    if (own.some(({ table, key }) => epochOf(key) !== epoch || !kindNamed('keys')?.tables.includes(table))) return
    this.#named.set(name, { kind: 'keys', version: 0, epoch, rows: keys.length, header: {} })
    this.#lost.push(`the version of state '${name}', which is made anew of its ${keys.length} keys`)
  }

  #load(): void {
    const loader = new RowLoader(this.#directory)
    for (const [name, named] of this.#named) {
      const row = rowOf(directoryTable, name, 'state', named as unknown as JsonValue)
      if (!this.#loads(loader, row)) this.#named.delete(name)
    }
    const replaced = this.#replaced()
    for (const row of this.#salvaged.rows) {
      if (!contentTables.includes(row.table)) continue
      if (replaced.has(row)) this.#aside(row, Buffer.from(row.text), 'a newer row has the same id')
      else if (this.#named.get(row.routingKey)?.epoch !== epochOf(row.key)) {
        const orphans = this.#orphans.get(row.routingKey) ?? []
        orphans.push(row)
        this.#orphans.set(row.routingKey, orphans)
      } else this.#loads(loader, row)
    }
    loader.finish(this.#lost)
  }

  /** Rows of records and instances that were removed and are back, though another has their id now. */
  #replaced(): Set<Row> {
    const newest = new Map<string, Row>()
    const replaced = new Set<Row>()
    for (const row of this.#salvaged.rows) {
      if (row.table !== 'records' && row.table !== 'instances') continue
      const value = JSON.parse(row.text) as [unknown, { id: unknown }] & { id: unknown }
      const id = row.table === 'records' ? value[1].id : value.id
      const name = `${row.table}\0${row.routingKey}\0${epochOf(row.key)}\0${JSON.stringify(id)}`
      const other = newest.get(name)
      // They come in the order of their insertion.
      if (other !== undefined) replaced.add(other)
      newest.set(name, row)
    }
    return replaced
  }

  #loads(loader: RowLoader, row: Row): boolean {
    let problem: string | undefined
    try {
      problem = loader.load(row)
    } catch (error) {
      problem = (error as Error).message
    }
    if (problem === undefined) return true
    this.#aside(row, Buffer.from(row.text), problem)
    this.#lost.push(`${describePlace(row)}, which does not fit the others: ${problem}`)
    return false
  }

  /** Rows that belong to no state. Of a state that is whole, or was deleted, they would have been removed. */
  #nameOrphans(): void {
    for (const [name, orphans] of this.#orphans) {
      const named = this.#named.get(name)
      const isWhole = named !== undefined && this.#directory.get(name)?.length === named.rows
      if (isWhole || (named === undefined && this.#deleted.has(name))) continue
      const wrong = named === undefined ? 'the row of its state is lost' : 'it is of other contents of its state'
      for (const row of orphans) this.#aside(row, Buffer.from(row.text), wrong)
      if (named === undefined) this.#lost.push(`state '${name}': ${orphans.length} rows of it are set aside`)
    }
  }

  /** They are true only beside the very commits that they came with. */
  #nameOthers(): void {
    const locks = this.#others.filter(({ table }) => table === locksTable).length
    const replies = this.#others.filter(({ table }) => keptTables.includes(table) && !isKeptAnyway(table)).length
    if (locks > 0) this.#lost.push(`${locks} locks: nobody holds one any more, and every token so far is refused`)
    if (replies > 0) this.#lost.push(`${replies} replies that were kept for whoever asks again`)
  }

  /**
   * Where anything may be missing, no token that was ever granted is taken from anybody again. What is open of transactions
   * stays: without it the other shards would bring about one half, and this one not, or the other way round.
   */
  #otherRows(number: number): readonly Row[] {
    if (!this.#isLossy) return this.#others
    const tokens = this.#others.flatMap(({ table, text }) => {
      if (keptTables.includes(table)) return []
      const { reserved = 0, token = 0 } = JSON.parse(text) as { reserved?: number; token?: number }
      return [Math.max(reserved, token)]
    })
    const last = tokens.length > 0 ? highest(tokens) : number * tokensPerCommitMax
    return [tokensBehind(last + versionsSkipped), ...this.#others.flatMap(openTransaction)]
  }

  #aside({ table, routingKey, key }: RowPlace, bytes: Buffer, wrong: string): void {
    this.#setAside.push({ table, routingKey, key, bytes, wrong })
  }

  *#rows(number: number): Generator<Row, void, void> {
    const skipped = this.#isLossy ? versionsSkipped : 0
    let { next, version_floor: floor } = this.#facts
    for (const { routingKey, table, key, text } of this.#salvaged.rows) {
      if (!contentTables.includes(table)) continue
      next = Math.max(next, fromSortable(epochOf(key)) + 1)
      // The name of a state that is lost begins anew behind whatever it had.
      if (this.#isLossy && !this.#named.has(routingKey)) floor = Math.max(floor, revisionIn(table, text))
    }
    for (const [name, { kind, epoch, version: stored }] of this.#named) {
      const state = this.#directory.get(name) as State
      const rows = [...kindOf(state).contents(state)].map(({ table, key, value }) => {
        return rowOf(table, name, `${epoch}/${key}`, this.#weighed(state, table, key, value))
      })
      const version = skipped + rows.reduce((most, row) => Math.max(most, revisionIn(row.table, row.text)), stored)
      const header = this.#counting(state)
      floor = this.#isLossy ? Math.max(floor, version - skipped) : floor
      next = Math.max(next, fromSortable(epoch) + 1)
      yield rowOf(directoryTable, name, 'state', { kind, version, epoch, rows: state.length, header })
      yield* rows
    }
    for (const [name, { version, sequence }] of this.#deleted) {
      if (this.#named.has(name)) continue
      floor = this.#isLossy ? Math.max(floor, version) : floor
      next = Math.max(next, sequence + 1)
      yield rowOf(directoryTable, name, 'deleted', { version: version + skipped, sequence })
    }
    yield* this.#otherRows(number)
    // A name that is not known may be one that was lost.
    const versionFloor = floor + skipped
    if (next > 1 || versionFloor > 0) yield rowOf(factsTable, '', 'numbers', { next, version_floor: versionFloor })
  }

  /** The header, with counters behind everything that is there. */
  #counting(state: State): JsonObject {
    const header = kindOf(state).header(state)
    if (state.kind === 'keys') return header
    const cells = [...(state.kind === 'table' ? state.records : state.instances).ordered.atLeast()]
    const orders = cells.map(({ order }) => order + 1)
    const ids = cells.map(({ id }) => (typeof id === 'number' ? id + 1 : 0))
    return {
      ...header,
      next_id: highest([header.next_id as number, highest(ids)]),
      next_order: highest([header.next_order as number, highest(orders)]),
    }
  }

  /** The key of a list says about how many bytes its items take. */
  #weighed(state: State, table: string, key: string, value: JsonValue): JsonValue {
    if (table !== 'keys' || state.kind !== 'keys' || this.#areListsWhole) return value
    const list = state.keys.cells.get(key)?.contents.list
    if (list === undefined) return value
    const items = [...list.items(), ...list.leases().map(({ item }) => item)]
    const bytes = items.reduce((sum, item) => sum + item.bytes + 1, approximateBytes([]))
    return { ...(value as JsonObject), bytes }
  }
}

/** Other shards rely on it. */
function isKeptAnyway(table: string): boolean {
  return isOfTransactions(table) || isOfSnapshots(table)
}

/** What was promised may stand on something that is lost: then it cannot be kept, and must not keep the shard from starting. */
function openTransaction(row: Row): Row[] {
  if (!isKeptAnyway(row.table)) return []
  if (row.table !== preparedTable) return [row]
  const value = JSON.parse(row.text) as JsonObject
  return [rowOf(row.table, row.routingKey, row.key, { ...value, is_repaired: true })]
}

function tokensBehind(token: number): Row {
  return rowOf(factsTable, '', tokensFact, { reserved: token, floor: token })
}

function rowOf(table: string, routingKey: string, key: string, value: JsonValue): Row {
  return { table, routingKey, key, text: JSON.stringify(value) }
}

function epochOf(key: string): string {
  return key.slice(0, key.indexOf('/'))
}

function revisionIn(table: string, text: string): number {
  const value = JSON.parse(text) as JsonValue
  if (table === 'records') return Number((value as JsonValue[])[0])
  return table === 'keys' || table === 'instances' ? Number((value as JsonObject).revision) : 0
}

function highest(numbers: readonly number[]): number {
  return numbers.reduce((most, number) => Math.max(most, number), 0)
}
