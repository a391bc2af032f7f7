// The chunks of snapshots in one open database. Written inside the transactions of its journal, which begins and ends them.
import { type ChunkEdit, type ChunkPlace, checksumOfChunk, type FoundChunk } from './snapshot-chunks.ts'
import type { Database, Statement } from './sqlite-library.ts'

export class SqliteChunks {
  readonly #read: Statement
  readonly #write: Statement
  readonly #remove: Statement
  readonly #places: Statement

  constructor(database: Database) {
    this.#read = database.prepare(
      'SELECT bytes, crc FROM snapshot_chunks WHERE snapshot = ? AND state = ? AND number = ?',
    )
    this.#write = database.prepare(`
      INSERT OR REPLACE INTO snapshot_chunks (snapshot, state, number, bytes, crc) VALUES (?, ?, ?, ?, ?)`)
    this.#remove = database.prepare('DELETE FROM snapshot_chunks WHERE snapshot = ? AND state = ? AND number = ?')
    this.#places = database.prepare('SELECT state, number FROM snapshot_chunks WHERE snapshot = ? LIMIT ?')
  }

  /** Answers with how many bytes were written. */
  write(edits: readonly ChunkEdit[]): number {
    let written = 0
    for (const edit of edits) {
      const { snapshot, state, number, bytes } = edit
      if (bytes === undefined) this.#remove.run(snapshot, state, number)
      else {
        this.#write.run(snapshot, state, number, bytes, checksumOfChunk(edit, bytes))
        written += bytes.length
      }
    }
    return written
  }

  read(place: ChunkPlace): FoundChunk {
    const { snapshot, state, number } = place
    const found = this.#read.get(snapshot, state, number) as { bytes: Uint8Array; crc: number } | undefined
    if (found === undefined) return undefined
    return checksumOfChunk(place, found.bytes) === found.crc ? found.bytes : 'damaged'
  }

  places(snapshot: string, max: number): ChunkPlace[] {
    const found = this.#places.all(snapshot, max) as { state: string; number: number }[]
    return found.map(({ state, number }) => ({ snapshot, state, number }))
  }
}
