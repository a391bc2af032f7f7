// Snapshots in a database: what stays of them over restarts, what a look with SQL and the check see, and what becomes of
// one that is damaged, unfinished, or does not fit onto the disk.
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Engine, openEngine } from '../../src/engine.ts'
import { JournalCorrupt } from '../../src/journal/journal.ts'
import { planRepair } from '../../src/journal/repair.ts'
import { ask } from '../../src/journal/sqlite-library.ts'
import { readDatabase } from '../../src/journal/sqlite-read.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { Directory } from '../../src/state/directory.ts'
import { everyKind } from '../support/every-kind.ts'
import { Session } from '../support/session.ts'
import { folderOfTest, withDatabase } from '../support/sqlite.ts'

interface Opened {
  readonly engine: Engine
  readonly t: Session
}

async function opened(data: string): Promise<Opened> {
  const engine = await openEngine({ shards: 0, data })
  return { engine, t: new Session((command) => engine.call(command)) }
}

/** A folder with everything in it, and the snapshot 'whole' of that. */
async function filled(size = 4): Promise<{ readonly data: string; readonly file: string; readonly held: unknown }> {
  const data = folderOfTest()
  const { engine, t } = await opened(data)
  for (const command of everyKind(size)) {
    if (command.cmd === 'SET_STATE') await t.call({ cmd: 'CREATE_STATE', state: command.state as string })
    await t.call(command)
  }
  const held = unversioned(await t.contents())
  await t.ok('CREATE_SNAPSHOT', { label: 'whole' })
  await engine.close()
  return { data, file: join(data, 'shard-0.db'), held }
}

function unversioned(contents: Record<string, JsonObject>): unknown {
  const moves = ['version', 'state_version', 'revision']
  return JSON.parse(JSON.stringify(contents, (field, value: unknown) => (moves.includes(field) ? undefined : value)))
}

async function problemsOf(file: string): Promise<readonly string[]> {
  const read = readDatabase(new Directory(10), { file, readsLog: true })
  return read.then(
    () => [],
    (error: unknown) => {
      if (error instanceof JournalCorrupt) return error.problems
      throw error
    },
  )
}

const chunksIn = (file: string): number =>
  withDatabase(file, (database) => Number(ask(database, 'SELECT count(*) AS n FROM snapshot_chunks')?.n))

describe('a snapshot in a database', () => {
  it('is restored after a restart, and so is what was restored', async () => {
    const { data, file, held } = await filled()
    const first = await opened(data)
    for (const state of ['leads', 'sources']) await first.t.ok('DELETE_STATE', { state })
    await first.t.ok('CLEAR_KEYS', { state: 'keys' })
    await first.t.ok('RESTORE_SNAPSHOT', {})
    expect(unversioned(await first.t.contents())).toEqual(held)
    await first.engine.close()
    expect(await problemsOf(file)).toEqual([])
    const second = await opened(data)
    expect(unversioned(await second.t.contents())).toEqual(held)
    await second.engine.close()
  })

  it('journals ahead what is long, and shows it by one small change', async () => {
    const data = folderOfTest()
    const first = await opened(data)
    await first.t.ok('CREATE_STATE')
    const rows = Array.from({ length: 3_000 }, (_, n) => ({ n, text: `row ${n}` }))
    await first.t.ok('SET_STATE', { data: rows })
    const list = Array.from({ length: 3_000 }, (_, n) => ({ n, text: 'x'.repeat(100) }))
    await first.t.ok('SET_KEY', { state: 'k', key: 'list', value: list })
    await first.t.ok('SET_KEY', { state: 'k', key: 'other', value: 1 })
    const held = unversioned(await first.t.contents())
    await first.t.ok('CREATE_SNAPSHOT', { label: 'long' })
    await first.t.ok('SET_STATE', { data: [] })
    await first.t.ok('DELETE_STATE', { state: 'k' })
    await first.t.ok('RESTORE_SNAPSHOT', {})
    expect(unversioned(await first.t.contents())).toEqual(held)
    await first.t.ok('PUSH_LIST', { state: 'k', key: 'list', item: 'one more' })
    await first.engine.close()
    const file = join(data, 'shard-0.db')
    expect(await problemsOf(file)).toEqual([])
    const second = await opened(data)
    expect(await second.t.ok('LIST_LENGTH', { state: 'k', key: 'list' })).toMatchObject({ length: 3_001 })
    expect(await second.t.records()).toEqual(rows.map((row, index) => ({ id: index + 1, ...row })))
    await second.engine.close()
  })

  it('is shown to whoever looks with SQL', async () => {
    const { file } = await filled()
    const found = withDatabase(file, (database) => ask(database, 'SELECT label, states, records FROM snapshots'))
    expect(found).toEqual({ label: 'whole', states: 4, records: 18 })
  })

  it('leaves nothing behind when it is deleted', async () => {
    const { data, file } = await filled()
    expect(chunksIn(file)).toBeGreaterThan(0)
    const { engine, t } = await opened(data)
    await t.ok('DELETE_SNAPSHOT', { label: 'whole' })
    await expect.poll(() => chunksIn(file)).toBe(0)
    await engine.close()
    expect(withDatabase(file, (database) => ask(database, "SELECT 1 FROM rows WHERE tbl = 'parts'"))).toBeUndefined()
    expect(await problemsOf(file)).toEqual([])
  })

  it.each([
    ["UPDATE snapshot_chunks SET bytes = zeroblob(20) WHERE state = 'leads'", 'leads', 'is damaged in chunk 0'],
    ["DELETE FROM snapshot_chunks WHERE state = 'keys'", 'keys', 'has 0 chunks instead of 1'],
  ])('that is damaged is refused by its name, and found by the check', async (sql, state, problem) => {
    const { data, file, held } = await filled()
    withDatabase(file, (database) => database.exec(sql))
    expect(await problemsOf(file)).toEqual([`the snapshot 'whole': what it holds of state '${state}' ${problem}`])
    const { engine, t } = await opened(data)
    expect(await t.refused('RESTORE_SNAPSHOT', {})).toMatchObject({
      code: 'SNAPSHOT_DAMAGED',
      label: 'whole',
      shard: 0,
    })
    // What is whole of it can still be had, and the states go on.
    await t.ok('DELETE_STATE', { state: 'sources' })
    await t.ok('RESTORE_SNAPSHOT', { states: ['sources'] })
    expect(unversioned(await t.contents())).toEqual(held)
    await t.ok('DELETE_SNAPSHOT', { label: 'whole' })
    await engine.close()
    expect(await problemsOf(file)).toEqual([])
  })

  it('of which a stale chunk came back is not restored', async () => {
    const { data, file } = await filled()
    const old = withDatabase(file, (database) =>
      ask(database, "SELECT bytes, crc, snapshot FROM snapshot_chunks WHERE state = 'leads'"),
    ) as { bytes: Uint8Array; snapshot: string }
    const { crc32 } = await import('node:zlib')
    const bytes = Buffer.concat([old.bytes, Buffer.from(' ')])
    const crc = crc32(bytes, crc32(`${old.snapshot}\0leads\0${0}\0`))
    withDatabase(file, (database) => {
      database.prepare("UPDATE snapshot_chunks SET bytes = ?, crc = ? WHERE state = 'leads'").run(bytes, crc)
    })
    expect(await problemsOf(file)).toEqual([
      "the snapshot 'whole': what it holds of state 'leads' is not what was written last",
    ])
    const { engine, t } = await opened(data)
    expect(await t.refused('RESTORE_SNAPSHOT', {})).toMatchObject({ code: 'SNAPSHOT_DAMAGED' })
    await engine.close()
  })

  it('does not outlive a repair of its shard, which says so', async () => {
    const { file } = await filled()
    withDatabase(file, (database) => database.exec("UPDATE rows SET bytes = replace(bytes, 'flipped', 'FLIPPED')"))
    const plan = planRepair(file)
    expect('lost' in plan ? plan.lost : []).toContain(
      "the part of this shard in the snapshot 'whole', which cannot be restored any more",
    )
  })

  it('that was not finished is removed with the next one', async () => {
    const { data, file } = await filled()
    withDatabase(file, (database) => {
      database.exec("INSERT INTO snapshot_chunks SELECT 'ff', state, number, bytes, crc FROM snapshot_chunks")
    })
    const { engine, t } = await opened(data)
    const before = chunksIn(file)
    // As by a shard that died before its part was whole.
    const id = 'ff'
    await new Promise<void>((resolve) => {
      engine.mailboxes[0]?.submit({
        sentAs: 'cut',
        routingKey: '',
        body: { cut: 'snapshot', id, label: 'lost' },
        bytes: 0,
        respond: () => resolve(),
        refuse: () => resolve(),
      })
    })
    await t.ok('CREATE_SNAPSHOT', { label: 'next', states: ['leads'] })
    await expect.poll(() => chunksIn(file)).toBe(before / 2 + 1)
    expect(await t.ok('LIST_SNAPSHOTS')).toMatchObject({ snapshots: [{ label: 'whole' }, { label: 'next' }] })
    await engine.close()
  })
})
