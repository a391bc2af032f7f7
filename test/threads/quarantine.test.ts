// A shard that dies three times within a minute, with threads and without: it stays down and says why, the others serve,
// and once it is released it has what it had.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type Engine, openEngine } from '../../src/engine.ts'
import type { Database } from '../../src/journal/sqlite-library.ts'
import type { Fault } from '../../src/protocol/control.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { eventually } from '../support/eventually.ts'
import { namesOnShard } from '../support/shards.ts'
import { folderOfTest, openDatabase } from '../support/sqlite.ts'

let engine: Engine
afterEach(() => engine.close())

const call = (cmd: string, fields: JsonObject = {}): Promise<JsonObject> => engine.call({ cmd, ...fields })

/** One death of shard 0, while it decides a write of `state`. */
async function die(state: string, fault: Fault): Promise<void> {
  await engine.injectFault(0, fault)
  const reply = await call('SET_RECORD', { state, id: 1, data: { secret: 'hunter2' } })
  expect(reply).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
}

describe.each<[number, Fault, string]>([
  [0, 'throw', 'failed'],
  [2, 'exit', 'exited'],
])('with %i shards, one that dies three times within a minute', (shards, fault, reason) => {
  it('is quarantined until it is released, and then has what it had', async () => {
    const lines: [string, object][] = []
    const note = (level: string) => (fields: object, message: string) =>
      void lines.push([`${level}: ${message}`, fields])
    const log = { info: note('info'), warn: note('warn'), error: note('error') }
    engine = await openEngine({ shards, data: folderOfTest(), faultsEnabled: true, log })
    const [victim = ''] = namesOnShard(0, Math.max(1, shards), 1)
    const [bystander = ''] = shards === 0 ? [] : namesOnShard(1, shards, 1)
    const isBack = () =>
      eventually('the shard serves', async () => (await call('GET_STATE_INFO', { state: victim })).status === 'ok')
    await call('CREATE_STATE', { state: victim })
    if (shards > 0) await call('CREATE_STATE', { state: bystander })
    await call('SET_RECORD', { state: victim, id: 1, data: { secret: 'acknowledged' } })
    await die(victim, fault)
    await isBack()
    await die(victim, fault)
    await isBack()
    expect(await call('LIST_QUARANTINED')).toEqual({ status: 'ok', shards: [] })
    await die(victim, fault)

    const lastCommand = { cmd: 'SET_RECORD', state: victim, hash: expect.stringMatching(/^[0-9a-f]{16}$/) }
    const told = { shard: 0, deaths: 3, reason, last_command: lastCommand }
    expect(await call('GET_RECORD', { state: victim, id: 1 })).toMatchObject({ code: 'QUARANTINED', ...told })
    const since = expect.closeTo(Date.now() / 1000, -1.5)
    expect(await call('LIST_QUARANTINED')).toEqual({ status: 'ok', shards: [{ ...told, since }] })
    expect(lines.filter(([line]) => line.includes('quarantined'))).toEqual([
      [
        'error: a shard died too often and is quarantined; RELEASE_SHARD starts it again',
        expect.objectContaining(told),
      ],
    ])
    expect(JSON.stringify(lines)).not.toContain('hunter2')
    expect(engine.router.readiness()).toEqual({ isReady: true, notes: ['shard 0 is quarantined'] })
    const list = await call('LIST_STATES')
    if (shards === 0) expect(list).toMatchObject({ code: 'QUARANTINED' })
    else {
      expect(list).toEqual({ status: 'ok', states: [bystander], missing_shards: [0] })
      expect(await call('STATS')).toMatchObject({ missing_shards: [0], shards: [{ shard: 1 }] })
      expect(await call('SET_RECORD', { state: bystander, id: 1, data: { a: 1 } })).toMatchObject({ status: 'ok' })
    }

    expect(await call('RELEASE_SHARD', { shard: 5 })).toMatchObject({ code: 'INVALID_REQUEST' })
    if (shards > 0) expect(await call('RELEASE_SHARD', { shard: 1 })).toEqual({ status: 'ok', released: false })
    expect(await call('RELEASE_SHARD', { shard: 0 })).toEqual({ status: 'ok', released: true })
    await isBack()
    expect(await call('GET_RECORD', { state: victim, id: 1 })).toMatchObject({ record: { secret: 'acknowledged' } })
    expect(await call('RELEASE_SHARD', { shard: 0 })).toEqual({ status: 'ok', released: false })
    await die(victim, fault)
    await isBack()
    expect(await call('LIST_QUARANTINED'), 'the count began anew').toEqual({ status: 'ok', shards: [] })
  })

  it('does not keep the engine from its end', async () => {
    engine = await openEngine({ shards, faultsEnabled: true, limits: { shardDeathsMax: 1 } })
    const [victim = ''] = namesOnShard(0, Math.max(1, shards), 1)
    await die(victim, fault)
    expect(await call('GET_STATE_INFO', { state: victim })).toMatchObject({ code: 'QUARANTINED' })
    await engine.close()
    expect(await call('LIST_QUARANTINED')).toMatchObject({ code: 'SHUTTING_DOWN' })
  })
})

describe('a shard that cannot be started again', () => {
  const lines: string[] = []
  const note = (_fields: object, message: string): void => void lines.push(message)
  const log = { info: note, warn: note, error: note }
  const hasFailed = (): boolean => lines.includes('a shard could not be started')
  const victim = 'only'
  const isBack = (): Promise<void> =>
    eventually('the shard serves', async () => (await call('GET_STATE_INFO', { state: victim })).status === 'ok')

  /** One that allows one death, so that a failed start decides. */
  async function openAndEnd(data: string, beforeTheEnd: () => void, extension?: string): Promise<void> {
    lines.length = 0
    const options = extension === undefined ? {} : { extension }
    engine = await openEngine({ shards: 1, data, faultsEnabled: true, log, limits: { shardDeathsMax: 2 }, ...options })
    await call('CREATE_STATE', { state: victim })
    beforeTheEnd()
    await engine.injectFault(0, 'exit')
    expect(await call('GET_STATE_INFO', { state: victim })).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  }

  it('for a reason that it names is tried again until it can, and not quarantined', async () => {
    const data = folderOfTest()
    const other = await openAfterwards(data)
    await eventually('a start fails', hasFailed)
    expect(await call('LIST_QUARANTINED')).toEqual({ status: 'ok', shards: [] })
    expect(await call('GET_STATE_INFO', { state: victim })).toMatchObject({ code: 'SHARD_RECOVERING' })
    other.close()
    await isBack()
  })

  it('as its thread ends each time is quarantined, without a last command', async () => {
    const data = folderOfTest()
    const marker = join(data, 'ends')
    const extension = join(data, 'extension.mjs')
    const hook = 'export const onChange = () => {}'
    writeFileSync(
      extension,
      `import { existsSync } from 'node:fs'\nif (existsSync('${marker}')) process.exit(1)\n${hook}`,
    )
    await openAndEnd(data, () => writeFileSync(marker, ''), extension)
    await eventually('a start fails', hasFailed)
    const told = { shard: 0, deaths: 2, reason: 'exited', last_command: null }
    expect(await call('GET_STATE_INFO', { state: victim })).toMatchObject({ code: 'QUARANTINED', ...told })
    rmSync(marker)
    expect(await call('RELEASE_SHARD', { shard: 0 })).toMatchObject({ released: true })
    await isBack()
  })

  async function openAfterwards(data: string): Promise<Database> {
    let other: Database | undefined
    await openAndEnd(data, () => {
      other = openDatabase(join(data, 'shard-0.db'))
      // What recovery writes first has to wait for this connection, and gives up after a second.
      other.exec('BEGIN IMMEDIATE')
    })
    return other as Database
  }
})
