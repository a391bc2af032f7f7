// The journal that keeps nothing: every commit succeeds at once, and a shard that ends loses its states. It stands where
// durable drivers stand, so that the engine takes one path.
import { assert } from '../base/assert.ts'
import type { Directory } from '../state/directory.ts'
import type { Commit, CommitOutcome, Journal } from './journal.ts'
import { ChunkMap, type ChunkPlace, type FoundChunk } from './snapshot-chunks.ts'

const committed: Promise<CommitOutcome> = Promise.resolve({ outcome: 'committed' })
const nothing: Promise<number> = Promise.resolve(0)

export class MemoryJournal implements Journal {
  readonly durability = 'memory'
  readonly #chunks = new ChunkMap()
  #lastNumber = 0
  #closed = false

  /** Tokens have to rise also over the lives of a shard in one process, whose clock tells how much they must by now. */
  recover({ locks }: Directory): Promise<number> {
    const last = Number(process.hrtime.bigint() / 1_000n)
    locks.tokens = { last, reserved: last }
    locks.floor = last
    return nothing
  }

  async recall(): Promise<void> {}

  commit({ number, chunks = [] }: Commit): Promise<CommitOutcome> {
    assert(!this.#closed, 'nothing is committed to a closed journal')
    assert(number === this.#lastNumber + 1, 'commits are numbered without gaps')
    this.#lastNumber = number
    this.#chunks.edit(chunks)
    return committed
  }

  readChunk(place: ChunkPlace): FoundChunk {
    return this.#chunks.readChunk(place)
  }

  chunkPlaces(snapshot: string, max: number): readonly ChunkPlace[] {
    return this.#chunks.chunkPlaces(snapshot, max)
  }

  close(): Promise<void> {
    this.#closed = true
    return Promise.resolve()
  }
}
