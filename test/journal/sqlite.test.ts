// The SQLite journal: the contract of all journals, its settings, what a failing disk makes of a commit, and what a
// person sees who looks into it.
import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readAnchor } from '../../src/journal/anchor.ts'
import { ask, type Database, loadSqlite } from '../../src/journal/sqlite-library.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { Directory } from '../../src/state/directory.ts'
import { describeJournal } from '../contract/journal.ts'
import { eventually } from '../support/eventually.ts'
import { ShardHarness } from '../support/shard-harness.ts'
import { freshFile, journalOn, query, shardOn, sqliteError, tamperedDatabase, withDatabase } from '../support/sqlite.ts'

for (const durability of ['strict', 'relaxed'] as const) {
  describeJournal({
    name: `the SQLite journal (${durability})`,
    survivesReopening: true,
    prepare: () => {
      const file = freshFile()
      return Promise.resolve(() => Promise.resolve(journalOn(file, { durability })))
    },
  })
}

const create = { cmd: 'CREATE_STATE', state: 'leads' }
const write = (name: string) => ({ cmd: 'CREATE_RECORD', state: 'leads', data: { name } })
const list = { cmd: 'LIST_RECORDS', state: 'leads' }

describe('the settings of a database', () => {
  it.each([
    ['strict', 2],
    ['relaxed', 1],
  ] as const)('are those of %s mode, also after writes', async (durability, synchronous) => {
    let database: Database | undefined
    const open = (path: string): Database => (database = new (loadSqlite().DatabaseSync)(path))
    const shard = await shardOn(freshFile(), { durability, open })
    await shard.call(create)
    await shard.call(write('Ann'))
    const setting = (name: string) => ask(database as Database, `PRAGMA ${name}`)
    expect(setting('synchronous')).toEqual({ synchronous })
    expect(setting('journal_mode')).toEqual({ journal_mode: 'wal' })
  })

  it('are those of strict mode for a commit that has to be secured, and for that one only', async () => {
    const file = freshFile()
    const modes: unknown[] = []
    let database: Database | undefined
    const open = (path: string): Database => {
      database = tamperedDatabase(path, {
        before: (sql) => sql === 'COMMIT' && modes.push(ask(database as Database, 'PRAGMA synchronous')?.synchronous),
      })
      return database
    }
    const journal = journalOn(file, { durability: 'relaxed', open })
    await journal.recover(new Directory(10))
    modes.length = 0
    const anchor = join(dirname(file), 'shard-0.anchor')
    await journal.commit({ number: 1, changes: [], staged: [] })
    expect(readAnchor(anchor).number).toBe(0)
    await journal.commit({ number: 2, changes: [], staged: [], isUrgent: true })
    expect(readAnchor(anchor).number).toBe(2)
    await journal.commit({ number: 3, changes: [], staged: [] })
    expect(modes).toEqual([1, 2, 1])
    await journal.close()
  })

  it('keep what is stored from others', async () => {
    const file = freshFile()
    await shardOn(file)
    expect(statSync(join(dirname(file), 'shard-0.anchor')).mode & 0o077).toBe(0)
  })
})

describe('a commit that fails', () => {
  const full = { status: 'error', code: 'STORAGE_FULL' }

  it('for want of space is refused whole, reads go on, and writes come back with space', async () => {
    const file = freshFile()
    let database: Database | undefined
    const open = (path: string): Database => (database = new (loadSqlite().DatabaseSync)(path))
    const said: boolean[] = []
    const onFull = (isFull: boolean): number => said.push(isFull)
    const shard = await shardOn(file, { open, probeMs: 500, reserveBytes: 65_536, onFull })
    const reserve = join(dirname(file), 'shard-0.reserve')
    expect(statSync(reserve)).toMatchObject({ size: 65_536 })
    expect(statSync(reserve).blocks * 512).toBeGreaterThanOrEqual(65_536)
    await shard.call(create)
    database?.exec('PRAGMA max_page_count = 1')
    let written = 0
    let refused: unknown
    for (; refused === undefined; written += 1) {
      const reply = await shard.call(write('x'.repeat(3_000)))
      if ((reply as { status: string }).status === 'error') refused = reply
    }
    expect(refused).toMatchObject(full)
    expect(statSync(reserve).size).toBe(0)
    expect(await shard.call(list)).toMatchObject({ status: 'ok', version: written - 1 })
    let reply: unknown
    await eventually('writes come back', async () => {
      reply = await shard.call(write('Ann'))
      return (reply as { status: string }).status === 'ok'
    })
    expect(reply).toMatchObject({ id: written, version: written })
    expect(said).toEqual([true, false])
    expect(statSync(reserve).size).toBe(65_536)
    const again = await shardOn(file)
    expect(await again.call(list)).toEqual(await shard.call(list))
  })

  it('before its end is refused, and has left nothing behind', async () => {
    const file = freshFile()
    let isFailing = false
    const before = (sql: string): void => {
      if (isFailing && sql === 'BEGIN IMMEDIATE') throw sqliteError(10, 'disk I/O error')
    }
    const shard = await shardOn(file, { open: (path) => tamperedDatabase(path, { before }) })
    await shard.call(create)
    isFailing = true
    const failed = { status: 'error', code: 'STORAGE_FAILED', reason: 'disk I/O error' }
    expect(await shard.call([write('Ann'), list])).toMatchObject([failed, { status: 'ok', records: [] }])
    isFailing = false
    expect(await shard.call(write('Bob'))).toMatchObject({ status: 'ok', id: 1, version: 1 })
    expect(await (await shardOn(file)).call(list)).toMatchObject({ records: [{ id: 1, name: 'Bob' }] })
  })

  it('because somebody else writes into the database is refused with that reason, and nothing waits for long', async () => {
    const file = freshFile()
    const shard = await shardOn(file)
    await shard.call(create)
    const other = new (loadSqlite().DatabaseSync)(file)
    other.exec('BEGIN IMMEDIATE')
    expect(await shard.call(write('Ann'))).toMatchObject({ code: 'STORAGE_FAILED', reason: 'database is locked' })
    other.exec('ROLLBACK')
    other.close()
    expect(await shard.call(write('Bob'))).toMatchObject({ status: 'ok', id: 1, version: 1 })
  })

  it.each([
    [3, 'STORAGE_FAILED'],
    [5 | (2 << 8), 'STORAGE_FAILED'],
    [7, 'STORAGE_FAILED'],
    [8 | (4 << 8), 'STORAGE_FAILED'],
    [10 | (3 << 8), 'STORAGE_FAILED'],
    [14, 'STORAGE_FAILED'],
    [13, 'STORAGE_FULL'],
    [10 | (19 << 8), 'STORAGE_FULL'],
    [1, undefined],
    [11, undefined],
    [19 | (5 << 8), undefined],
    [26, undefined],
  ] as const)(
    'before its end with the code %i is answered with %s, and by the end of the shard without one',
    async (code, expected) => {
      let isFailing = false
      const before = (sql: string): void => {
        if (isFailing && sql === 'BEGIN IMMEDIATE') throw sqliteError(code, 'made up')
      }
      const shard = await shardOn(freshFile(), { open: (path) => tamperedDatabase(path, { before }) })
      await shard.call(create)
      isFailing = true
      const reply = (await shard.call(write('Ann'))) as { code: string } | undefined
      expect(reply?.code).toBe(expected)
      expect(shard.failures).toHaveLength(expected === undefined ? 1 : 0)
    },
  )

  it.each([
    ['was lost', 'before', []],
    ['came through', 'after', [{ id: 1, name: 'Ann' }]],
  ] as const)(
    'at its end ends the shard, which finds out when it starts again that it %s',
    async (_, when, records) => {
      const file = freshFile()
      let isFailing = false
      const fail = (sql: string): void => {
        if (isFailing && sql === 'COMMIT') throw sqliteError(10, 'disk I/O error')
      }
      const journal = journalOn(file, { open: (path) => tamperedDatabase(path, { [when]: fail }) })
      const shard = await ShardHarness.started({ journal })
      await shard.call(create)
      isFailing = true
      expect(await shard.call(write('Ann'))).toBeUndefined()
      expect(shard.failures).toMatchObject([{ message: 'the journal could not commit: disk I/O error' }])
      // As the end of its thread does.
      await journal.close()
      expect(await (await shardOn(file)).call(list)).toMatchObject({ records })
    },
  )

  it('at its end is never tried again', async () => {
    const commits: string[] = []
    let isFailing = false
    const before = (sql: string): void => {
      if (!isFailing || sql !== 'COMMIT') return
      commits.push(sql)
      throw sqliteError(10, 'disk I/O error')
    }
    const file = freshFile()
    const journal = journalOn(file, { open: (path) => tamperedDatabase(path, { before }) })
    await journal.recover(new Directory(10))
    isFailing = true
    const commit = { number: 1, changes: [], staged: [] }
    expect(await journal.commit(commit)).toMatchObject({ outcome: 'unknown' })
    isFailing = false
    expect(await journal.commit(commit)).toMatchObject({ outcome: 'unknown' })
    expect(commits).toHaveLength(1)
  })
})

describe('the change log', () => {
  it('holds each commit, oldest first, within its bounds of changes and of bytes', async () => {
    const file = freshFile()
    const shard = await shardOn(file, { changesLoggedMax: 5 })
    await shard.call(create)
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) await shard.call(write(name))
    const logged = () => query(file, 'SELECT version, type, id, old_value, new_value FROM changes ORDER BY version')
    expect(logged().map(({ version }) => version)).toEqual([2, 3, 4, 5, 6])
    await shard.call({ cmd: 'PATCH_RECORD', state: 'leads', id: 6, data: { name: 'g' } })
    expect(logged().at(-1)).toEqual({
      version: 7,
      type: 'updated',
      id: 6,
      old_value: '{"id":6,"name":"f"}',
      new_value: '{"id":6,"name":"g"}',
    })
    await shard.shard.stop()
    const small = await shardOn(file, { changeLogBytesMax: 300 })
    await small.call(write('h'))
    await small.call(write('i'))
    expect(query(file, 'SELECT octet_length(bytes) AS bytes FROM batches').length).toBeLessThan(4)
    expect(logged().at(-1)).toMatchObject({ version: 9, type: 'created', id: 8 })
  })
})

describe('who looks into the database with SQL', () => {
  it('finds states and records in columns', async () => {
    const file = freshFile()
    const shard = await shardOn(file)
    await shard.call({ ...create, max_length: 7 })
    await shard.call(write('Ann'))
    await shard.call({ cmd: 'SET_STATE', state: 'leads', data: [{ name: 'Bob' }, { name: 'Cid', id: 'c' }] })
    await shard.call({ cmd: 'CREATE_STATE', state: 'old' })
    await shard.call({ cmd: 'DELETE_STATE', state: 'old' })
    expect(query(file, "SELECT name, kind, version, length, header ->> 'max_length' AS bound FROM states")).toEqual([
      { name: 'leads', kind: 'table', version: 2, length: 2, bound: 7 },
    ])
    expect(query(file, 'SELECT * FROM records')).toEqual([
      { state: 'leads', id: 1, revision: 2, record: '{"id":1,"name":"Bob"}' },
      { state: 'leads', id: 'c', revision: 2, record: '{"id":"c","name":"Cid"}' },
    ])
    expect(query(file, 'SELECT * FROM deleted_states')).toEqual([{ name: 'old', version: 1 }])
  })

  it('is taken up by the next start, from the first change that follows without a gap', async () => {
    const file = freshFile()
    const shard = await shardOn(file)
    await shard.call(create)
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) await shard.call(write(name))
    const changes = (since: number): JsonObject => ({ cmd: 'GET_CHANGES', state: 'leads', since })
    const told = await shard.call(changes(-1))
    await shard.shard.stop()
    const again = await shardOn(file)
    expect(await again.call(changes(-1))).toEqual(told)
    await again.shard.stop()
    withDatabase(file, (database) =>
      database.exec("UPDATE batches SET bytes = replace(bytes, 'b', 'x') WHERE number = 3"),
    )
    const damaged = await shardOn(file)
    expect(await damaged.call(changes(1))).toMatchObject({ code: 'COMPACTED', oldest: 3 })
    expect(await damaged.call(changes(2))).toMatchObject({ changes: [{ id: 3 }, { id: 4 }, { id: 5 }, { id: 6 }] })
    await damaged.shard.stop()
    withDatabase(file, (database) => database.exec('DELETE FROM batches WHERE number = 5'))
    const gap = await shardOn(file)
    expect(await gap.call(changes(3))).toMatchObject({ code: 'COMPACTED', oldest: 5 })
    expect(await gap.call(changes(4))).toMatchObject({ changes: [{ id: 5 }, { id: 6 }] })
  })
})
