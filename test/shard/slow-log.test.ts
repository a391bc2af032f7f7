// The slow log: what is noted and what is not, what an entry says, and how the entries of all shards become one list.
import { afterEach, describe, expect, it } from 'vitest'
import { threadsMs } from '../../src/base/clock.ts'
import { defaultLimits } from '../../src/base/limits.ts'
import { type Engine, openEngine } from '../../src/engine.ts'
import type { MailboxEntry } from '../../src/protocol/mailbox.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { newBatch } from '../../src/shard/batch.ts'
import { SlowLog } from '../../src/shard/slow-log.ts'
import { type Task, taskOf } from '../../src/shard/task.ts'
import { ShardHarness } from '../support/shard-harness.ts'

const secret = 'never to be seen'

interface Entry {
  readonly at: number
  readonly shard: number
  readonly cmd: string
  readonly [field: string]: unknown
}

async function runOn(harness: ShardHarness, ...requests: (JsonObject | JsonObject[])[]): Promise<JsonObject[]> {
  const ids = requests.map((request) => harness.post(request)[0] as number)
  await harness.idle()
  return ids.map((id) => harness.reply(id) as JsonObject)
}

async function entriesOf(harness: ShardHarness, options: JsonObject = {}): Promise<Entry[]> {
  const [reply] = await runOn(harness, { cmd: 'SLOWLOG', ...options })
  return reply?.entries as Entry[]
}

describe('the slow log of a shard', () => {
  it('tells of a request what it was and where its time went, and nothing that it wrote', async () => {
    const harness = await ShardHarness.started({ slowLogMs: 0 })
    await runOn(
      harness,
      { cmd: 'CREATE_STATE', state: 'leads' },
      { cmd: 'CREATE_RECORD', state: 'leads', data: { name: secret } },
    )
    const [record, state] = await entriesOf(harness)
    expect(state).toMatchObject({ cmd: 'CREATE_STATE', state: 'leads', shard: 0, commands: 1 })
    expect(record).toMatchObject({ cmd: 'CREATE_RECORD', state: 'leads', shard: 0, commands: 1 })
    expect(Object.keys(record ?? {}).sort()).toEqual(
      ['at', 'batch', 'cmd', 'commands', 'commit', 'decide', 'encode', 'shard', 'state', 'wait'].sort(),
    )
    for (const part of ['wait', 'decide', 'commit', 'encode']) expect(record?.[part]).toBeGreaterThanOrEqual(0)
    expect(Math.abs(Number(record?.at) - Date.now() / 1000)).toBeLessThan(60)
    expect(JSON.stringify(await entriesOf(harness))).not.toContain(secret)
  })

  it('names a lock as a lock, says no token, and counts rows where they are known', async () => {
    const harness = await ShardHarness.started({ slowLogMs: 0 })
    await runOn(
      harness,
      { cmd: 'TRY_LOCK', lock: 'deploy', ttl: 60, owner: secret },
      { cmd: 'CREATE_STATE', state: 'leads' },
      { cmd: 'SET_STATE', state: 'leads', data: [{ a: 1 }, { a: 2 }, { a: 3 }] },
      { cmd: 'LIST_RECORDS', state: 'leads' },
    )
    const entries = await entriesOf(harness)
    expect(entries.map(({ cmd }) => cmd)).toEqual(['LIST_RECORDS', 'SET_STATE', 'CREATE_STATE', 'TRY_LOCK'])
    expect(entries.map(({ records }) => records)).toEqual([3, 3, undefined, undefined])
    expect(entries[3]).toMatchObject({ lock: 'deploy' })
    expect(entries[3]).not.toHaveProperty('state')
    expect(JSON.stringify(entries)).not.toMatch(new RegExp(`${secret}|token`))
  })

  it('notes nothing below its threshold', async () => {
    const harness = await ShardHarness.started({ slowLogMs: 3_600_000 })
    await runOn(harness, { cmd: 'CREATE_STATE', state: 'leads' }, { cmd: 'CREATE_STATE', state: 'leads' })
    expect(await entriesOf(harness)).toEqual([])
    expect(harness.shard.statistics().slowRequests).toBe(0)
  })

  /** A log and a batch in which requests of these commands were taken up, each deciding for so many milliseconds. */
  function batchOf(
    slowLogMs: number,
    ...requests: readonly (readonly [command: 'GET_KEY' | 'SET_KEY', tookMs: number])[]
  ) {
    const log = new SlowLog({ id: 0, limits: defaultLimits, slowLogMs })
    const batch = newBatch({ wall: 0, mono: 0 })
    let at = 1_000
    log.beginRequests(at)
    for (const [id, [command, tookMs]] of requests.entries()) {
      const entry: MailboxEntry = [id, 'values', `state ${id}`, { cmd: command, state: `state ${id}`, key: 'a' }]
      const task = taskOf(entry, 10, () => true, threadsMs()) as Task
      task.answers.push({ command, refusal: undefined, fields: {}, version: 0, requestId: {} })
      batch.begun.push({ task, answersBefore: 0 })
      batch.commands += 1
      at += tookMs
      log.endRequest(entry, batch, at)
    }
    return { log, batch }
  }

  it('notes a request that took its time, and not those that were decided beside it', () => {
    const { log, batch } = batchOf(40, ['GET_KEY', 5], ['GET_KEY', 50], ['GET_KEY', 5])
    log.endBatch(batch, 3)
    const entries = log.read(10, false)
    expect(entries).toHaveLength(1)
    expect(entries[0]).toMatchObject({ cmd: 'GET_KEY', state: 'state 1', decide: 0.05, commit: 0.003, encode: 0 })
  })

  it('notes one write of a batch whose commit took too long, with the time of the commit', () => {
    const { log, batch } = batchOf(40, ['GET_KEY', 1], ['SET_KEY', 1], ['SET_KEY', 1])
    log.endBatch(batch, 50)
    const entries = log.read(10, false)
    expect(entries).toHaveLength(1)
    expect(entries[0]).toMatchObject({ cmd: 'SET_KEY', state: 'state 1', decide: 0, commit: 0.05, batch: 3 })
  })

  it('notes nothing of a batch in which all went as it should', () => {
    const { log, batch } = batchOf(40, ['GET_KEY', 39], ['SET_KEY', 39])
    log.endBatch(batch, 39)
    expect(log.read(10, false)).toEqual([])
    expect(log.noted).toBe(0)
  })

  it('keeps the newest, tells as many as were asked for, and forgets them when it is told to', async () => {
    const harness = await ShardHarness.started({ slowLogMs: 0, limits: { slowLogEntriesPerShardMax: 3 } })
    const names = ['a', 'b', 'c', 'd']
    await runOn(harness, ...names.map((state) => ({ cmd: 'CREATE_STATE', state })))
    expect((await entriesOf(harness, { limit: 2 })).map(({ state }) => state)).toEqual(['d', 'c'])
    expect(await entriesOf(harness, { limit: 100, reset: true })).toHaveLength(3)
    expect(await entriesOf(harness, { limit: 100 })).toEqual([])
    expect(harness.shard.statistics().slowRequests).toBe(4)
  })
})

describe('SLOWLOG', () => {
  let engine: Engine
  afterEach(() => engine.close())

  it('tells of all shards in one list, the newest first', async () => {
    engine = await openEngine({ shards: 2, slowLogMs: 0 })
    for (const state of ['a', 'b', 'c', 'd', 'e', 'f']) await engine.call({ cmd: 'CREATE_STATE', state })
    const { status, entries } = await engine.call({ cmd: 'SLOWLOG', limit: 5 })
    expect(status).toBe('ok')
    const found = entries as unknown as Entry[]
    expect(found).toHaveLength(5)
    const times = found.map(({ at }) => at)
    expect(times).toEqual([...times].sort((one, other) => other - one))
    expect(new Set(found.map(({ shard }) => shard)).size).toBe(2)
  })

  it('tells ten where nobody says how many, and refuses what it does not know', async () => {
    engine = await openEngine({ shards: 0, slowLogMs: 0 })
    for (let index = 0; index < 12; index += 1) await engine.call({ cmd: 'CREATE_STATE', state: `s${index}` })
    const { entries } = await engine.call({ cmd: 'SLOWLOG' })
    expect(entries).toHaveLength(10)
    expect(await engine.call({ cmd: 'SLOWLOG', limit: 0 })).toMatchObject({ code: 'INVALID_REQUEST' })
    expect(await engine.call({ cmd: 'SLOWLOG', reset: 'yes' })).toMatchObject({ code: 'INVALID_REQUEST' })
  })
})
