// Fences whose lock lives on another shard than the state: in a transaction, and around one write, which the router then
// runs as one. Through plain commands, and through the client library over real threads.
import { describe, expect, it } from 'vitest'
import type { HeldLock } from '../../src/client/held-lock.ts'
import type { CommandName } from '../../src/protocol/commands.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { clientAndServer, errorOf } from '../support/clients.ts'
import { InlineShards } from '../support/inline-shards.ts'
import { Session } from '../support/session.ts'
import { namesOnShard } from '../support/shards.ts'

/** Takes a lock, and answers with its token and how to give it back. */
async function locked(t: Session, lock: string): Promise<{ token: number; owner: string }> {
  return (await t.ok('TRY_LOCK', { lock, ttl: 60 })) as { token: number; owner: string }
}

const [near = '', state = ''] = namesOnShard(0, 2, 2)
const [far = '', other = ''] = namesOnShard(1, 2, 2)

async function session(): Promise<Session> {
  const { call } = await InlineShards.started(2)
  return new Session(call)
}

describe.each([near, far])("the fence of an operation, whose lock is '%s'", (lock) => {
  it('lets the transaction happen with the newest token, and no older one', async () => {
    const t = await session()
    const { token, owner } = await locked(t, lock)
    const ops = (value: number) => [
      { cmd: 'SET_KEY', state: other, key: 'a', value },
      { cmd: 'SET_KEY', state, key: 'a', value, fence: { lock, token } },
    ]
    expect((await t.ok('TRANSACTION', { ops: ops(1) })).results).toMatchObject([{ version: 1 }, { version: 1 }])
    await t.ok('UNLOCK', { lock, owner })
    const { token: newest } = await locked(t, lock)
    expect(await t.refused('TRANSACTION', { ops: ops(2) })).toMatchObject({
      code: 'TRANSACTION_FAILED',
      index: 1,
      cause: { code: 'FENCED', lock, token, newest },
    })
    for (const each of [state, other])
      expect(await t.ok('GET_KEY', { state: each, key: 'a' })).toMatchObject({ value: 1 })
    expect((await t.ok('STATS')).totals, 'it is counted once').toMatchObject({ fenced: 1 })
  })

  it('is counted where the whole transaction is on one shard, too, and not where something else is refused', async () => {
    const t = await session()
    const { token, owner } = await locked(t, lock)
    await t.ok('UNLOCK', { lock, owner })
    await locked(t, lock)
    const own = `${lock} of {${lock}}`
    const write = { cmd: 'SET_KEY', state: own, key: 'a', value: 1, fence: { lock, token } }
    const reads = { check: { state: own, key: 'a', exists: true } }
    expect(await t.refused('TRANSACTION', { ops: [write] })).toMatchObject({ cause: { code: 'FENCED' } })
    expect(await t.refused('TRANSACTION', { ops: [reads] })).toMatchObject({ code: 'TRANSACTION_FAILED' })
    expect((await t.ok('STATS')).totals).toMatchObject({ fenced: 1 })
  })
})

describe('a write under a fence whose lock lives on another shard', () => {
  it('happens with the newest token, and is answered as it would be without', async () => {
    const t = await session()
    const { token } = await locked(t, far)
    const fence = { lock: far, token }
    await t.ok('CREATE_STATE', { state })
    expect(await t.ok('CREATE_RECORD', { state, data: { a: 1 }, fence, request_id: 7 })).toEqual({
      id: 1,
      version: 1,
      request_id: 7,
    })
    expect(await t.ok('INCREMENT_KEY', { state: `${state}{${state}}`, key: 'n', fence })).toMatchObject({ value: 1 })
    expect(await t.refused('CREATE_RECORD', { state, data: 'none', fence })).toMatchObject({ code: 'INVALID_REQUEST' })
  })

  it('is refused with FENCED under an older token, and changes nothing', async () => {
    const t = await session()
    const { token, owner } = await locked(t, far)
    await t.ok('UNLOCK', { lock: far, owner })
    const { token: newest } = await locked(t, far)
    const fence = { lock: far, token }
    expect(await t.refused('SET_KEY', { state, key: 'a', value: 1, fence })).toMatchObject({
      code: 'FENCED',
      message: `Lock '${far}' was granted with token ${newest} since token ${token}`,
      lock: far,
      token,
      newest,
    })
    expect(await t.ok('GET_KEY', { state, key: 'a', default: null })).toMatchObject({ version: 0 })
    expect((await t.ok('STATS')).totals).toMatchObject({ fenced: 1 })
  })

  it('runs once under an idempotency key, with its own reply each time', async () => {
    const t = await session()
    const { token } = await locked(t, far)
    const increment = { state, key: 'a', fence: { lock: far, token }, idempotency_key: 'once' }
    const first = await t.ok('INCREMENT_KEY', increment)
    expect(first).toMatchObject({ value: 1 })
    expect(await t.ok('INCREMENT_KEY', increment)).toEqual(first)
    expect(await t.refused('INCREMENT_KEY', { ...increment, by: 2 })).toMatchObject({ code: 'KEY_REUSED' })
    expect(await t.ok('GET_KEY', { state, key: 'a' })).toMatchObject({ value: 1 })
  })

  it.each<[string, CommandName, JsonObject]>([
    ['that waits', 'POP_LIST', { key: 'a', wait: 1 }],
    ['that is no operation of a transaction', 'DELETE_STATE', {}],
  ])('%s is refused in words', async (_, cmd, args) => {
    const t = await session()
    const { token } = await locked(t, far)
    const reply = await t.refused(cmd, { state, ...args, fence: { lock: far, token } })
    expect(reply).toMatchObject({ code: 'INVALID_REQUEST' })
    expect(reply.reason).toContain('lives on another shard than the state')
  })
})

describe('with the client library', () => {
  it('runs over threads, with the results and errors of the write alone', async () => {
    const { client } = await clientAndServer({ shards: 2 })
    const held = (await client.lock(far, { ttlMs: 60_000 })) as HeldLock
    const keys = client.keys<number>(state)
    expect(await keys.increment('n', 2, { fence: held })).toBe(2)
    const results = await client.transaction((t) => [t.keys<number>(state).increment('n', 1, { fence: held })])
    expect(results).toEqual([3])
    const old = { lock: far, token: held.token }
    await held.release()
    await client.lock(far, { ttlMs: 60_000 })
    expect(await errorOf(keys.increment('n', 1, { fence: old }))).toMatchObject({ code: 'FENCED', details: old })
    expect(await keys.get('n')).toBe(3)
  })
})
