// Locks as callers see them: who gets one, who may give it back, what tokens and fences are worth, and what is refused.
import { describe, expect, it, onTestFinished } from 'vitest'
import { openEngine } from '../../src/engine.ts'
import { type CommandName, commandNames, mayBeFenced } from '../../src/protocol/commands.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { eventually } from '../support/eventually.ts'
import { samples } from '../support/samples.ts'
import { type Session, session, table } from '../support/session.ts'

const lock = 'deploy'

async function taken(t: Session, fields: JsonObject = {}): Promise<{ owner: string; token: number }> {
  const grant = await t.ok('TRY_LOCK', { lock, ...fields })
  expect(grant).toMatchObject({ acquired: true })
  return { owner: grant.owner as string, token: grant.token as number }
}

describe('a lock', () => {
  it('is granted to one at a time, for 30 seconds unless told otherwise', async () => {
    const t = await session()
    const grant = await t.ok('TRY_LOCK', { lock })
    expect(grant).toEqual({
      acquired: true,
      owner: expect.any(String),
      token: expect.any(Number),
      expires_in: 30,
    })
    const other = await t.ok('TRY_LOCK', { lock, ttl: 5 })
    expect(other).toEqual({ acquired: false, owner: null, token: null, expires_in: expect.any(Number) })
    expect(other.expires_in).toBeGreaterThan(25)
    expect(await t.ok('GET_LOCK', { lock })).toMatchObject({
      held: true,
      owner: grant.owner,
      token: grant.token,
      waiters: 0,
    })
  })

  it('is not re-entrant: its owner gets it no second time', async () => {
    const t = await session()
    await taken(t, { owner: 'w1' })
    expect(await t.ok('TRY_LOCK', { lock, owner: 'w1' })).toMatchObject({ acquired: false })
    expect(await t.ok('LOCK', { lock, owner: 'w1', timeout: 0 })).toMatchObject({ acquired: false })
  })

  it('is given a fresh owner with every grant where nobody says', async () => {
    const t = await session()
    const owners = new Set<string>()
    for (let round = 0; round < 20; round += 1) {
      const { owner } = await taken(t)
      owners.add(owner)
      await t.ok('UNLOCK', { lock, owner })
    }
    expect(owners.size).toBe(20)
  })

  it('is given back by its owner only, and with its token only where one is named', async () => {
    const t = await session()
    const { owner, token } = await taken(t)
    const held = { code: 'LOCK_NOT_HELD', message: "Lock 'deploy' is held by another owner", lock }
    for (const cmd of ['UNLOCK', 'EXTEND_LOCK'] as const) {
      expect(await t.refused(cmd, { lock, owner: 'somebody' })).toEqual(held)
      expect(await t.refused(cmd, { lock, owner, token: token - 1 })).toEqual(held)
    }
    expect(await t.ok('GET_LOCK', { lock })).toMatchObject({ held: true, owner })
    expect(await t.ok('UNLOCK', { lock, owner, token })).toEqual({ released: true })
    expect(await t.ok('UNLOCK', { lock, owner, token })).toEqual({ released: false })
    expect(await t.ok('UNLOCK', { lock: 'never taken', owner })).toEqual({ released: false })
    expect(await t.ok('EXTEND_LOCK', { lock, owner, token })).toEqual({ extended: false })
    expect(await t.ok('GET_LOCK', { lock })).toEqual({
      held: false,
      owner: null,
      token,
      expires_in: null,
      waiters: 0,
    })
  })

  it('lasts so long from its extension on, by default as long as before', async () => {
    const t = await session()
    const { owner } = await taken(t, { ttl: 100 })
    const left = async (): Promise<number> => (await t.ok('GET_LOCK', { lock })).expires_in as number
    expect(await t.ok('EXTEND_LOCK', { lock, owner, ttl: 1_000 })).toEqual({ extended: true })
    expect(await left()).toBeGreaterThan(990)
    await t.ok('EXTEND_LOCK', { lock, owner, ttl: 10 })
    expect(await left()).toBeLessThanOrEqual(10)
    await t.ok('EXTEND_LOCK', { lock, owner, ttl: 500 })
    await t.ok('EXTEND_LOCK', { lock, owner })
    expect(await left()).toBeGreaterThan(490)
  })

  it('has nothing to do with a state of the same name', async () => {
    const t = await session()
    await taken(t)
    await t.ok('CREATE_STATE', { state: lock })
    await t.ok('SET_KEY', { state: 'other', key: 'k', value: 1 })
    await t.ok('DELETE_STATE', { state: lock })
    expect(await t.ok('GET_LOCK', { lock })).toMatchObject({ held: true })
    expect(await t.ok('LIST_STATES')).toEqual({ states: ['other'] })
  })

  it.each<[CommandName, JsonObject, string]>([
    ['TRY_LOCK', {}, "TRY_LOCK needs 'lock'"],
    ['TRY_LOCK', { lock: 5 }, "'lock' must be a string"],
    ['TRY_LOCK', { lock: '' }, "'lock' must not be empty"],
    ['TRY_LOCK', { lock, state: 'leads' }, "TRY_LOCK has no field 'state'"],
    ['LIST_LOCKS', { lock }, "LIST_LOCKS has no field 'lock'"],
    ['GET_KEY', { key: 'k', lock }, "GET_KEY has no field 'lock'"],
    ['TRY_LOCK', { lock, ttl: 0 }, "'ttl' of TRY_LOCK must be a number of seconds, more than 0 and at most 86400"],
    ['TRY_LOCK', { lock, ttl: 86_401 }, "'ttl' of TRY_LOCK must be a number of seconds, more than 0 and at most 86400"],
    ['LOCK', { lock, timeout: -1 }, "'timeout' of LOCK must be a number of seconds from 0 to 86400"],
    ['LOCK', { lock, timeout: 86_401 }, "'timeout' of LOCK must be a number of seconds from 0 to 86400"],
    ['TRY_LOCK', { lock, owner: '' }, "'owner' of TRY_LOCK must be a string of 1 to 255 characters"],
    ['UNLOCK', { lock }, "UNLOCK needs 'owner', a string of 1 to 255 characters"],
    ['UNLOCK', { lock, owner: 'w', token: 1.5 }, "'token' of UNLOCK must be an integer of at least 0"],
    ['LIST_LOCKS', { pattern: '[' }, "the '[' at character 1 of 'pattern' has no end"],
  ])('is refused %s with %j', async (name, fields, reason) => {
    const t = await session()
    expect(await t.call({ cmd: name, ...fields })).toMatchObject({ code: 'INVALID_REQUEST', reason })
  })

  it('is refused beyond the number that a shard may hold, until one is given back', async () => {
    const t = await session({ limits: { locksPerShardMax: 2 } })
    await t.ok('TRY_LOCK', { lock: 'a', owner: 'w' })
    await t.ok('TRY_LOCK', { lock: 'b', owner: 'w' })
    expect(await t.refused('TRY_LOCK', { lock: 'c' })).toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 2 })
    await t.ok('UNLOCK', { lock: 'a', owner: 'w' })
    expect(await t.ok('TRY_LOCK', { lock: 'c' })).toMatchObject({ acquired: true })
  })
})

describe('LOCK', () => {
  it('waits its turn, and is told who it is then', async () => {
    const t = await session()
    const { owner, token } = await taken(t)
    const second = t.ok('LOCK', { lock, ttl: 7 })
    const third = t.ok('LOCK', { lock, owner: 'third' })
    await eventually('both wait', async () => (await t.ok('GET_LOCK', { lock })).waiters === 2)
    expect(await t.ok('TRY_LOCK', { lock })).toMatchObject({ acquired: false })
    await t.ok('UNLOCK', { lock, owner })
    const grant = await second
    expect(grant).toEqual({ acquired: true, owner: expect.any(String), token: token + 1, expires_in: 7 })
    await t.ok('UNLOCK', { lock, owner: grant.owner as string })
    expect(await third).toMatchObject({ acquired: true, owner: 'third', token: token + 2 })
  })

  it('ends unacquired when its time is over', async () => {
    const t = await session()
    await taken(t)
    expect(await t.ok('LOCK', { lock, timeout: 0.02 })).toMatchObject({ acquired: false, owner: null, token: null })
    expect(await t.ok('GET_LOCK', { lock })).toMatchObject({ waiters: 0 })
  })
})

describe('LIST_LOCKS', () => {
  it.each([0, 2])('names the locks that are held on all shards, in order, with %i threads', async (shards) => {
    const t = await session({ shards })
    for (const name of ['b', 'a', 'jobs/2', 'jobs/1', 'caf\u00e9']) {
      await t.ok('TRY_LOCK', { lock: name, owner: `of ${name}` })
    }
    await t.ok('TRY_LOCK', { lock: 'gone', owner: 'w' })
    await t.ok('UNLOCK', { lock: 'gone', owner: 'w' })
    const names = async (fields: JsonObject = {}) => {
      const { locks, next } = await t.ok('LIST_LOCKS', fields)
      return [(locks as JsonObject[]).map(({ lock: name }) => name), next]
    }
    expect(await names()).toEqual([['a', 'b', 'caf\u00e9', 'jobs/1', 'jobs/2'], undefined])
    expect(await names({ pattern: 'jobs/*' })).toEqual([['jobs/1', 'jobs/2'], undefined])
    expect(await names({ limit: 2 })).toEqual([['a', 'b'], 'b'])
    expect(await names({ limit: 3, after: 'b' })).toEqual([['caf\u00e9', 'jobs/1', 'jobs/2'], undefined])
    expect((await t.ok('LIST_LOCKS', { limit: 1 })).locks).toEqual([
      { lock: 'a', owner: 'of a', token: expect.any(Number), expires_in: expect.any(Number), waiters: 0 },
    ])
    expect((await t.ok('STATS')).totals).toMatchObject({ locks: 5, lock_grants: 6 })
  })

  it('takes any number of locks, in steps', async () => {
    const t = await session()
    const all = Array.from({ length: 3_000 }, (_, index) => `n/${String(index).padStart(4, '0')}`)
    await Promise.all(all.map((name) => t.ok('TRY_LOCK', { lock: name })))
    const [list, other] = await Promise.all([t.ok('LIST_LOCKS', { pattern: 'n/*' }), t.ok('LIST_LOCKS', { limit: 1 })])
    expect((list.locks as JsonObject[]).map(({ lock: name }) => name)).toEqual(all)
    expect(other).toMatchObject({ next: 'n/0000' })
  })
})

describe('a fence', () => {
  async function fenced(token: number, t: Session, fields: JsonObject = {}): Promise<JsonObject> {
    return t.send('CREATE_RECORD', { data: { a: 1 }, fence: { lock, token }, ...fields })
  }

  it('lets the newest token write, also after its lock was given back, and refuses an older one', async () => {
    const t = await table()
    const first = await taken(t)
    expect(await fenced(first.token, t)).toMatchObject({ status: 'ok' })
    await t.ok('UNLOCK', { lock, owner: first.owner })
    expect(await fenced(first.token, t)).toMatchObject({ status: 'ok' })
    const second = await taken(t)
    expect(await t.refused('CREATE_RECORD', { data: { a: 1 }, fence: { lock, token: first.token } })).toEqual({
      code: 'FENCED',
      message: `Lock 'deploy' was granted with token ${second.token} since token ${first.token}`,
      lock,
      token: first.token,
      newest: second.token,
    })
    expect(await fenced(second.token, t)).toMatchObject({ status: 'ok' })
    expect((await t.ok('STATS')).totals).toMatchObject({ fenced: 1 })
  })

  it.each(commandNames.filter(mayBeFenced))('may stand in %s', async (cmd) => {
    const t = await table({ a: 1 })
    const { token } = await taken(t)
    expect(await t.call({ cmd, ...samples[cmd], fence: { lock, token: token - 1 } })).toMatchObject({ code: 'FENCED' })
    expect(await t.call({ cmd, ...samples[cmd], fence: { lock, token } })).not.toMatchObject({ code: 'FENCED' })
  })

  it.each<CommandName>(['GET_RECORD', 'LIST_KEYS', 'TRY_LOCK', 'UNLOCK', 'STATS'])(
    'has no place in %s',
    async (cmd) => {
      const t = await table({ a: 1 })
      expect(await t.call({ cmd, ...samples[cmd], fence: { lock, token: 1 } })).toMatchObject({
        code: 'INVALID_REQUEST',
        reason: `${cmd} has no field 'fence'`,
      })
    },
  )

  it.each<[JsonObject, string | RegExp]>([
    [{ lock }, /must be an object with 'lock'/],
    [{ token: 1 }, /must be an object with 'lock'/],
    [{ lock, token: -1 }, /must be an object with 'lock'/],
    [{ lock, token: 1, owner: 'w' }, /must be an object with 'lock'/],
    [{ lock: '', token: 1 }, "'lock' must not be empty"],
    [{ lock: 'a\u0000', token: 1 }, "'lock' must not hold control characters"],
  ])('has to be well formed: %j', async (fence, reason) => {
    const t = await table()
    expect(await t.refused('CREATE_RECORD', { data: { a: 1 }, fence })).toMatchObject({
      code: 'INVALID_REQUEST',
      reason: expect.stringMatching(reason),
    })
  })

  it('is refused by a shard that is not the home of its lock, around a write that only one shard can run', async () => {
    const t = await session({ shards: 2 })
    await t.ok('CREATE_STATE', { state: '{x}leads' })
    const write = (name: string): Promise<JsonObject> =>
      t.send('ALTER_STATE', {
        state: '{x}leads',
        max_length: 5,
        fence: { lock: name, token: Number.MAX_SAFE_INTEGER },
      })
    const replies = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(write))
    const codes = new Set(replies.map(({ code, status }) => code ?? status))
    expect(codes).toEqual(new Set(['INVALID_REQUEST', 'ok']))
    expect(await write('{x}lock')).toMatchObject({ status: 'ok' })
  })

  it('of a name that was forgotten is good only above all tokens that could be meant', async () => {
    const t = await session({ limits: { freeLocksPerShardMax: 2 } })
    await t.ok('CREATE_STATE')
    const tokens: number[] = []
    for (const name of ['a', 'b', 'c']) {
      const { owner, token } = await taken(t, { lock: name })
      tokens.push(token)
      await t.ok('UNLOCK', { lock: name, owner })
    }
    const write = (name: string, token: number): Promise<JsonObject> =>
      fenced(token, t, { fence: { lock: name, token } })
    const [ofA = 0, ofB = 0] = tokens
    expect(await t.ok('GET_LOCK', { lock: 'a' })).toMatchObject({ token: null })
    expect(await write('a', ofA)).toMatchObject({ code: 'FENCED', newest: ofA })
    expect(await write('never taken', ofA)).toMatchObject({ code: 'FENCED' })
    expect(await write('b', ofB)).toMatchObject({ status: 'ok' })
    expect(await taken(t, { lock: 'a' })).toMatchObject({ token: (tokens.at(-1) ?? 0) + 1 })
  })
})

describe('in memory mode', () => {
  it('tokens rise over the death of a shard, which forgets its locks, and old fences are good no more', async () => {
    const engine = await openEngine({ shards: 0, faultsEnabled: true })
    onTestFinished(() => engine.close())
    const before = await engine.call({ cmd: 'TRY_LOCK', lock })
    await engine.injectFault(0, 'throw')
    await engine.call({ cmd: 'GET_LOCK', lock })
    await eventually('it is back', async () => (await engine.call({ cmd: 'GET_LOCK', lock })).status === 'ok')
    expect(await engine.call({ cmd: 'GET_LOCK', lock })).toMatchObject({ held: false, token: null })
    const write = (token: unknown): Promise<JsonObject> =>
      engine.call({ cmd: 'SET_KEY', key: 'k', value: 1, fence: { lock, token: token as number } })
    expect(await write(before.token)).toMatchObject({ code: 'FENCED' })
    const after = await engine.call({ cmd: 'TRY_LOCK', lock })
    expect(after.token).toBeGreaterThan(before.token as number)
    expect(await write(before.token)).toMatchObject({ code: 'FENCED' })
    expect(await write(after.token)).toMatchObject({ status: 'ok' })
  })
})
