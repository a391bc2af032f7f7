// Holds the chunks of a database against the parts that name them. Nobody reads them before a restore, so only the check
// does it, and not the start.
import { type KeptRow, partsTable } from './kept-rows.ts'
import { checksumOfChunk, summed } from './snapshot-chunks.ts'
import type { Database } from './sqlite-library.ts'

interface StoredChunk {
  readonly number: number
  readonly bytes: Uint8Array
  readonly crc: number
}

interface NamedChunks {
  readonly label: string
  readonly isWhole: boolean
  readonly states: readonly (readonly [state: string, chunks: number, sum: number])[]
}

/** What is wrong with the snapshots whose parts are these rows, in words. */
export function snapshotProblems(database: Database, rows: readonly KeptRow[]): string[] {
  const problems: string[] = []
  const parts = rows.filter(({ table }) => table === partsTable)
  if (parts.length === 0) return problems
  const read = database.prepare(
    'SELECT number, bytes, crc FROM snapshot_chunks WHERE snapshot = ? AND state = ? AND number > ? ORDER BY number LIMIT 1',
  )
  for (const { key: snapshot, value } of parts) {
    const { label, isWhole, states } = value as unknown as NamedChunks
    // What was never finished is removed by whoever starts next.
    if (!isWhole) continue
    for (const [state, chunks, sum] of states) {
      const what = `the snapshot '${label}': what it holds of state '${state}'`
      let found = 0
      let count = 0
      for (let last = -1; count <= chunks; count += 1) {
        const chunk = read.get(snapshot, state, last) as StoredChunk | undefined
        if (chunk === undefined || !(chunk.number > last)) break
        last = chunk.number
        const checksum = checksumOfChunk({ snapshot, state, number: last }, chunk.bytes)
        if (checksum !== chunk.crc) problems.push(`${what} is damaged in chunk ${last}`)
        found = summed(found, chunk.crc)
      }
      if (count !== chunks) problems.push(`${what} has ${count} chunks instead of ${chunks}`)
      else if (found !== sum) problems.push(`${what} is not what was written last`)
    }
  }
  return problems
}
