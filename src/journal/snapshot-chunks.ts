// What a snapshot is stored as, in each shard: compressed chunks, so many for each state, under the number of the snapshot.
// They stand beside the rows, since nobody reads them before a restore. Which of them there have to be, the part of the
// snapshot says, which is a row (kept-rows.ts); what makes a snapshot exist is one more row, on one shard.
// Invariant: a checksum covers a chunk's place and its bytes, and the sum of a state's checksums stands in the part.
import { crc32 } from 'node:zlib'
import { fmix32 } from '../base/hash.ts'

export interface ChunkPlace {
  /** The snapshot's own id, which is never given twice. */
  readonly snapshot: string
  readonly state: string
  /** From 0, for each state. */
  readonly number: number
}

/** A chunk to be written, or with undefined bytes to be removed. */
export interface ChunkEdit extends ChunkPlace {
  readonly bytes: Uint8Array | undefined
}

/** What is found at a place: undefined for nothing. */
export type FoundChunk = Uint8Array | 'damaged' | undefined

/** Where chunks are found; part of every journal. */
export interface Chunks {
  readChunk(place: ChunkPlace): FoundChunk
  /** Some of the chunks of a snapshot, in no promised order; none once all are removed. */
  chunkPlaces(snapshot: string, max: number): readonly ChunkPlace[]
}

export function checksumOfChunk({ snapshot, state, number }: ChunkPlace, bytes: Uint8Array): number {
  return crc32(bytes, crc32(`${snapshot}\0${state}\0${number}\0`))
}

/** The sum of the checksums of a state's chunks, in any order. */
export function summed(sum: number, checksum: number): number {
  return (sum + fmix32(checksum)) >>> 0
}

/** Chunks in memory. */
export class ChunkMap implements Chunks {
  readonly #snapshots = new Map<string, Map<string, ChunkEdit>>()

  edit(edits: readonly ChunkEdit[]): void {
    for (const edit of edits) {
      const chunks = this.#snapshots.get(edit.snapshot) ?? new Map<string, ChunkEdit>()
      if (edit.bytes === undefined) chunks.delete(nameOf(edit))
      else chunks.set(nameOf(edit), edit)
      if (chunks.size === 0) this.#snapshots.delete(edit.snapshot)
      else this.#snapshots.set(edit.snapshot, chunks)
    }
  }

  readChunk(place: ChunkPlace): FoundChunk {
    return this.#snapshots.get(place.snapshot)?.get(nameOf(place))?.bytes
  }

  chunkPlaces(snapshot: string, max: number): readonly ChunkPlace[] {
    const places: ChunkPlace[] = []
    for (const { state, number } of this.#snapshots.get(snapshot)?.values() ?? []) {
      if (places.length === max) break
      places.push({ snapshot, state, number })
    }
    return places
  }
}

function nameOf({ state, number }: ChunkPlace): string {
  return `${number} ${state}`
}
