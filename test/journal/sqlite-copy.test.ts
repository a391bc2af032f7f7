// Copies of a database that goes on: what they hold, and how they end.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Commit } from '../../src/journal/journal.ts'
import { type KeptRow, keyedTable } from '../../src/journal/kept-rows.ts'
import type { SqliteJournal } from '../../src/journal/sqlite.ts'
import { readDatabase } from '../../src/journal/sqlite-read.ts'
import { Directory } from '../../src/state/directory.ts'
import { folderOfTest, freshFile, journalOn, query } from '../support/sqlite.ts'

function commit(number: number): Commit {
  const row: KeptRow = { table: keyedTable, routingKey: 'state', key: `row ${number}`, value: { at: number } }
  return { number, changes: [], staged: [], kept: [row] }
}

async function opened(file: string): Promise<SqliteJournal> {
  const journal = journalOn(file)
  onTestFinished(() => journal.close())
  await journal.recover(new Directory(10))
  expect(await journal.commit(commit(1))).toEqual({ outcome: 'committed' })
  return journal
}

async function rowsIn(file: string): Promise<{ readonly number: number | undefined; readonly keys: string[] }> {
  const keys: string[] = []
  const onKept = ({ key }: KeptRow): void => void keys.push(key)
  const loaded = await readDatabase(new Directory(10), { file, readsLog: true, onKept })
  return { number: loaded?.head.number, keys }
}

describe('a copy of a database', () => {
  it('holds what was committed when it was asked for, and no more, though commits go on at once', async () => {
    const journal = await opened(freshFile())
    const to = join(folderOfTest(), 'shard-0.db')
    const copying = journal.copy(to, () => true)
    // In the same turn, before anything can have been copied.
    const committing = journal.commit(commit(2))
    expect(await copying).toEqual({ outcome: 'copied', bytes: expect.any(Number) as number })
    expect(await committing).toEqual({ outcome: 'committed' })
    expect(await rowsIn(to)).toEqual({ number: 1, keys: ['row 1'] })
  })

  it('leaves nothing behind that keeps the write-ahead file from being emptied', async () => {
    const file = freshFile()
    const journal = await opened(file)
    await journal.copy(join(folderOfTest(), 'shard-0.db'), () => true)
    expect(await journal.commit(commit(2))).toEqual({ outcome: 'committed' })
    const [checkpoint] = query(file, 'PRAGMA wal_checkpoint(PASSIVE)')
    expect(checkpoint?.checkpointed).toBe(checkpoint?.log)
  })

  it('is given up when nobody wants it any more, and when the journal closes', async () => {
    const file = freshFile()
    const journal = await opened(file)
    const to = join(folderOfTest(), 'shard-0.db')
    expect(await journal.copy(to, () => false)).toEqual({ outcome: 'stopped' })
    expect(existsSync(to)).toBe(false)
    const copying = journal.copy(to, () => true)
    await journal.close()
    expect(await copying).toEqual({ outcome: 'stopped' })
    expect(await rowsIn(file)).toEqual({ number: 1, keys: ['row 1'] })
  })

  it('says why it cannot be made', async () => {
    const journal = await opened(freshFile())
    const outcome = await journal.copy(join(folderOfTest(), 'no-such-folder', 'shard-0.db'), () => true)
    expect(outcome).toEqual({ outcome: 'refused', code: 'STORAGE_FAILED', reason: expect.any(String) as string })
    expect(await journal.commit(commit(2))).toEqual({ outcome: 'committed' })
  })
})
