// Writes what was captured of a shard as the chunks of a snapshot, a slice at a time, and then the part that names them.
// Invariant: the part is whole in the journal only when all its chunks are; until then whoever finds it removes both.
import type { CommitOutcome } from '../journal/journal.ts'
import { type KeptRow, partsTable } from '../journal/kept-rows.ts'
import { type ChunkEdit, checksumOfChunk, summed } from '../journal/snapshot-chunks.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { Aside } from './aside.ts'
import { awaited, type Work } from './aside.ts'
import type { Captured } from './capture.ts'
import { type Compress, chunkOf, chunkTextMax } from './chunk-text.ts'

/** What one shard has of a snapshot. */
export interface Part {
  readonly label: string
  readonly isWhole: boolean
  /** By the bytes of the names: how many chunks, and the sum of their checksums. */
  readonly states: readonly (readonly [state: string, chunks: number, sum: number])[]
  readonly records: number
  readonly bytes: number
}

export function begunPart(label: string): Part {
  return { label, isWhole: false, states: [], records: 0, bytes: 0 }
}

/** A commit must stay small beside what is kept for a full disk, and short. */
const commitBytesMax = 256 * 1024
const commitChunksMax = 256
/** So many chunks are compressed at once, while the next one is written. */
const compressingMax = 4
const rowsPerStep = 32

export interface WritingOptions {
  readonly aside: Aside
  readonly compress: Compress
}

/** A commit did not hold. */
export class NotCommitted extends Error {
  override readonly name = 'NotCommitted'
  readonly outcome: Exclude<CommitOutcome, { outcome: 'committed' }>

  constructor(outcome: Exclude<CommitOutcome, { outcome: 'committed' }>) {
    super('a commit of a snapshot was refused')
    this.outcome = outcome
  }
}

/** The row of a part; without one to remove it. */
export function partRow(snapshot: string, part: Part | undefined): KeptRow {
  return { table: partsTable, routingKey: '', key: snapshot, value: part as JsonObject | undefined }
}

/** Waits until this is committed; throws a `NotCommitted` if it is not. */
export function* committed(
  aside: Aside,
  commit: Parameters<Aside['commit']>[0],
): Generator<Promise<unknown>, void, void> {
  const outcome = yield* awaited(aside.commit(commit))
  if (outcome.outcome !== 'committed') throw new NotCommitted(outcome)
}

/** Returns what the part is, whose chunks are all committed. */
export function* writePart(
  snapshot: string,
  captured: readonly Captured[],
  options: WritingOptions,
): Generator<Promise<unknown> | undefined, Omit<Part, 'label'>, void> {
  const writer = new Writer(snapshot, options)
  const states: Part['states'][number][] = []
  let records = 0
  for (const state of captured) {
    records += Number(state.header.rows)
    const written = yield* writer.write(state)
    states.push([state.name, written.chunks, 0])
  }
  yield* writer.end()
  const summedStates = states.map(([name, chunks]) => [name, chunks, writer.sumOf(name)] as const)
  return { isWhole: true, states: summedStates, records, bytes: writer.bytes }
}

class Writer {
  readonly #snapshot: string
  readonly #options: WritingOptions
  readonly #sums = new Map<string, number>()
  #compressing: Promise<ChunkEdit & { readonly bytes: Uint8Array }>[] = []
  #edits: ChunkEdit[] = []
  #editBytes = 0
  bytes = 0

  constructor(snapshot: string, options: WritingOptions) {
    this.#snapshot = snapshot
    this.#options = options
  }

  sumOf(state: string): number {
    return this.#sums.get(state) ?? 0
  }

  *write({ name, header, gathered }: Captured): Generator<Promise<unknown> | undefined, { chunks: number }, void> {
    let lines = [JSON.stringify(header)]
    let size = (lines[0] as string).length
    let chunks = 0
    let rows = 0
    for (const { table, key, value } of gathered.rows()) {
      const line = JSON.stringify([table, key, value])
      lines.push(line)
      size += line.length
      rows += 1
      if (size >= chunkTextMax) {
        yield* this.#add(name, chunks, lines)
        chunks += 1
        lines = []
        size = 0
      }
      if (rows % rowsPerStep === 0) yield
    }
    if (lines.length > 0) {
      yield* this.#add(name, chunks, lines)
      chunks += 1
    }
    return { chunks }
  }

  *end(): Generator<Promise<unknown> | undefined, void, void> {
    while (this.#compressing.length > 0) yield* this.#takeCompressed()
    yield* this.#commit()
  }

  *#add(state: string, number: number, lines: readonly string[]): Generator<Promise<unknown> | undefined, void, void> {
    const place = { snapshot: this.#snapshot, state, number }
    const compressing = chunkOf(lines, this.#options.compress).then((bytes) => ({ ...place, bytes }))
    // Whether it fails is looked at when its turn comes.
    compressing.catch(() => {})
    this.#compressing.push(compressing)
    if (this.#compressing.length >= compressingMax) yield* this.#takeCompressed()
  }

  *#takeCompressed(): Generator<Promise<unknown> | undefined, void, void> {
    const first = this.#compressing.shift()
    if (first === undefined) return
    const edit = yield* awaited(first.catch(notCompressed))
    this.#edits.push(edit)
    this.#sums.set(edit.state, summed(this.sumOf(edit.state), checksumOfChunk(edit, edit.bytes)))
    this.#editBytes += edit.bytes.length
    this.bytes += edit.bytes.length
    if (this.#editBytes >= commitBytesMax || this.#edits.length >= commitChunksMax) yield* this.#commit()
  }

  *#commit(): Generator<Promise<unknown> | undefined, void, void> {
    const chunks = this.#edits
    this.#edits = []
    this.#editBytes = 0
    if (chunks.length > 0) yield* committed(this.#options.aside, { chunks })
  }
}

function notCompressed(error: unknown): never {
  throw new NotCommitted({
    outcome: 'refused',
    code: 'STORAGE_FAILED',
    reason: `it was not compressed: ${String(error)}`,
  })
}

/** Removes a part with all its chunks, so many at a time. What is refused is left for another time. */
export function* removePart(
  snapshot: string,
  places: (max: number) => readonly { readonly snapshot: string; readonly state: string; readonly number: number }[],
  aside: Aside,
): Work {
  for (;;) {
    const found = places(commitChunksMax / 8)
    if (found.length === 0) break
    yield* committed(aside, { chunks: found.map((place) => ({ ...place, bytes: undefined })) })
  }
  yield* committed(aside, { kept: [partRow(snapshot, undefined)] })
}
