// The repair of a damaged shard: what is whole survives, what is lost is named, the old files stay, the shard serves again,
// and whoever is killed in the middle finds either the old files or the repaired ones.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { finishExchange } from '../../src/journal/exchange.ts'
import { versionsSkipped } from '../../src/journal/rebuild.ts'
import { carryOut, planRepair, type RepairPlan } from '../../src/journal/repair.ts'
import { ask } from '../../src/journal/sqlite-library.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import type { Directory } from '../../src/state/directory.ts'
import { contentsOf } from '../support/contents.ts'
import { planFor, problemsOf, tampered } from '../support/damaged.ts'
import { fill } from '../support/every-kind.ts'
import { startedOn } from '../support/shard-harness.ts'
import { freshFile, journalOn, withDatabase } from '../support/sqlite.ts'

const size = 16
const anchorOf = (file: string): string => file.replace(/\.db$/, '.anchor')

interface Filled {
  readonly file: string
  readonly before: Contents
}

/** Made once, and copied for each test: a database with everything in it, closed in order or left as by a death. */
const made = new Map<boolean, Promise<Filled & { readonly files: ReadonlyMap<string, Buffer> }>>()

async function make(isClosed: boolean) {
  const file = freshFile()
  const { harness, directory } = await startedOn(journalOn(file))
  await fill(harness, size)
  const before = structured(directory)
  if (isClosed) await harness.shard.stop()
  const names = ['.db', '.db-wal', '.anchor'].filter((ending) => existsSync(file.replace(/\.db$/, ending)))
  const files = new Map(names.map((ending) => [ending, readFileSync(file.replace(/\.db$/, ending))]))
  return { file, before, files }
}

async function filled(isClosed = true): Promise<Filled> {
  const found = made.get(isClosed) ?? make(isClosed)
  made.set(isClosed, found)
  const { before, files } = await found
  const file = freshFile()
  for (const [ending, bytes] of files) writeFileSync(file.replace(/\.db$/, ending), bytes)
  return { file, before }
}

interface Contents {
  readonly states: readonly (JsonObject & { name: string; version: number })[]
}

function structured(directory: Directory): Contents {
  return JSON.parse(JSON.stringify(contentsOf(directory))) as Contents
}

/** Repairs, and has a shard serve from what came of it: it answers, writes, and has what it wrote. */
async function repaired(file: string): Promise<{ after: Contents; plan: RepairPlan; lines: JsonObject[] }> {
  expect(await problemsOf(file)).not.toEqual([])
  const plan = planFor(file)
  const { setAside, kept } = await carryOut(plan)
  expect(kept.every((name) => existsSync(name))).toBe(true)
  expect(await problemsOf(file)).toEqual([])
  const { harness, directory } = await startedOn(journalOn(file))
  const after = structured(directory)
  for (const command of [
    { cmd: 'CREATE_STATE', state: 'new' },
    { cmd: 'SET_RECORD', state: 'new', id: 1, data: { n: 1 } },
    { cmd: 'PUSH_LIST', state: 'keys', key: 'jobs', item: 'last' },
    { cmd: 'POP_LIST', state: 'keys', key: 'jobs', end: 'first' },
  ]) {
    expect(await harness.call(command)).toMatchObject({ status: 'ok' })
  }
  const { directory: again } = await startedOn(journalOn(file))
  expect(structured(again)).toEqual(structured(directory))
  const text = setAside === undefined ? '' : readFileSync(setAside, 'utf8')
  const lines = text.split('\n').filter((line) => line !== '')
  return { after, plan, lines: lines.map((line) => JSON.parse(line) as JsonObject) }
}

/** The states as they stand behind a repair that lost something, but for what is left out. */
function skipped({ states }: Contents, ...without: string[]): object[] {
  return states
    .filter(({ name }) => !without.includes(name))
    .map((state) => ({ ...state, version: state.version + versionsSkipped }))
}

const stateIn = ({ states }: Contents, name: string) => states.find((state) => state.name === name) as JsonObject

describe('a repair', () => {
  it('sets a damaged record aside, keeps everything else, and raises the versions', async () => {
    const { file, before } = await filled()
    tampered(
      file,
      "UPDATE rows SET bytes = replace(bytes, 'some', 'Some') WHERE tbl = 'records' AND bytes LIKE '%\"id\":7,%'",
    )
    const { after, plan, lines } = await repaired(file)
    expect(plan.lost).toEqual([
      expect.stringMatching(/^the row \w+\/17 in records of state 'leads', which is probably the record 7$/),
      "state 'leads' has 15 of its 16 rows",
    ])
    expect(lines).toEqual([
      {
        table: 'records',
        routing_key: 'leads',
        key: expect.any(String),
        text: '[7,{"id":7,"n":7,"text":"Some text to be flipped"}]',
        wrong: 'its bytes do not fit its checksum',
      },
    ])
    expect(skipped(after, 'leads')).toEqual(skipped({ states: skipped(before, 'leads') } as Contents))
    expect((stateIn(after, 'leads').records as { id: number }[]).map(({ id }) => id)).not.toContain(7)
    const { directory } = await startedOn(journalOn(file))
    expect(directory.firstVersionOf('gone')).toBe(3 + versionsSkipped)
    expect(directory.firstVersionOf('never')).toBeGreaterThan(versionsSkipped)
  })

  it('keeps bytes that are no text in base64', async () => {
    const { file } = await filled()
    tampered(file, "UPDATE rows SET bytes = CAST(x'ff00' AS TEXT) WHERE tbl = 'keys' AND key LIKE '%/k/3'")
    const { lines } = await repaired(file)
    expect(lines).toMatchObject([{ table: 'keys', base64: '/wA=' }])
  })

  it.each([
    ['rows are gone', "DELETE FROM rows WHERE tbl = 'keys' AND key LIKE '%/k/3'", "1 rows of 'keys', without a trace"],
    [
      'the items in the middle of a list are gone',
      "DELETE FROM rows WHERE tbl = 'items' AND key LIKE '%/15'",
      "1 rows of 'items', without a trace",
    ],
    [
      'a lease is gone',
      "DELETE FROM rows WHERE tbl = 'item_leases' AND rowid_is_first(key)",
      "1 rows of 'item_leases', without a trace",
    ],
    ['the head is gone', 'DELETE FROM head', 'the number of the last commit: whether rows are missing cannot be told'],
    [
      'the head is damaged',
      "UPDATE head SET bytes = replace(bytes, '1', '2')",
      'the number of the last commit: whether rows are missing cannot be told',
    ],
    [
      'a past has a hole',
      "DELETE FROM rows WHERE tbl = 'history' AND bytes LIKE '%\"fail\"%' AND key LIKE '%/12/%'",
      "1 rows of 'history', without a trace",
    ],
    [
      'the counters of the shard are gone',
      "DELETE FROM rows WHERE tbl = 'facts'",
      "1 rows of 'facts', without a trace",
    ],
  ])('lets a shard serve again of which %s', async (_, sql, lost) => {
    const { file } = await filled()
    tampered(file, sql.replace('rowid_is_first(key)', "key = (SELECT min(key) FROM rows WHERE tbl = 'item_leases')"))
    const { plan } = await repaired(file)
    expect(plan.lost).toContain(lost)
  })

  it('leaves contents and versions alone where only the change log is damaged', async () => {
    const { file, before } = await filled()
    tampered(file, "UPDATE batches SET bytes = replace(bytes, 'some', 'Some')")
    const { after, plan } = await repaired(file)
    expect(plan.lost).toEqual([])
    expect(after).toEqual(before)
  })

  it('has whoever follows a state hear that changes are gone, and then of all that come', async () => {
    const { file, before } = await filled()
    tampered(
      file,
      "UPDATE rows SET bytes = replace(bytes, 'some', 'Some') WHERE tbl = 'records' AND bytes LIKE '%\"id\":7,%'",
    )
    await repaired(file)
    const { harness } = await startedOn(journalOn(file))
    const { version: seen } = stateIn(before, 'leads') as { version: number }
    const changesAfter = (since: number) => harness.call({ cmd: 'GET_CHANGES', state: 'leads', since })
    const version = seen + versionsSkipped
    expect(await changesAfter(seen)).toMatchObject({ code: 'COMPACTED', oldest: version + 1, version })
    await harness.call({ cmd: 'DELETE_RECORD', state: 'leads', id: 1 })
    expect(await changesAfter(seen)).toMatchObject({ code: 'COMPACTED', oldest: version + 1, version: version + 1 })
    expect(await changesAfter(version)).toMatchObject({ changes: [{ type: 'deleted', id: 1, version: version + 1 }] })
  })

  it('keeps a stale row, which cannot be told from the others, and says so', async () => {
    const { file } = await filled()
    const place = "WHERE tbl = 'keys' AND key LIKE '%/k/3'"
    const old = withDatabase(file, (database) => ask(database, `SELECT bytes, crc FROM rows ${place}`)) as JsonObject
    const { harness } = await startedOn(journalOn(file))
    await harness.call({ cmd: 'SET_KEY', state: 'keys', key: 'k/3', value: 'newer' })
    await harness.shard.stop()
    tampered(file, `UPDATE rows SET bytes = '${old.bytes as string}', crc = ${Number(old.crc)} ${place}`)
    const { plan } = await repaired(file)
    expect(plan.lost).toEqual([expect.stringContaining('some row is not the one that was written last')])
  })

  it('drops a row that was removed and is back where its id was given again', async () => {
    const { file } = await filled()
    const place = `tbl = 'records' AND routing_key = 'leads' AND bytes LIKE '%"id":7,%'`
    const old = withDatabase(file, (database) => ask(database, `SELECT * FROM rows WHERE ${place}`)) as JsonObject
    const { harness } = await startedOn(journalOn(file))
    await harness.call({ cmd: 'DELETE_RECORD', state: 'leads', id: 7 })
    await harness.call({ cmd: 'SET_RECORD', state: 'leads', id: 7, data: { n: 70 } })
    await harness.shard.stop()
    withDatabase(file, (database) => {
      const { tbl, routing_key, key, bytes, crc } = old as Record<string, string>
      database.prepare('INSERT INTO rows VALUES (?, ?, ?, ?, ?)').run(tbl, routing_key, key, bytes, crc)
    })
    const { after, lines, plan } = await repaired(file)
    expect(plan.lost).toEqual(["the removal of 1 rows of 'records', which are back"])
    expect(lines).toMatchObject([{ wrong: 'a newer row has the same id' }])
    expect(stateIn(after, 'leads').records).toContainEqual(
      expect.objectContaining({ id: 7, contents: expect.objectContaining({ record: { id: 7, n: 70 } }) }),
    )
  })

  it('sets the records of a table aside whose own row is lost, and the instances of a machine', async () => {
    const { file, before } = await filled()
    tampered(file, `DELETE FROM rows WHERE tbl = 'directory' AND routing_key IN ('leads', 'sources') AND key = 'state'`)
    const { after, plan, lines } = await repaired(file)
    expect(plan.lost).toEqual([
      "2 rows of 'directory', without a trace",
      expect.stringMatching(/^state 'sources': \d+ rows of it are set aside$/),
      "state 'leads': 16 rows of it are set aside",
    ])
    expect(lines.filter(({ table }) => table === 'instances')).toHaveLength(size)
    expect(lines.filter(({ routing_key }) => routing_key === 'leads')).toHaveLength(size)
    expect(after.states).toEqual(skipped(before, 'leads', 'sources'))
  })

  it('makes a keyspace anew of its keys', async () => {
    const { file, before } = await filled()
    const place = "WHERE tbl = 'directory' AND routing_key = 'keys' AND key = 'state'"
    tampered(file, `UPDATE rows SET bytes = replace(bytes, 'keys', 'kays') ${place}`)
    const { after, plan } = await repaired(file)
    expect(plan.lost).toContain(`the version of state 'keys', which is made anew of its ${size + 2} keys`)
    const without = (contents: Contents) => ({ ...stateIn(contents, 'keys'), version: 0 })
    expect(without(after)).toEqual(without(before))
  })

  it('goes on from an older database, and says how many commits are lost', async () => {
    const { file } = await filled()
    const old = join(dirname(file), 'old')
    copyFileSync(file, old)
    const { harness } = await startedOn(journalOn(file))
    await harness.call({ cmd: 'DELETE_RECORD', state: 'leads', id: 5 })
    await harness.call({ cmd: 'DELETE_RECORD', state: 'leads', id: 6 })
    await harness.shard.stop()
    copyFileSync(old, file)
    const { plan } = await repaired(file)
    expect(plan.lost).toEqual([expect.stringMatching(/^the newest commits, \d+ to \d+ \(2\)$/)])
  })

  it.each([
    ['damaged', (file: string) => writeFileSync(file, Buffer.alloc(1_024, 7)), 'possibly the newest commits'],
    ['cut short and damaged', (file: string) => writeFileSync(file, 'x'), 'possibly the newest commits'],
  ])('makes an anchor anew that is %s', async (_, damage, lost) => {
    const { file, before } = await filled()
    damage(anchorOf(file))
    const { plan, after } = await repaired(file)
    expect(plan.lost).toEqual([expect.stringContaining(lost)])
    expect(after.states).toEqual(skipped(before))
  })

  it('does without an anchor that is gone, for which nothing has to be repaired', async () => {
    const { file } = await filled()
    rmSync(anchorOf(file))
    expect(await problemsOf(file)).toEqual([])
  })

  it('reads around pages that cannot be read', async () => {
    const { file } = await filled()
    const bytes = readFileSync(file)
    const pages = bytes.length / 4_096
    let survived = 0
    let rounds = 0
    for (let page = 2; page < pages; page += 5) {
      const folder = join(dirname(file), String(page))
      mkdirSync(folder)
      const copy = join(folder, basename(file))
      writeFileSync(copy, bytes)
      copyFileSync(anchorOf(file), anchorOf(copy))
      const damaged = Buffer.from(bytes).fill(0, page * 4_096, (page + 1) * 4_096)
      writeFileSync(copy, damaged)
      if ((await problemsOf(copy)).length === 0) continue
      const { plan } = await repaired(copy)
      survived += plan.rows.length
      rounds += 1
    }
    expect(rounds).toBeGreaterThan(1)
    expect(survived / rounds).toBeGreaterThan(80)
  })

  it('reads what is left of a file that was cut short', async () => {
    const { file } = await filled()
    truncateSync(file, Math.ceil((readFileSync(file).length / 4_096) * 0.7) * 4_096)
    const { plan } = await repaired(file)
    expect(plan.rows.length + plan.setAside.length).toBeGreaterThan(20)
    expect(plan.lost.length).toBeGreaterThan(0)
  })

  it.each([
    ['is cut within its first page', (file: string) => truncateSync(file, 300)],
    ['is empty', (file: string) => truncateSync(file, 0)],
    ['is gone', (file: string) => rmSync(file)],
    ['is something else', (file: string) => writeFileSync(file, 'no database at all'.repeat(1_000))],
  ])('has nothing to offer but to begin anew where the file %s, and then with higher versions', async (_, damage) => {
    const { file } = await filled()
    damage(file)
    const plan = planFor(file)
    expect(plan.extent).toBe('empty')
    expect(plan.lost).toEqual([expect.stringMatching(/^everything: not one row can be read/)])
    await carryOut(plan)
    expect(await problemsOf(file)).toEqual([])
    const { harness } = await startedOn(journalOn(file))
    const { version } = (await harness.call({ cmd: 'CREATE_STATE', state: 'leads' })) as { version: number }
    expect(version).toBeGreaterThan(versionsSkipped)
  })

  it('keeps away from a database of a later version', async () => {
    const { file } = await filled()
    tampered(file, 'PRAGMA user_version = 9')
    expect(planRepair(file)).toEqual({ reason: expect.stringContaining('of a later holdfast') })
  })

  it('leaves either the old files or the repaired ones, wherever it is killed', async () => {
    // Commits that stand in the log beside the database are part of the old files.
    const { file } = await filled(false)
    tampered(file, "DELETE FROM rows WHERE tbl = 'keys' AND key LIKE '%/k/3'")
    const problems = await problemsOf(file)
    const killed: string[] = []
    await carryOut(planFor(file), (step) => {
      const folder = join(dirname(file), `killed when ${step}`)
      mkdirSync(folder)
      for (const entry of readdirSync(dirname(file), { withFileTypes: true })) {
        if (entry.isFile()) copyFileSync(join(dirname(file), entry.name), join(folder, entry.name))
      }
      killed.push(join(folder, basename(file)))
    })
    const outcomes: string[] = []
    for (const left of killed) {
      // As whoever opens the folder does.
      finishExchange(left)
      const found = await problemsOf(left)
      outcomes.push(found.length === 0 ? 'repaired' : 'old')
      if (found.length > 0) {
        expect(found).toEqual(problems)
        await carryOut(planFor(left))
      }
      const { directory } = await startedOn(journalOn(left))
      expect(directory.get('keys')?.length).toBe(size + 1)
    }
    expect(outcomes).toEqual(['old', 'old', 'old', 'repaired', 'repaired'])
  })
})
