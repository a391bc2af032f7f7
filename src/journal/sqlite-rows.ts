// The rows and the head of one open database, as a commit writes them. Used inside the transactions of its journal, which
// begins and ends them; a row count is told of each row that comes or goes, so that the head can say what there is.
import { checksumOf, type RowCount, type RowEdit } from './row.ts'
import type { Database, Statement } from './sqlite-library.ts'
import type { Head } from './sqlite-read.ts'
import type { StateRows } from './state-rows.ts'

/** Rows that belong to nobody are removed with later commits, so many at a time. */
const leftoversPerCommitMax = 256

export class SqliteRows {
  readonly #read: Statement
  readonly #write: Statement
  readonly #remove: Statement
  readonly #leftover: Statement
  readonly #writeHead: Statement

  constructor(database: Database) {
    this.#read = database.prepare('SELECT crc FROM rows WHERE tbl = ? AND routing_key = ? AND key = ?')
    this.#write = database.prepare(`
      INSERT INTO rows (tbl, routing_key, key, bytes, crc) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET bytes = excluded.bytes, crc = excluded.crc`)
    this.#remove = database.prepare('DELETE FROM rows WHERE tbl = ? AND routing_key = ? AND key = ?')
    this.#leftover = database.prepare(`
      SELECT key FROM rows WHERE tbl = ? AND routing_key = ? AND key >= ? AND key < ? LIMIT ?`)
    this.#writeHead = database.prepare('INSERT OR REPLACE INTO head (one, bytes, crc) VALUES (1, ?, ?)')
  }

  write(counted: RowCount, { table, routingKey, key, text }: RowEdit): void {
    const before = this.#read.get(table, routingKey, key) as { crc: number } | undefined
    if (before !== undefined) counted.remove(table, before.crc)
    if (text !== undefined) {
      const checksum = checksumOf(table, routingKey, key, text)
      this.#write.run(table, routingKey, key, text, checksum)
      counted.add(table, checksum)
    } else if (before !== undefined) this.#remove.run(table, routingKey, key)
  }

  writeHead(head: Head): void {
    const text = JSON.stringify(head)
    this.#writeHead.run(text, checksumOf('head', '', '', text))
  }

  /** Removes some of what belongs to nobody. Answers with how many of the leftovers are gone altogether. */
  removeLeftovers(leftovers: StateRows['leftovers'], counted: RowCount): number {
    let budget = leftoversPerCommitMax
    let finished = 0
    for (const { tables, routingKey, prefix } of leftovers) {
      const end = `${prefix.slice(0, -1)}0`
      for (const table of tables) {
        const rows = this.#leftover.all(table, routingKey, prefix, end, budget) as { key: string }[]
        for (const { key } of rows) this.write(counted, { table, routingKey, key, text: undefined })
        // Asking costs something too: thousands of empty states must not all be asked for in one commit.
        budget -= Math.max(rows.length, 1)
        if (budget <= 0) return finished
      }
      finished += 1
    }
    return finished
  }
}
