// Commands over many records: decided in steps, with other states served in between and nothing visible before the end.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import { committed, KeepingJournal, Store } from '../support/keeping-journal.ts'
import { ShardHarness } from '../support/shard-harness.ts'

const rows = (count: number, name = 'row'): JsonObject[] =>
  Array.from({ length: count }, (_, index) => ({ name: `${name} ${index}`, rank: index }))
const replace = (data: JsonObject[]): JsonObject => ({ cmd: 'SET_STATE', state: 'big', data })
const info = { cmd: 'GET_STATE_INFO', state: 'big' }
const other = { cmd: 'CREATE_RECORD', state: 'small', data: { a: 1 } }

async function prepared(journal = new KeepingJournal()): Promise<ShardHarness> {
  const harness = await ShardHarness.started({ journal })
  await harness.call({ cmd: 'CREATE_STATE', state: 'big' })
  await harness.call({ cmd: 'CREATE_STATE', state: 'small' })
  return harness
}

describe('SET_STATE of 100,000 rows', () => {
  it('is answered after commands on other states that came later', async () => {
    const harness = await prepared()
    const [big] = harness.post(replace(rows(100_000)))
    const later = [1, 2, 3].flatMap(() => harness.post(other))
    await harness.idle()
    expect(harness.order.slice(-4)).toEqual([...later, big])
    expect(harness.reply(big as number)).toMatchObject({ status: 'ok', accepted: 100_000, dropped: 0, version: 1 })
  })

  it('holds back the commands on its own state, which then see it whole, in the order in which they came', async () => {
    const harness = await prepared()
    const ids = harness.post(
      replace(rows(5_000)),
      { cmd: 'GET_RECORD', state: 'big', id: 5_000 },
      { cmd: 'CREATE_RECORD', state: 'big', data: { name: 'late', rank: -1 } },
      replace(rows(2_000, 'second')),
      info,
    )
    await harness.idle()
    expect(harness.order.slice(-5)).toEqual(ids)
    expect(ids.map((id) => harness.reply(id))).toMatchObject([
      { accepted: 5_000, version: 1 },
      { record: { id: 5_000, name: 'row 4999' }, version: 1 },
      { id: 5_001, version: 2 },
      { accepted: 2_000, version: 3 },
      { current_length: 2_000, version: 3 },
    ])
  })

  it('is answered once, also where all its steps are taken in the turn that took it up', async () => {
    const harness = await prepared()
    for (let index = 0; index < 1_001; index += 1) {
      harness.post({ cmd: 'SET_KEY', state: 'k', key: `${index}`, value: 1 })
    }
    await harness.idle()
    const ids = Array.from({ length: 20 }, () => harness.post({ cmd: 'LIST_KEYS', state: 'k' })).flat()
    await harness.idle()
    expect(harness.order.slice(-ids.length)).toEqual(ids)
    expect(new Set(harness.order).size).toBe(harness.order.length)
  })

  it('is journalled a piece at a time and becomes visible by one change', async () => {
    const store = new Store()
    const harness = await prepared(new KeepingJournal(store))
    await harness.call(replace(rows(20_000)))
    const commits = store.commits.slice(2)
    expect(commits.length).toBeGreaterThan(1)
    expect(
      commits.flatMap(({ staged }) => staged.flatMap((part) => ('records' in part ? part.records : []))),
    ).toHaveLength(20_000)
    expect(commits.flatMap(({ changes }) => changes.map(({ type }) => type))).toEqual(['replaced'])
    expect(commits.at(-1)?.changes).toHaveLength(1)
  })

  it('is not there at all after a start that finds only its staged records', async () => {
    const store = new Store()
    const journal = new KeepingJournal(store)
    const harness = await prepared(journal)
    await harness.call(replace(rows(1_200, 'old')))
    journal.plan = ({ changes }) => (changes.length > 0 ? { outcome: 'unknown', reason: 'power cut' } : committed)
    harness.post(replace(rows(30_000, 'new')))
    await harness.idle()
    expect(harness.failures).toHaveLength(1)
    expect(store.commits.filter(({ staged }) => staged.length > 0).length).toBeGreaterThan(2)

    const next = await ShardHarness.started({ journal: new KeepingJournal(store) })
    expect(await next.call(info)).toMatchObject({ current_length: 1_200, version: 1 })
    expect(await next.call({ cmd: 'GET_RECORD', state: 'big', id: 1 })).toMatchObject({ record: { name: 'old 0' } })
    expect(await next.call(replace(rows(2_000, 'newer')))).toMatchObject({ accepted: 2_000, version: 2 })
  })

  it('leaves nothing behind when a late row is bad, the schema included', async () => {
    const harness = await prepared()
    const reply = await harness.call(replace([...rows(9_999), { name: 'no rank' }]))
    expect(reply).toMatchObject({ status: 'error', code: 'SCHEMA_MISMATCH', row: 9_999, missing: ['rank'] })
    expect(await harness.call(info)).toMatchObject({ current_length: 0, schema: null, version: 0 })
    expect(await harness.call({ cmd: 'CREATE_RECORD', state: 'big', data: { else: 1 } })).toMatchObject({ id: 1 })
  })

  it('has nothing in it, after a new start, of an earlier one that was refused in the middle', async () => {
    const store = new Store()
    const harness = await prepared(new KeepingJournal(store))
    expect(await harness.call(replace([...rows(9_999), { name: 'no rank' }]))).toMatchObject({
      code: 'SCHEMA_MISMATCH',
    })
    expect(store.staged.size).toBeGreaterThan(0)
    await harness.call(replace(rows(2_000, 'second')))

    const next = await ShardHarness.started({ journal: new KeepingJournal(store) })
    expect(await next.call(info)).toMatchObject({ current_length: 2_000, version: 1 })
    expect(await next.call({ cmd: 'GET_RECORD', state: 'big', id: 1_999 })).toMatchObject({
      record: { name: 'second 1998' },
    })
  })

  it('is refused, and what waited for it served, when the journal fills up in the middle', async () => {
    const journal = new KeepingJournal()
    const harness = await prepared(journal)
    let pieces = 0
    journal.plan = ({ staged }) => {
      pieces += staged.length
      return pieces > 20 ? { outcome: 'refused', code: 'STORAGE_FULL' } : committed
    }
    const ids = harness.post(replace(rows(50_000)), info, other)
    await harness.idle()
    expect(ids.map((id) => harness.reply(id))).toMatchObject([
      { code: 'STORAGE_FULL' },
      { current_length: 0, version: 0 },
      { status: 'ok', id: 1 },
    ])
  })
})

describe('LIST_RECORDS of many records', () => {
  it('shows one moment, whatever is written while it is read', async () => {
    const harness = await prepared()
    await harness.call(replace(rows(20_000)))
    const [list] = harness.postEntries([['json', 'big', JSON.stringify({ cmd: 'LIST_RECORDS', state: 'big' })]])
    await harness.turn()
    harness.post({ cmd: 'PATCH_RECORD', state: 'big', id: 20_000, data: { name: 'changed' } })
    harness.post({ cmd: 'DELETE_RECORD', state: 'big', id: 1 })
    await harness.idle()
    const text = Buffer.concat(harness.reply(list as number) as Uint8Array[]).toString()
    const reply = JSON.parse(text) as { records: JsonObject[]; version: number }
    expect(reply.version).toBe(1)
    expect(reply.records).toHaveLength(20_000)
    expect(reply.records.at(-1)).toEqual({ id: 20_000, name: 'row 19999', rank: 19_999 })
    expect(await harness.call(info)).toMatchObject({ current_length: 19_999, version: 3 })
  })

  it('is refused with the bound when its text would be too long, and other replies of the message stay', async () => {
    const harness = await ShardHarness.started({ limits: { replyBytesMax: 200_000 } })
    await harness.call({ cmd: 'CREATE_STATE', state: 'big' })
    await harness.call(replace(rows(10_000)))
    const commands = [info, { cmd: 'LIST_RECORDS', state: 'big', request_id: 'r' }, info]
    const [id] = harness.postEntries([['json', 'big', JSON.stringify(commands)]])
    await harness.idle()
    const replies: unknown = JSON.parse(Buffer.concat(harness.reply(id as number) as Uint8Array[]).toString())
    expect(replies).toMatchObject([
      { status: 'ok', current_length: 10_000 },
      { status: 'error', code: 'LIMIT_EXCEEDED', limit: 200_000, request_id: 'r' },
      { status: 'ok', current_length: 10_000 },
    ])
  })
})

describe('a marker', () => {
  it('sees everything that came before it, and nothing that came after', async () => {
    const harness = await ShardHarness.started()
    const create = (state: string): JsonObject => ({ cmd: 'CREATE_STATE', state })
    const [, , marker] = harness.post(create('a'), create('b'), { cmd: 'LIST_STATES' }, create('c'))
    await harness.idle()
    expect(harness.reply(marker as number)).toEqual({ status: 'ok', states: ['a', 'b'] })
  })

  it('waits for what waits for a big command, while other states go on', async () => {
    const harness = await prepared()
    const [, , marker] = harness.post(
      replace(rows(5_000)),
      { cmd: 'DELETE_STATE', state: 'big' },
      { cmd: 'LIST_STATES' },
    )
    const [meanwhile] = harness.post(other)
    await harness.idle()
    expect(harness.reply(marker as number)).toEqual({ status: 'ok', states: ['small'] })
    expect(harness.order.indexOf(meanwhile as number)).toBeLessThan(harness.order.indexOf(marker as number))
  })

  it('waits for big commands on several states, and for those that start behind them', async () => {
    const harness = await prepared()
    const small = (data: JsonObject[]): JsonObject => ({ cmd: 'SET_STATE', state: 'small', data })
    const drop = (state: string): JsonObject => ({ cmd: 'DELETE_STATE', state })
    const ids = harness.post(
      replace(rows(20_000)),
      small(rows(2_000)),
      small(rows(3_000)),
      drop('small'),
      { cmd: 'LIST_STATES' },
      drop('big'),
      { cmd: 'LIST_STATES' },
    )
    await harness.idle()
    expect(harness.reply(ids[4] as number)).toEqual({ status: 'ok', states: ['big'] })
    expect(harness.reply(ids[6] as number)).toEqual({ status: 'ok', states: [] })
  })

  it('is answered only after the commit of what came before it', async () => {
    const journal = new KeepingJournal()
    const harness = await ShardHarness.started({ journal })
    journal.plan = () => ({ outcome: 'unknown', reason: 'lost' })
    const [, marker] = harness.post({ cmd: 'CREATE_STATE', state: 'a' }, { cmd: 'LIST_STATES' })
    await harness.idle()
    expect(harness.reply(marker as number)).toBeUndefined()
  })

  it('is refused as a command on a state, and commands on a state are refused as markers', async () => {
    const harness = await ShardHarness.started()
    const [asState, asMarker] = harness.postEntries([
      ['values', 'a', { cmd: 'LIST_STATES' }],
      ['marker', '', { cmd: 'CREATE_STATE', state: 'a' }],
    ])
    await harness.idle()
    expect(harness.reply(asState as number)).toMatchObject({ code: 'INVALID_REQUEST' })
    expect(harness.reply(asMarker as number)).toMatchObject({ code: 'INVALID_REQUEST' })
  })
})
