// What becomes of snapshots when the data is spread over another number of shards: chunks go where their state goes, and each
// new shard gets a part that names those that it has. Part of spread.ts.
// Invariant: only what a manifest names is carried over, and every shard has a part of each snapshot, an empty one too.
import { shardOf } from '../base/placement.ts'
import { JournalCorrupt } from './journal.ts'
import { partsTable } from './kept-rows.ts'
import type { NewDatabase } from './new-database.ts'
import type { Row } from './row.ts'
import { checksumOfChunk } from './snapshot-chunks.ts'
import { ask, type Database } from './sqlite-library.ts'

/** As a shard writes it; see shard/snapshot-writing.ts. */
interface StoredPart {
  readonly label: string
  readonly isWhole: boolean
  readonly states: readonly (readonly [state: string, chunks: number, sum: number])[]
  readonly records: number
  readonly bytes: number
}

/** All parts of one snapshot. */
interface Whole {
  readonly label: string
  readonly states: StoredPart['states'][number][]
  records: number
}

/** A page of them is held at once; each takes some ten kilobytes. */
const chunksPerPage = 64

export class SpreadSnapshots {
  readonly #to: readonly NewDatabase[]
  readonly #manifests = new Set<string>()
  readonly #wholes = new Map<string, Whole>()
  /** How many bytes of chunks each new shard got, by snapshot. */
  readonly #bytes = new Map<string, number[]>()

  constructor(to: readonly NewDatabase[]) {
    this.#to = to
  }

  noteManifest({ key }: Row): void {
    this.#manifests.add(key)
  }

  notePart({ key, text }: Row): void {
    const { label, states, records } = JSON.parse(text) as StoredPart
    const whole = this.#wholes.get(key) ?? { label, states: [], records: 0 }
    whole.states.push(...states)
    whole.records += records
    this.#wholes.set(key, whole)
  }

  /** Carries over the chunks of an old shard, once all parts and manifests are known; yields now and then. */
  *takeChunks(database: Database): Generator<void, void, void> {
    const table = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'snapshot_chunks'"
    if (this.#manifests.size === 0 || ask(database, table) === undefined) return
    const page = database.prepare(`
      SELECT rowid AS place, snapshot, state, number, bytes, crc FROM snapshot_chunks WHERE rowid > ?
      ORDER BY rowid LIMIT ${chunksPerPage}`)
    let last = 0
    for (;;) {
      const chunks = page.all(last) as unknown as StoredChunk[]
      for (const chunk of chunks) this.#takeChunk(chunk)
      last = chunks.at(-1)?.place ?? last
      if (chunks.length < chunksPerPage) return
      yield
    }
  }

  /** Writes the parts. */
  finish(): void {
    for (const id of this.#manifests) {
      const { label, states, records } = this.#wholes.get(id) ?? { label: '', states: [], records: 0 }
      for (const [shard, database] of this.#to.entries()) {
        const own = states.filter(([state]) => shardOf(state, this.#to.length) === shard)
        own.sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
        const bytes = this.#bytes.get(id)?.[shard] ?? 0
        // Nobody asks which shard had how many.
        const part: StoredPart = { label, isWhole: true, states: own, records: shard === 0 ? records : 0, bytes }
        database.addRow({ table: partsTable, routingKey: '', key: id, text: JSON.stringify(part) })
      }
    }
  }

  #takeChunk({ snapshot, state, number, bytes, crc }: StoredChunk): void {
    if (!this.#manifests.has(snapshot)) return
    if (checksumOfChunk({ snapshot, state, number }, bytes) !== crc) {
      throw new JournalCorrupt([`what a snapshot holds of state '${state}' is damaged`])
    }
    const shard = shardOf(state, this.#to.length)
    this.#to[shard]?.addChunk({ snapshot, state, number, bytes }, crc)
    const counted = this.#bytes.get(snapshot) ?? this.#to.map(() => 0)
    counted[shard] = (counted[shard] ?? 0) + bytes.length
    this.#bytes.set(snapshot, counted)
  }
}

interface StoredChunk {
  readonly place: number
  readonly snapshot: string
  readonly state: string
  readonly number: number
  readonly bytes: Uint8Array
  readonly crc: number
}

/** What parts say of one state each, as rows that can be counted: the same before and after, however they are divided. */
export function statesOfPart({ key, text }: Row): Row[] {
  const { states } = JSON.parse(text) as StoredPart
  return states.map(([state, chunks, sum]) => {
    return { table: partsTable, routingKey: state, key, text: JSON.stringify([chunks, sum]) }
  })
}
