// Databases that were damaged behind the back of their shard: none of it is served, what is lost is named, and the files
// stay as they are, for whoever wants to rescue something. Random damage is done by test/soak/damage.ts.
import { createHash } from 'node:crypto'
import { copyFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { JournalCorrupt } from '../../src/journal/journal.ts'
import { ask } from '../../src/journal/sqlite-library.ts'
import { readDatabase } from '../../src/journal/sqlite-read.ts'
import { Directory } from '../../src/state/directory.ts'
import { freshFile, journalOn, shardOn, withDatabase } from '../support/sqlite.ts'

const records = 40

/** A database with some records, closed in order. */
async function filled(file = freshFile()): Promise<string> {
  const shard = await shardOn(file)
  await shard.call({ cmd: 'CREATE_STATE', state: 'leads' })
  for (let n = 1; n <= records; n += 1) {
    await shard.call({ cmd: 'CREATE_RECORD', state: 'leads', data: { n, text: 'some text to be flipped' } })
  }
  await shard.shard.stop()
  return file
}

async function problemsOf(file: string): Promise<readonly string[]> {
  const error: unknown = await journalOn(file)
    .recover(new Directory(10))
    .then(
      () => undefined,
      (reason: unknown) => reason,
    )
  if (error instanceof JournalCorrupt) return error.problems
  throw new Error(`no damage was found, but ${String(error)}`)
}

function hashes(file: string): Record<string, string> {
  // Whoever reads may leave an empty log behind, as well as what readers share.
  const isEmptyLog = (name: string): boolean => name.endsWith('-wal') && statSync(join(dirname(file), name)).size === 0
  const names = readdirSync(dirname(file)).filter((name) => !name.endsWith('-shm') && !isEmptyLog(name))
  return Object.fromEntries(
    names.map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(dirname(file), name)))
        .digest('hex'),
    ]),
  )
}

const tampered = (file: string, sql: string): void => withDatabase(file, (database) => database.exec(sql))

describe('a damaged database', () => {
  it('that was left alone is not damaged', async () => {
    const file = await filled()
    await expect(problemsOf(file)).rejects.toThrow('no damage was found')
  })

  it('is noticed by a check, in words, where its file ends within a long entry of the change log', async () => {
    const origin = freshFile()
    const shard = await shardOn(origin)
    await shard.call({ cmd: 'CREATE_STATE', state: 'leads' })
    await shard.call({ cmd: 'SET_RECORD', state: 'leads', id: 1, data: { text: 'x'.repeat(60_000) } })
    await shard.call({ cmd: 'SET_RECORD', state: 'leads', id: 1, data: { text: 'short' } })
    await shard.shard.stop()
    const whole = readFileSync(origin)
    for (let missing = 100; missing < 60_000; missing += 1_500) {
      const file = freshFile()
      writeFileSync(file, whole.subarray(0, whole.length - missing))
      const reading = readDatabase(new Directory(10), { file, readsLog: true })
      await expect(reading, `${missing} bytes are missing`).rejects.toBeInstanceOf(JournalCorrupt)
    }
  })

  it('is noticed where its head says that no writer of today may touch it', async () => {
    const file = await filled()
    const bytes = readFileSync(file)
    bytes[18] = 3
    writeFileSync(file, bytes)
    expect(await problemsOf(file)).toEqual(['the head of the database says that it must not be written'])
  })

  it('is noticed wherever its file ends too early, in the middle of a page as well', async () => {
    const whole = readFileSync(await filled())
    for (let length = 512; length < whole.length; length += 1_536) {
      const file = freshFile()
      writeFileSync(file, whole.subarray(0, length))
      expect(await problemsOf(file), `cut to ${length} bytes`).not.toEqual([])
    }
  })

  it.each([
    [
      'whose record was changed',
      "UPDATE rows SET bytes = replace(bytes, 'some', 'Some') WHERE tbl = 'records' AND key LIKE '%/15'",
      ["the row 11/15 in records of state 'leads' is damaged", "state 'leads' has 39 of its 40 rows"],
    ],
    [
      'that lacks a record',
      "DELETE FROM rows WHERE tbl = 'records' AND key LIKE '%/15'",
      ["state 'leads' has 39 of its 40 rows", "the table 'records' has 39 rows instead of 40"],
    ],
    [
      'in which one record stands in the place of another',
      `UPDATE rows SET (bytes, crc) = (SELECT bytes, crc FROM rows WHERE tbl = 'records' AND key LIKE '%/16')
        WHERE tbl = 'records' AND key LIKE '%/15'`,
      ["the row 11/15 in records of state 'leads' is damaged", "state 'leads' has 39 of its 40 rows"],
    ],
    [
      'that lacks a whole state',
      "DELETE FROM rows WHERE tbl IN ('records', 'directory')",
      ["the table 'directory' has 0 rows instead of 1", "the table 'records' has 0 rows instead of 40"],
    ],
    ['that lacks its head', 'DELETE FROM head', ['the number of the last commit is lost']],
    [
      'whose head was changed',
      "UPDATE head SET bytes = replace(bytes, ':41', ':42')",
      ['the number of the last commit is lost'],
    ],
    [
      'whose change log lacks its end',
      'DELETE FROM batches WHERE number > 40',
      ['the change log ends at commit 40 instead of 41'],
    ],
    ['that lacks a table', 'DROP TABLE rows', [expect.stringContaining('the database cannot be read: ')]],
    ['whose schema has lost its version', 'PRAGMA user_version = 0', ['the version of the schema is lost']],
    [
      'whose schema has a version below zero',
      'PRAGMA user_version = -2147483646',
      ['the version of the schema is lost'],
    ],
    ['that is of another time', 'PRAGMA user_version = 9', [expect.stringContaining('the schema has the version 9')]],
  ])('%s is not served', async (_, sql, problems) => {
    const file = await filled()
    tampered(file, sql)
    const before = hashes(file)
    expect(await problemsOf(file)).toEqual(problems)
    expect(hashes(file)).toEqual(before)
  })

  it('in which an old row stands, whose checksum is right, is not served', async () => {
    const file = await filled()
    const place = "WHERE tbl = 'records' AND key LIKE '%/15'"
    const old = withDatabase(file, (database) => ask(database, `SELECT bytes, crc FROM rows ${place}`)) as {
      bytes: string
      crc: number
    }
    const shard = await shardOn(file)
    await shard.call({ cmd: 'PATCH_RECORD', state: 'leads', id: 5, data: { n: 0 } })
    await shard.shard.stop()
    tampered(file, `UPDATE rows SET bytes = '${old.bytes}', crc = ${old.crc} ${place}`)
    expect(await problemsOf(file)).toEqual(['some row is not the one that was written last'])
  })

  it('from which the newest commits were lost is not served', async () => {
    const file = await filled()
    const old = join(dirname(file), 'old')
    copyFileSync(file, old)
    const shard = await shardOn(file)
    await shard.call({ cmd: 'DELETE_RECORD', state: 'leads', id: 5 })
    await shard.call({ cmd: 'DELETE_RECORD', state: 'leads', id: 6 })
    await shard.shard.stop()
    copyFileSync(old, file)
    expect(await problemsOf(file)).toEqual(['the commits 42 to 43 are missing'])
  })

  it('whose anchor is damaged is not served, while one damaged slot of two is no harm', async () => {
    const file = await filled()
    const anchor = file.replace(/\.db$/, '.anchor')
    const bytes = readFileSync(anchor)
    bytes[0] = (bytes[0] as number) ^ 1
    writeFileSync(anchor, bytes)
    await expect(problemsOf(file)).rejects.toThrow('no damage was found')
    bytes[512] = (bytes[512] as number) ^ 1
    bytes[0] ^= 2
    writeFileSync(anchor, bytes)
    expect(await problemsOf(file)).toEqual([expect.stringContaining('the file beside the database is damaged')])
  })

  it('that is gone is not made anew', async () => {
    const file = await filled()
    writeFileSync(file, '')
    expect(await problemsOf(file)).toEqual(['the commits 1 to 41 are missing'])
  })

  it('whose change log would lead round in a circle is not read for ever', async () => {
    const file = await filled()
    const whole = readFileSync(file)
    const found: string[] = []
    for (let page = 1; page < whole.length / 4_096; page += 1) {
      const bytes = Buffer.from(whole)
      // The entries stand at the end of a page; where they are gone, all numbers are 0.
      writeFileSync(file, bytes.fill(0, page * 4_096 + 2_048, (page + 1) * 4_096))
      const read = readDatabase(new Directory(10), { file, readsLog: true })
      await read.catch((error: unknown) => found.push(...(error as JournalCorrupt).problems))
    }
    expect(found).toContain('the entries of the change log are out of order')
  })
})
