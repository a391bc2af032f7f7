// What a data folder holds, whichever shards it is spread over: read from its databases, with nobody serving from it.
import { existsSync } from 'node:fs'
import { databaseFile, openFolder } from '../../src/journal/folder.ts'
import { readDatabase } from '../../src/journal/sqlite-read.ts'
import { Directory } from '../../src/state/directory.ts'
import { contentsOf } from './contents.ts'
import { query } from './sqlite.ts'

export interface FolderContents {
  readonly states: readonly { readonly name: string }[]
  /** Every row that says something of one name alone. */
  readonly rows: readonly string[]
  /** The versions that the change log has of each state, in order. */
  readonly logged: Readonly<Record<string, readonly string[]>>
  /** The lowest of each number that a shard says of itself as a whole. */
  readonly lowest: Readonly<Record<string, number>>
}

/** Opens the folder as a daemon would, reads all of it, and says what there is. Rejects if anything is damaged. */
export async function contentsOfFolder(path: string): Promise<FolderContents & { readonly shards: number }> {
  const folder = openFolder(path, 1)
  const states: { name: string }[] = []
  const rows: string[] = []
  const logged: Record<string, string[]> = {}
  const lowest: Record<string, number> = {}
  try {
    for (let shard = 0; shard < folder.shards; shard += 1) {
      const file = databaseFile(path, shard)
      const directory = new Directory(Number.POSITIVE_INFINITY)
      await readDatabase(directory, { file, readsLog: true })
      states.push(...(contentsOf(directory) as { states: { name: string }[] }).states)
      if (!existsSync(file)) continue
      for (const { tbl, routing_key, key, bytes } of query(file, 'SELECT * FROM rows')) {
        if (tbl !== 'facts') rows.push(JSON.stringify([tbl, routing_key, key, bytes]))
        else noteLowest(lowest, JSON.parse(bytes as string) as Record<string, number>)
      }
      for (const { bytes } of query(file, 'SELECT bytes FROM batches ORDER BY number')) {
        for (const change of JSON.parse(bytes as string) as { state?: string; lock?: string }[]) {
          const name = change.state ?? `lock ${change.lock}`
          logged[name] = [...(logged[name] ?? []), JSON.stringify(change)]
        }
      }
    }
  } finally {
    folder.release()
  }
  states.sort((one, other) => (one.name < other.name ? -1 : 1))
  rows.sort()
  return { shards: folder.shards, states, rows, logged, lowest }
}

function noteLowest(lowest: Record<string, number>, numbers: Record<string, number>): void {
  for (const [name, value] of Object.entries(numbers)) lowest[name] = Math.min(lowest[name] ?? value, value)
}
