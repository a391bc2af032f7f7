// Backups of an engine that goes on: each is a whole data folder of one moment, or there is none of that name.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Engine, type EngineOptions, openEngine } from '../../src/engine.ts'
import { databaseFile, openFolder } from '../../src/journal/folder.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { tampered } from '../support/damaged.ts'
import { everyKind } from '../support/every-kind.ts'
import { contentsOfFolder } from '../support/folder-contents.ts'
import { InlineShards } from '../support/inline-shards.ts'
import { namesOnShard } from '../support/shards.ts'
import { folderOfTest, journalOn, query } from '../support/sqlite.ts'

async function engineOn(data: string, options: EngineOptions = {}): Promise<Engine> {
  const engine = await openEngine({ shards: 0, data, ...options })
  onTestFinished(() => engine.close())
  return engine
}

async function ask(engine: Engine, command: JsonObject): Promise<JsonObject> {
  const reply = await engine.call(command)
  expect(reply.status, `${JSON.stringify(command)}: ${JSON.stringify(reply)}`).toBe('ok')
  return reply
}

async function filled(data: string, options?: EngineOptions): Promise<Engine> {
  const engine = await engineOn(data, options)
  for (const command of everyKind(4)) {
    if (command.cmd === 'SET_STATE') await engine.call({ cmd: 'CREATE_STATE', state: command.state as string })
    await ask(engine, command)
  }
  return engine
}

describe('a backup', () => {
  it('is a whole data folder, which a check passes and an engine starts from', async () => {
    const data = folderOfTest()
    const engine = await filled(data)
    const reply = await ask(engine, { cmd: 'BACKUP', name: 'nightly' })
    const path = join(data, 'backups', 'nightly')
    expect(reply).toEqual({
      status: 'ok',
      name: 'nightly',
      path,
      at: expect.any(Number) as number,
      seconds: expect.any(Number) as number,
      bytes: expect.any(Number) as number,
      shards: 1,
    })
    expect(readdirSync(path).sort()).toEqual(['holdfast.json', 'shard-0.anchor', 'shard-0.db'])
    expect(readdirSync(join(data, 'backups'))).toEqual(['nightly'])
    await ask(engine, { cmd: 'SET_KEY', state: 'later', key: 'k', value: 1 })
    await engine.close()
    const { states, logged } = await contentsOfFolder(data)
    const copied = await contentsOfFolder(path)
    expect(copied.states).toEqual(states.filter(({ name }) => name !== 'later'))
    expect({ ...copied.logged, later: logged.later }).toEqual(logged)
    const again = await engineOn(path)
    expect(await again.call({ cmd: 'LIST_RECORDS', state: 'leads', limit: 1 })).toMatchObject({ records: [{ n: 1 }] })
    await ask(again, { cmd: 'SET_KEY', state: 'keys', key: 'k', value: 1 })
  })

  it('is other data than what it was made of, each time it is put somewhere', async () => {
    const data = folderOfTest()
    const engine = await filled(data)
    await engine.backup('one')
    const path = join(data, 'backups', 'one')
    const { data_id: before } = await engine.call({ cmd: 'HELLO' })
    const restored = await engineOn(path)
    const { data_id: after } = await restored.call({ cmd: 'HELLO' })
    expect(after).toMatch(/^[0-9a-f]{32}$/)
    expect(after).not.toBe(before)
    await engine.backup('two')
    const ids = ['here', 'there'].map((name) => {
      const copy = join(folderOfTest(), name)
      cpSync(join(data, 'backups', 'two'), copy, { recursive: true })
      const folder = openFolder(copy, 1)
      folder.release()
      return folder.id
    })
    expect(new Set(ids).size).toBe(2)
  })

  it('holds one moment of all shards, while transactions over them go on', async () => {
    const data = folderOfTest()
    const engine = await engineOn(data, { shards: 2 })
    const accounts = [0, 1].flatMap((shard) => namesOnShard(shard, 2, 2))
    for (const state of accounts) await ask(engine, { cmd: 'SET_KEY', state, key: 'balance', value: 100 })
    let isOver = false
    let transfers = 0
    const transfer = async (from: string, to: string): Promise<void> => {
      while (!isOver) {
        const op = (state: string, by: number): JsonObject => ({ cmd: 'INCREMENT_KEY', state, key: 'balance', by })
        await ask(engine, { cmd: 'TRANSACTION', ops: [op(from, -1), op(to, 1)] })
        transfers += 1
      }
    }
    const load = accounts.map((from, index) => transfer(from, accounts[(index + 2) % accounts.length] as string))
    const made: { name: string; before: number; after: number }[] = []
    for (const name of ['a', 'b', 'c']) {
      const before = transfers
      await engine.backup(name)
      made.push({ name, before, after: transfers })
    }
    isOver = true
    await Promise.all(load)
    await engine.close()
    for (const { name, before, after } of made) {
      const path = join(data, 'backups', name)
      const { shards, states } = await contentsOfFolder(path)
      expect([shards, states.length]).toEqual([2, 4])
      const sqlOfBalances = "SELECT json_extract(bytes, '$.value') AS value FROM rows WHERE tbl = 'keys'"
      const balances = [0, 1].flatMap((shard) => query(databaseFile(path, shard), sqlOfBalances))
      expect(balances.reduce((sum, { value }) => sum + Number(value), 0)).toBe(400)
      // Each transfer takes two versions: what was answered before is in it, and nothing that was asked for afterwards.
      const versions = states.reduce((sum, state) => sum + (state as unknown as { version: number }).version, 0)
      expect(versions - accounts.length).toBeGreaterThanOrEqual(2 * before)
      expect(versions - accounts.length).toBeLessThanOrEqual(2 * (after + accounts.length))
    }
  }, 60_000)

  it.each(['strict', 'relaxed'] as const)(
    'lets writes go on meanwhile in %s mode, and keeps them',
    async (durability) => {
      const data = folderOfTest()
      const engine = await filled(data, { durability })
      const making = engine.backup('busy')
      let writes = 0
      let isMade = false
      void making.finally(() => (isMade = true))
      do {
        writes += 1
        await ask(engine, { cmd: 'SET_KEY', state: 'more', key: 'k', value: writes })
        // Without threads all of this would be one turn of the event loop.
        await new Promise((resolve) => setImmediate(resolve))
      } while (!isMade)
      await making
      await engine.close()
      const again = await engineOn(data)
      expect(await again.call({ cmd: 'GET_KEY', state: 'more', key: 'k' })).toMatchObject({ value: writes })
    },
  )
})

describe('no backup is made, and it is said why,', () => {
  it('of what is kept in memory only', async () => {
    const engine = await openEngine({ shards: 0 })
    onTestFinished(() => engine.close())
    expect(await engine.call({ cmd: 'BACKUP', name: 'x' })).toMatchObject({ code: 'UNSUPPORTED' })
  })

  it.each(['../x', '', 'a/b', 'a\\b', 'a\0b', '.hidden', '-option', 'a b', 'é', 'x'.repeat(101), '..', 'a\n'])(
    'under the name %j',
    async (name) => {
      const data = folderOfTest()
      const engine = await engineOn(data)
      const reply = await engine.call({ cmd: 'BACKUP', name })
      expect(reply).toMatchObject({ code: 'INVALID_REQUEST' })
      expect(reply.message).toContain('name')
      expect(existsSync(join(data, 'backups'))).toBe(false)
    },
  )

  it('under a name that is taken, whatever has it', async () => {
    const data = folderOfTest()
    const engine = await filled(data)
    await engine.backup('nightly')
    await expect(engine.backup('nightly')).rejects.toMatchObject({ code: 'BACKUP_EXISTS' })
    writeFileSync(join(data, 'backups', 'file'), '')
    mkdirSync(join(data, 'backups', 'empty'))
    for (const name of ['file', 'empty']) {
      expect(await engine.call({ cmd: 'BACKUP', name })).toMatchObject({ code: 'BACKUP_EXISTS', name })
    }
    expect(readdirSync(join(data, 'backups')).sort()).toEqual(['empty', 'file', 'nightly'])
  })

  it('while another one is made', async () => {
    const data = folderOfTest()
    const engine = await filled(data)
    const [one, other] = await Promise.all(['one', 'two'].map((name) => engine.call({ cmd: 'BACKUP', name })))
    expect([one?.status, other?.code]).toEqual(['ok', 'OVERLOADED'])
    expect(other?.message).toContain("the backup 'one' is being made")
    await engine.backup('two')
  })

  it('where a shard is damaged, and leaves nothing behind', async () => {
    const data = folderOfTest()
    openFolder(data, 2).release()
    const first = await InlineShards.started(2, (shard) => journalOn(databaseFile(data, shard)))
    const state = namesOnShard(1, 2, 1)[0] as string
    await first.call({ cmd: 'SET_KEY', state, key: 'k', value: 'to be flipped' })
    await first.stop()
    tampered(databaseFile(data, 1), "UPDATE rows SET bytes = replace(bytes, 'flipped', 'flopped')")
    const engine = await engineOn(data, { shards: 2 })
    expect(await engine.call({ cmd: 'BACKUP', name: 'x' })).toMatchObject({ code: 'SHARD_CORRUPT', shard: 1 })
    expect(readdirSync(join(data, 'backups'))).toEqual([])
  }, 60_000)

  it('where the folder cannot be made', async () => {
    const data = folderOfTest()
    writeFileSync(join(data, 'backups'), 'a file')
    const engine = await filled(data)
    const reply = await engine.call({ cmd: 'BACKUP', name: 'x' })
    expect(reply).toMatchObject({ code: 'STORAGE_FAILED' })
    expect(readFileSync(join(data, 'backups'), 'utf8')).toBe('a file')
    expect(engine.router.backups.statistics()).toMatchObject({ at: 0, failures: 1 })
    await ask(engine, { cmd: 'SET_KEY', key: 'k', value: 1 })
  })

  it('when the engine ends meanwhile', async () => {
    const data = folderOfTest()
    const engine = await filled(data)
    const making = engine.call({ cmd: 'BACKUP', name: 'x' })
    await engine.close()
    const { status, code } = await making
    // It may have been done by then.
    if (status !== 'ok') expect(code).toBe('SHUTTING_DOWN')
    expect(readdirSync(join(data, 'backups'))).toEqual(status === 'ok' ? ['x'] : [])
    expect((await contentsOfFolder(data)).states.length).toBeGreaterThan(0)
  })
})

describe('what a killed process has left of a backup', () => {
  it('is no backup, and goes with the next one', async () => {
    const data = folderOfTest()
    const engine = await filled(data)
    const { data_id: id } = await engine.call({ cmd: 'HELLO' })
    const left = join(data, 'backups', `.growing-${id as string}-1-1`)
    mkdirSync(left, { recursive: true })
    writeFileSync(join(left, 'shard-0.db'), 'half of it')
    mkdirSync(join(data, 'backups', '.growing-of-somebody-else-1-1'))
    await engine.backup('whole')
    expect(readdirSync(join(data, 'backups')).sort()).toEqual(['.growing-of-somebody-else-1-1', 'whole'])
  })
})
