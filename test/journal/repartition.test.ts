// Spreading a folder over another number of shards: everything is carried over, whatever it is, and whoever is killed at
// any step of it finds all of it at the next start, under the old number or under the new one.
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { defaultLimits as limits } from '../../src/base/limits.ts'
import { type Log, silentLog } from '../../src/base/log.ts'
import { Problem } from '../../src/base/problem.ts'
import { databaseFile, type Folder, openFolder } from '../../src/journal/folder.ts'
import { type RepartitionOptions, type RepartitionStep, repartition } from '../../src/journal/repartition.ts'
import type { Numbered } from '../../src/protocol/mailbox.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { tampered } from '../support/damaged.ts'
import { everyKind } from '../support/every-kind.ts'
import { contentsOfFolder } from '../support/folder-contents.ts'
import { InlineShards } from '../support/inline-shards.ts'
import { namesOnShard } from '../support/shards.ts'
import { folderOfTest, journalOn, query } from '../support/sqlite.ts'

/** Shards on a folder, which end with the test at the latest. */
async function serving(path: string, shards: number): Promise<InlineShards> {
  const inline = await InlineShards.started(shards, (shard) => journalOn(databaseFile(path, shard)))
  onTestFinished(() => inline.stop())
  return inline
}

async function ask(inline: InlineShards, command: JsonObject): Promise<JsonObject> {
  const reply = await inline.call(command)
  expect(reply.status, `${JSON.stringify(command)}: ${JSON.stringify(reply)}`).toBe('ok')
  return reply
}

/** Made once for each number of shards. */
const originals = new Map<number, Promise<string>>()
const home = mkdtempSync(join(tmpdir(), 'holdfast-repartition-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

/** A folder with something of everything on each of its shards. */
async function filled(shards: number): Promise<string> {
  const original = originals.get(shards) ?? fill(join(home, String(shards)), shards)
  originals.set(shards, original)
  const path = folderOfTest()
  cpSync(await original, path, { recursive: true })
  return path
}

async function fill(path: string, shards: number): Promise<string> {
  openFolder(path, shards).release()
  const inline = await InlineShards.started(shards, (shard) => journalOn(databaseFile(path, shard)))
  for (let shard = 0; shard < shards; shard += 1) {
    const [name = ''] = namesOnShard(shard, shards, 1, 'of')
    const makes = everyKind(3).flatMap(({ state, ...command }): JsonObject[] => {
      const own = `${state as string} {${name}}`
      return [...(command.cmd === 'SET_STATE' ? [{ cmd: 'CREATE_STATE', state: own }] : []), { ...command, state: own }]
    })
    await Promise.all(makes.map((command) => inline.call(command)))
    const [lock = ''] = namesOnShard(shard, shards, 1, 'lock')
    await Promise.all([
      ask(inline, { cmd: 'SET_KEY', state: name, key: 'k', value: 1, idempotency_key: `once-${shard}` }),
      ask(inline, { cmd: 'LOCK', lock: `held {${lock}}`, owner: 'ann', ttl: 600 }),
      ask(inline, { cmd: 'LOCK', lock: `free {${lock}}`, owner: 'bob', ttl: 600 }),
      ask(inline, { cmd: 'UNLOCK', lock: `free {${lock}}`, owner: 'bob' }),
    ])
  }
  await inline.stop()
  return path
}

async function spread(path: string, shards: number, options: Partial<RepartitionOptions> = {}): Promise<void> {
  const folder = openFolder(path, 1)
  let now: Folder | undefined
  try {
    now = await repartition(folder, shards, { limits, log: silentLog, ...options })
  } finally {
    folder.release()
  }
  expect(now).toMatchObject({ shards, id: folder.id, path })
}

describe('a folder that is spread over another number of shards', () => {
  it.each([
    [3, 7],
    [3, 1],
    [1, 2],
  ])('of %i over %i has what it had, each thing where it belongs, and nothing else', async (from, to) => {
    const path = await filled(from)
    const before = await contentsOfFolder(path)
    expect(before.states.length).toBe(5 * from)
    expect(new Set(before.rows.map((row) => (JSON.parse(row) as string[])[0]))).toEqual(
      new Set('directory records keys items item_leases instances history locks idempotency'.split(' ')),
    )
    await spread(path, to)
    const { shards, ...after } = await contentsOfFolder(path)
    expect(shards).toBe(to)
    const { states, rows, logged } = after
    expect({ states, rows, logged }).toEqual({ states: before.states, rows: before.rows, logged: before.logged })
    const names = Array.from({ length: to }, (_, shard) => [`shard-${shard}.anchor`, `shard-${shard}.db`]).flat()
    expect(readdirSync(path).sort()).toEqual(['holdfast.json', 'lock', ...names.sort()])
  })

  it('never grants a token again, nor lets one pass that was refused, for whichever name', async () => {
    const path = await filled(3)
    const inline = await serving(path, 3)
    const lock = `free {${namesOnShard(0, 3, 1, 'lock')[0]}}`
    let newest = 0
    // Beyond what is reserved at a time, so that the shards differ.
    for (let times = 0; times < 3; times += 1) {
      newest = Number((await ask(inline, { cmd: 'LOCK', lock, owner: 'eve', ttl: 600 })).token)
      await ask(inline, { cmd: 'UNLOCK', lock, owner: 'eve' })
    }
    await inline.stop()
    await spread(path, 4)
    const again = await serving(path, 4)
    const names = [lock, ...[0, 1, 2, 3].map((shard) => namesOnShard(shard, 4, 1, 'new')[0] as string)]
    for (const name of names) {
      const { token } = await ask(again, { cmd: 'LOCK', lock: name, owner: 'eve', ttl: 600 })
      expect(Number(token), name).toBeGreaterThan(newest)
    }
  })

  it('is read on by whoever watches, from any version that was there', async () => {
    const path = await filled(2)
    const state = 'watched'
    const inline = await serving(path, 2)
    for (let n = 1; n <= 5; n += 1) await ask(inline, { cmd: 'SET_KEY', state, key: 'k', value: n })
    const before = await ask(inline, { cmd: 'GET_CHANGES', state, since: 2 })
    await inline.stop()
    await spread(path, 3)
    const after = await serving(path, 3)
    const { shard: _, ...reply } = await ask(after, { cmd: 'GET_CHANGES', state, since: 2 })
    expect(reply).toEqual(before)
    await ask(after, { cmd: 'SET_KEY', state, key: 'k', value: 6 })
    expect(await ask(after, { cmd: 'GET_CHANGES', state, since: 5 })).toMatchObject({ changes: [{ new_value: 6 }] })
  })

  it.each([5, 1])('restores what a snapshot holds, on %i shards', async (to) => {
    const path = await filled(3)
    const inline = await serving(path, 3)
    const { label, ...made } = await ask(inline, { cmd: 'CREATE_SNAPSHOT', label: 'before' })
    expect(label).toBe('before')
    const [lost = '', kept = ''] = [0, 1].map((shard) => namesOnShard(shard, 3, 1, 'of')[0] as string)
    await ask(inline, { cmd: 'DELETE_STATE', state: lost })
    await ask(inline, { cmd: 'SET_KEY', state: kept, key: 'k', value: 2 })
    await inline.stop()
    await spread(path, to)
    const again = await serving(path, to)
    const { snapshots } = await ask(again, { cmd: 'LIST_SNAPSHOTS' })
    const { states, records, bytes } = made
    expect(snapshots).toMatchObject([{ label, states, records, bytes }])
    await ask(again, { cmd: 'RESTORE_SNAPSHOT', label: 'before' })
    for (const state of [lost, kept]) {
      expect(await ask(again, { cmd: 'GET_KEY', state, key: 'k' })).toMatchObject({ value: 1 })
    }
    await ask(again, { cmd: 'DELETE_SNAPSHOT', label: 'before' })
    await again.stop()
    const chunks = Array.from({ length: to }, (_, shard) =>
      query(databaseFile(path, shard), 'SELECT count(*) AS count FROM snapshot_chunks'),
    )
    expect(chunks.flat().map(({ count }) => count)).toEqual(Array.from({ length: to }, () => 0))
  })

  it('keeps as much of the change log as one shard may have, the newest', async () => {
    const path = await filled(3)
    await spread(path, 1, { limits: { ...limits, changesLoggedPerShardMax: 10 } })
    const after = await serving(path, 1)
    const { changes } = await ask(after, {
      cmd: 'GET_CHANGES',
      state: namesOnShard(2, 3, 1, 'of')[0] as string,
      since: 0,
    })
    expect(changes).toHaveLength(1)
    const [lost = ''] = (await namesIn(path)).filter((name) => name.startsWith('leads'))
    expect(await after.call({ cmd: 'GET_CHANGES', state: lost, since: 1 })).toMatchObject({ code: 'COMPACTED' })
  })

  it('answers a keyed command, and a message of a session, that come again, and runs neither', async () => {
    const path = folderOfTest()
    openFolder(path, 4).release()
    const session = '0f'.repeat(16)
    const [slow = '', fast = ''] = [namesOnShard(3, 4, 1)[0], namesOnShard(0, 4, 1)[0]]
    const send = (inline: InlineShards, state: string, numbered: Numbered): Promise<JsonObject> =>
      new Promise((resolve) => {
        const body = JSON.stringify({ cmd: 'INCREMENT_KEY', state, key: 'n' })
        inline.router.runRouted(
          state,
          'json',
          body,
          (reply) => resolve(JSON.parse(reply as string) as JsonObject),
          undefined,
          numbered,
        )
      })
    const inline = await serving(path, 4)
    await ask(inline, { cmd: 'INCREMENT_KEY', state: slow, key: 'k', idempotency_key: 'once' })
    await send(inline, slow, [session, 1, 1, false])
    await send(inline, fast, [session, 2, 1, false])
    await send(inline, fast, [session, 3, 3, false])
    await inline.stop()
    await spread(path, 2)
    await spread(path, 3)
    const again = await serving(path, 3)
    expect(await ask(again, { cmd: 'INCREMENT_KEY', state: slow, key: 'k', idempotency_key: 'once' })).toMatchObject({
      value: 1,
    })
    expect(await send(again, fast, [session, 3, 3, true])).toMatchObject({ status: 'ok', value: 2 })
    // What had settled on another shard is known on this one, too.
    expect(await send(again, slow, [session, 1, 1, true])).toMatchObject({ code: 'SESSION_EXPIRED' })
    expect(await ask(again, { cmd: 'GET_KEY', state: slow, key: 'n' })).toMatchObject({ value: 1 })
  })
})

async function namesIn(path: string): Promise<string[]> {
  return (await contentsOfFolder(path)).states.map(({ name }) => name)
}

describe('whoever is killed while a folder is spread over another number of shards', () => {
  it.each([
    [1, 2],
    [3, 1],
  ])('finds all of it at the next start, from %i to %i, at whichever step that was', async (from, to) => {
    const path = await filled(from)
    const before = await contentsOfFolder(path)
    const copies = folderOfTest()
    const steps: RepartitionStep[] = []
    const onStep = (step: RepartitionStep): void => {
      cpSync(path, join(copies, String(steps.length)), { recursive: true })
      steps.push(step)
    }
    await spread(path, to, { onStep })
    const known = ['begun', 'written', 'compared', 'begun', 'description away', 'old files gone', 'moving']
    expect(steps).toEqual([...known, ...Array.from({ length: 2 * to + 1 }, () => 'moved'), 'done'])
    for (const [index, step] of steps.entries()) {
      const copy = join(copies, String(index))
      const { lowest: _, ...found } = await contentsOfFolder(copy)
      const { states, rows, logged } = before
      const shards = index < 3 ? from : to
      expect(found, `killed at ${index}, ${step}`).toEqual({ shards, states, rows, logged })
      expect(readdirSync(copy).filter((name) => name.startsWith('repartition'))).toEqual([])
    }
  })
})

describe('a folder is left as it was, and it is said why, where', () => {
  const files = (path: string): string[] =>
    readdirSync(path, { recursive: true })
      .map(String)
      .filter((name) => !/-(wal|shm)$/.test(name))
      .sort()

  async function refusal(path: string, shards: number, options: Partial<RepartitionOptions> = {}): Promise<Problem> {
    const before = { files: files(path), shards: openAndCount(path) }
    const problem = await spread(path, shards, options).catch((error: unknown) => error)
    expect(problem).toBeInstanceOf(Problem)
    expect({ files: files(path), shards: openAndCount(path) }).toEqual(before)
    return problem as Problem
  }

  function openAndCount(path: string): number {
    const folder = openFolder(path, 1)
    folder.release()
    return folder.shards
  }

  it.each([
    ['a row is damaged', "UPDATE rows SET bytes = replace(bytes, 'flipped', 'flopped') WHERE tbl = 'records'"],
    ['a row is missing', "DELETE FROM rows WHERE tbl = 'idempotency'"],
    ['the change log is damaged', "UPDATE batches SET bytes = replace(bytes, 'flipped', 'flopped')"],
  ])('%s', async (_what, sql) => {
    const path = await filled(2)
    tampered(databaseFile(path, 1), sql)
    const { message, advice } = await refusal(path, 3)
    expect(message).toContain(`cannot spread the data in ${path} over 3 shards: shard 1 is damaged: `)
    expect(advice).toContain(`holdfast check ${path}`)
  })

  it('a transaction has not come to its end', async () => {
    const path = await filled(2)
    const inline = await serving(path, 2)
    const state = namesOnShard(1, 2, 1, 'open')[0] as string
    await ask(inline, { cmd: 'SET_KEY', state, key: 'k', value: 1 })
    const step = {
      step: 'prepare',
      operations: [{ index: 0, state, name: 'SET_KEY', args: { key: 'k', value: 2 } }],
      part: { transaction: 't-1', decider: 0, isDecider: false },
    }
    await new Promise((resolve) =>
      inline.mailboxes[1]?.submit({
        sentAs: 'transaction',
        routingKey: '',
        body: step,
        bytes: 0,
        respond: resolve,
        refuse: resolve,
      }),
    )
    await inline.stop()
    const { message } = await refusal(path, 4)
    expect(message).toContain('the prepared transaction t-1 has not come to its end')
  })

  it('the disk is full', async () => {
    const path = await filled(2)
    const onStep = (step: RepartitionStep): void => {
      if (step === 'written')
        throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC', syscall: 'write' })
    }
    const { message, advice } = await refusal(path, 3, { onStep })
    expect(message).toContain('the disk is full')
    expect(advice).toContain('--shards 2')
  })
})

describe('spreading a folder', () => {
  it('says when it begins, and what there is when it is over', async () => {
    const path = await filled(2)
    const lines: object[] = []
    const info: Log['info'] = (fields, message) => lines.push({ ...fields, message })
    await spread(path, 3, { log: { ...silentLog, info } })
    const { length: states } = await namesIn(path)
    expect(lines).toMatchObject([
      { data: path, from: 2, to: 3 },
      { data: path, from: 2, to: 3, states },
    ])
  })
})
