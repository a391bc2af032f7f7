// Snapshots: what every kind of state held at one moment, kept under a label and put back; on one shard and over two. What
// they survive is in test/shard and test/soak.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import { everyKind } from '../support/every-kind.ts'
import { InlineShards } from '../support/inline-shards.ts'
import { Session, session } from '../support/session.ts'

async function started(shards: number, size = 5): Promise<Session> {
  const { call } = await InlineShards.started(shards)
  const t = new Session(call)
  for (const command of everyKind(size)) {
    if (command.cmd === 'SET_STATE') await t.call({ cmd: 'CREATE_STATE', state: command.state as string })
    expect(await t.call(command)).toMatchObject({ status: 'ok' })
  }
  return t
}

/** What a reader sees of a state, but for versions, which a restore moves on. */
function unversioned(contents: Record<string, JsonObject>): unknown {
  const moves = ['version', 'state_version', 'revision']
  return JSON.parse(JSON.stringify(contents, (field, value: unknown) => (moves.includes(field) ? undefined : value)))
}

/** Changes everything that there is. */
async function spoil(t: Session): Promise<void> {
  await t.ok('SET_STATE', { state: 'leads', data: [{ n: 0, text: 'spoilt' }] })
  await t.ok('ALTER_STATE', { state: 'replaced', add_fields: { extra: 1 } })
  await t.ok('DELETE_RECORD', { state: 'replaced', id: 'r1' })
  await t.ok('CLEAR_KEYS', { state: 'keys' })
  await t.ok('SET_KEY', { state: 'keys', key: 'jobs', value: 'no list' })
  await t.ok('DELETE_STATE', { state: 'sources' })
  await t.ok('CREATE_STATE', { state: 'later' })
}

describe.each([1, 2, 3])('a snapshot over %i shards', (shards) => {
  it('puts back all that every kind of state held, and leaves other states alone', async () => {
    const t = await started(shards)
    const before = await t.contents()
    const created = await t.ok('CREATE_SNAPSHOT', { label: 'whole' })
    expect(created).toMatchObject({ label: 'whole', states: 4, records: 22, replaced: false, dropped: [] })
    await spoil(t)
    const { label, states, records } = await t.ok('RESTORE_SNAPSHOT', { label: 'whole' })
    expect({ label, states, records }).toEqual({ label: 'whole', states: 4, records: 22 })
    const { later, ...after } = await t.contents()
    expect(unversioned(after)).toEqual(unversioned(before))
    expect(later).toMatchObject({ name: 'later', version: 0 })
  })

  it('gives versions that stand behind all that were seen', async () => {
    const t = await started(shards)
    await t.ok('CREATE_SNAPSHOT', { label: 'whole' })
    await spoil(t)
    const [leads, keys] = [Number(await t.version('leads')), Number(await t.version('keys'))]
    const jobs = Number((await t.ok('GET_KEY', { state: 'keys', key: 'jobs' })).version)
    await t.ok('RESTORE_SNAPSHOT', {})
    expect([await t.version('leads'), await t.version('keys')]).toEqual([leads + 1, keys + 1])
    expect(await t.ok('GET_RECORD', { state: 'leads', id: 1 })).toMatchObject({ revision: leads + 1 })
    const list = await t.ok('GET_KEY', { state: 'keys', key: 'jobs' })
    expect(list).toMatchObject({ revision: keys + 1 })
    expect(Number(list.version)).toBeGreaterThan(jobs)
    expect(await t.ok('GET_KEY', { state: 'keys', key: 'k/1' })).toMatchObject({ version: 2, revision: keys + 1 })
    // A name that was deleted goes on behind its deletion.
    expect(Number(await t.version('sources'))).toBeGreaterThan(12)
  })

  it('restores only the states that are named', async () => {
    const t = await started(shards)
    const before = await t.contents()
    await t.ok('CREATE_SNAPSHOT', { label: 'whole' })
    await spoil(t)
    const { keys } = await t.contents()
    expect(await t.ok('RESTORE_SNAPSHOT', { label: 'whole', states: ['leads', 'sources', 'leads'] })).toMatchObject({
      states: 2,
    })
    const after = await t.contents()
    expect(unversioned({ a: after.leads ?? {}, b: after.sources ?? {} })).toEqual(
      unversioned({ a: before.leads ?? {}, b: before.sources ?? {} }),
    )
    expect(after.keys).toEqual(keys)
  })

  it('holds only the states that are named', async () => {
    const t = await started(shards)
    expect(await t.ok('CREATE_SNAPSHOT', { label: 'some', states: ['keys', 'leads'] })).toMatchObject({ states: 2 })
    await spoil(t)
    const { replaced } = await t.contents()
    await t.ok('RESTORE_SNAPSHOT', { label: 'some' })
    expect((await t.contents()).replaced).toEqual(replaced)
    expect(await t.ok('LIST_KEYS', { state: 'keys' })).toMatchObject({ keys: expect.arrayContaining(['jobs', 'k/1']) })
  })

  it('is one of a list that tells of each, the newest last', async () => {
    const t = await started(shards)
    expect(await t.ok('LIST_SNAPSHOTS')).toEqual({ snapshots: [] })
    const one = await t.ok('CREATE_SNAPSHOT', { label: 'one' })
    const two = await t.ok('CREATE_SNAPSHOT', { label: 'two', states: ['keys'] })
    const shown = ({ label, created_at, states, records, bytes }: JsonObject) => ({
      label,
      created_at,
      states,
      records,
      bytes,
    })
    expect(await t.ok('LIST_SNAPSHOTS')).toEqual({ snapshots: [shown(one), shown(two)] })
    expect(Number(one.bytes)).toBeGreaterThan(Number(two.bytes))
    expect(Math.abs(Number(one.created_at) - Date.now() / 1000)).toBeLessThan(60)
    expect(await t.ok('DELETE_SNAPSHOT', { label: 'one' })).toEqual({ deleted: true })
    expect(await t.ok('LIST_SNAPSHOTS')).toEqual({ snapshots: [shown(two)] })
  })

  it('takes the place of an older one with its label, which it was made from', async () => {
    const t = await started(shards)
    await t.ok('CREATE_SNAPSHOT', { label: 'nightly' })
    await t.ok('CREATE_SNAPSHOT', { label: 'other' })
    await t.ok('SET_KEY', { state: 'keys', key: 'k/1', value: 'newer' })
    expect(await t.ok('CREATE_SNAPSHOT', { label: 'nightly' })).toMatchObject({ replaced: true, dropped: [] })
    const { snapshots } = await t.ok('LIST_SNAPSHOTS')
    expect((snapshots as JsonObject[]).map(({ label }) => label)).toEqual(['other', 'nightly'])
    await t.ok('SET_KEY', { state: 'keys', key: 'k/1', value: 'newest' })
    await t.ok('RESTORE_SNAPSHOT', {})
    expect(await t.ok('GET_KEY', { state: 'keys', key: 'k/1' })).toMatchObject({ value: 'newer' })
  })

  it('is refused where it cannot be meant, and everything stands as it was', async () => {
    const t = await started(shards)
    expect(await t.refused('RESTORE_SNAPSHOT', {})).toEqual({
      code: 'SNAPSHOT_NOT_FOUND',
      message: 'There is no snapshot yet',
    })
    await t.ok('CREATE_SNAPSHOT', { label: 'some', states: ['keys'] })
    for (const name of ['RESTORE_SNAPSHOT', 'DELETE_SNAPSHOT'] as const) {
      expect(await t.refused(name, { label: 'none' })).toMatchObject({ code: 'SNAPSHOT_NOT_FOUND', label: 'none' })
    }
    expect(await t.refused('RESTORE_SNAPSHOT', { label: 'some', states: ['keys', 'leads'] })).toMatchObject({
      code: 'SNAPSHOT_NOT_FOUND',
      message: "Snapshot 'some' holds no state 'leads'",
      state: 'leads',
    })
    expect(await t.refused('CREATE_SNAPSHOT', { label: 'x', states: ['keys', 'nowhere'] })).toMatchObject({
      code: 'STATE_NOT_FOUND',
      state: 'nowhere',
    })
    for (const label of ['', 'a'.repeat(256), 'a\u0000b', '\ud800']) {
      for (const name of ['CREATE_SNAPSHOT', 'RESTORE_SNAPSHOT', 'DELETE_SNAPSHOT'] as const) {
        expect(await t.refused(name, { label })).toMatchObject({ code: 'INVALID_REQUEST' })
      }
    }
    for (const states of [[], [''], ['a'.repeat(256)]]) {
      expect(await t.refused('CREATE_SNAPSHOT', { label: 'x', states })).toMatchObject({ code: 'INVALID_REQUEST' })
    }
    expect((await t.ok('LIST_SNAPSHOTS')).snapshots).toHaveLength(1)
  })

  it('shows what stands before it in an array, and not what stands behind', async () => {
    const inline = await InlineShards.started(shards)
    const t = new Session(inline.call)
    await t.ok('CREATE_STATE', { state: 'leads' })
    const replies = await inline.callAll([
      { cmd: 'SET_STATE', state: 'leads', data: Array.from({ length: 3_000 }, (_, n) => ({ n, text: 'all' })) },
      { cmd: 'CREATE_SNAPSHOT', label: 'between' },
      { cmd: 'SET_STATE', state: 'leads', data: [] },
    ])
    expect(replies.map(({ status }) => status)).toEqual(['ok', 'ok', 'ok'])
    await t.ok('RESTORE_SNAPSHOT', { label: 'between', states: ['leads'] })
    expect(await t.ok('GET_STATE_INFO', { state: 'leads' })).toMatchObject({ current_length: 3_000 })
  })
})

describe('what a snapshot puts back', () => {
  it('counts on where it stood, or where it would stand by now', async () => {
    const t = await session()
    await t.ok('CREATE_STATE')
    for (const name of ['Ann', 'Bob']) await t.ok('CREATE_RECORD', { data: { name } })
    await t.ok('CREATE_SNAPSHOT', { label: 'two' })
    for (const name of ['Cid', 'Dan']) await t.ok('CREATE_RECORD', { data: { name } })
    await t.ok('RESTORE_SNAPSHOT', {})
    expect(await t.ok('CREATE_RECORD', { data: { name: 'Eve' } })).toMatchObject({ id: 5 })
    await t.ok('DELETE_STATE')
    await t.ok('RESTORE_SNAPSHOT', {})
    expect(await t.ok('CREATE_RECORD', { data: { name: 'Fay' } })).toMatchObject({ id: 3 })
  })

  it('is of the kind and the schema that it was', async () => {
    const t = await session()
    await t.ok('CREATE_STATE', { schema: { properties: { n: { type: 'integer' } }, required: ['n'] }, max_length: 2 })
    await t.ok('CREATE_RECORD', { data: { n: 1 } })
    await t.ok('CREATE_SNAPSHOT', { label: 'table' })
    await t.ok('DELETE_STATE')
    await t.ok('SET_KEY', { state: 'leads', key: 'k', value: 1 })
    await t.ok('RESTORE_SNAPSHOT', {})
    expect(await t.refused('GET_KEY', { state: 'leads', key: 'k' })).toMatchObject({ code: 'WRONG_KIND' })
    expect(await t.refused('CREATE_RECORD', { data: { n: 'x' } })).toMatchObject({ code: 'SCHEMA_MISMATCH' })
    await t.ok('CREATE_RECORD', { data: { n: 2 } })
    expect(await t.refused('CREATE_RECORD', { data: { n: 3 } })).toMatchObject({ code: 'MAX_LENGTH_REACHED' })
  })

  it('comes back to whoever waits for it, and is told to whoever watches', async () => {
    const t = await session()
    await t.ok('SET_KEY', { state: 'q', key: 'jobs', value: [1] })
    await t.ok('CREATE_SNAPSHOT', { label: 'with a job' })
    await t.ok('POP_LIST', { state: 'q', key: 'jobs' })
    const since = Number(await t.version('q'))
    const popped = t.ok('POP_LIST', { state: 'q', key: 'jobs', wait: 30 })
    const changed = t.ok('GET_CHANGES', { state: 'q', since, wait: 30 })
    await t.ok('RESTORE_SNAPSHOT', {})
    expect(await popped).toMatchObject({ item: 1 })
    const { changes } = await changed
    expect((changes as JsonObject[])[0]).toMatchObject({ version: since + 1, type: 'replaced' })
  })

  it('leaves deadlines where they are: what is over stays away, and what is due fires', async () => {
    const t = await session()
    await t.ok('SET_KEY', { state: 'k', key: 'short', value: [1, 2], ttl: 0.05 })
    await t.ok('SET_KEY', { state: 'k', key: 'long', value: 1, ttl: 1_000 })
    const definition = { initial: 'a', states: { a: { after: { '60': 'b' } }, b: {} } }
    await t.ok('CREATE_STATE', { state: 'm', kind: 'machine', definition })
    await t.ok('CREATE_INSTANCE', { state: 'm', id: 'x' })
    await t.ok('CREATE_SNAPSHOT', { label: 'early' })
    await expect.poll(async () => (await t.ok('GET_INSTANCE', { state: 'm', id: 'x' })).value).toBe('b')
    await t.ok('RESTORE_SNAPSHOT', {})
    expect(await t.ok('LIST_KEYS', { state: 'k' })).toMatchObject({ keys: ['long'] })
    const { ttl } = await t.ok('GET_TTL', { state: 'k', key: 'long' })
    expect(Number(ttl)).toBeGreaterThan(900)
    expect(await t.ok('GET_INSTANCE', { state: 'm', id: 'x' })).toMatchObject({ value: 'b' })
  })

  it('has leases that can be acknowledged, and come back after their time', async () => {
    const t = await session()
    await t.ok('SET_KEY', { state: 'q', key: 'jobs', value: ['a', 'b'] })
    const first = await t.ok('POP_LIST', { state: 'q', key: 'jobs', end: 'first', lease: 60 })
    await t.ok('POP_LIST', { state: 'q', key: 'jobs', lease: 0.05 })
    await t.ok('CREATE_SNAPSHOT', { label: 'leased' })
    await t.ok('CLEAR_KEYS', { state: 'q' })
    await t.ok('RESTORE_SNAPSHOT', {})
    const token = first.token ?? null
    expect(await t.ok('ACK_ITEM', { state: 'q', key: 'jobs', token })).toMatchObject({ acknowledged: true })
    const length = async () => (await t.ok('LIST_LENGTH', { state: 'q', key: 'jobs' })).length
    await expect.poll(length).toBe(1)
  })

  it('leaves locks out, as a token is never given twice', async () => {
    const t = await session()
    const { token } = await t.ok('TRY_LOCK', { lock: 'l', owner: 'me' })
    await t.ok('CREATE_SNAPSHOT', { label: 'locked' })
    await t.ok('UNLOCK', { lock: 'l', owner: 'me' })
    await t.ok('RESTORE_SNAPSHOT', {})
    expect(await t.ok('GET_LOCK', { lock: 'l' })).toMatchObject({ held: false })
    expect(Number((await t.ok('TRY_LOCK', { lock: 'l' })).token)).toBeGreaterThan(Number(token))
  })

  it('is empty where there was nothing', async () => {
    const t = await session()
    await t.ok('CREATE_SNAPSHOT', { label: 'empty' })
    await t.ok('CREATE_STATE')
    expect(await t.ok('RESTORE_SNAPSHOT', {})).toMatchObject({ states: 0, records: 0 })
    expect(await t.ok('LIST_STATES')).toEqual({ states: ['leads'] })
  })
})

describe('the number of snapshots', () => {
  it('is bounded: the oldest goes, by the order in which they were made', async () => {
    const t = await session({ limits: { snapshotsMax: 2 } })
    for (const label of ['a', 'b']) await t.ok('CREATE_SNAPSHOT', { label })
    expect(await t.ok('CREATE_SNAPSHOT', { label: 'c' })).toMatchObject({ dropped: ['a'] })
    expect(await t.ok('CREATE_SNAPSHOT', { label: 'b' })).toMatchObject({ dropped: [], replaced: true })
    const { snapshots } = await t.ok('LIST_SNAPSHOTS')
    expect((snapshots as JsonObject[]).map(({ label }) => label)).toEqual(['c', 'b'])
    expect(await t.refused('RESTORE_SNAPSHOT', { label: 'a' })).toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' })
  })
})
