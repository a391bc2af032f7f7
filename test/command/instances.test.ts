// Instances of machines: created, sent events, read, listed, deleted; and every refusal of these commands.
import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { type Session, session } from '../support/session.ts'

const source = {
  initial: 'pending',
  states: {
    pending: { on: { process: 'processing' } },
    processing: {
      initial: 'reading',
      on: { fail: 'failed' },
      states: { reading: { on: { read: 'indexing' } }, indexing: { on: { complete: '#indexed', note: {} } } },
    },
    indexed: { id: 'indexed', type: 'final' },
    failed: { on: { retry: { target: 'pending' } } },
  },
}

async function machine(definition: JsonObject = source, more: JsonObject = {}): Promise<Session> {
  const t = await session()
  await t.ok('CREATE_STATE', { kind: 'machine', definition, ...more })
  return t
}

async function instance(...events: readonly string[]): Promise<Session> {
  const t = await machine()
  await t.ok('CREATE_INSTANCE', { context: { by: 'Ann' } })
  for (const event of events) await t.ok('SEND_EVENT', { id: 1, event })
  return t
}

describe('CREATE_INSTANCE', () => {
  it('begins in the initial state, with ids that count up', async () => {
    const t = await machine()
    expect(await t.ok('CREATE_INSTANCE')).toEqual({ id: 1, value: 'pending', version: 1 })
    expect(await t.ok('CREATE_INSTANCE', { id: 'a' })).toEqual({ id: 'a', value: 'pending', version: 2 })
    expect(await t.ok('CREATE_INSTANCE', { id: '7' })).toEqual({ id: 7, value: 'pending', version: 3 })
    expect(await t.ok('CREATE_INSTANCE')).toEqual({ id: 8, value: 'pending', version: 4 })
  })

  it('refuses an id that is taken', async () => {
    const t = await instance()
    expect(await t.refused('CREATE_INSTANCE', { id: '1' })).toMatchObject({ code: 'INSTANCE_EXISTS', id: 1 })
  })

  it('refuses a context that is too large, as SEND_EVENT does', async () => {
    const t = await instance()
    const refusal = { code: 'LIMIT_EXCEEDED', limit: 256 * 1024 }
    const data = { text: 'x'.repeat(256 * 1024) }
    expect(await t.refused('CREATE_INSTANCE', { context: data })).toMatchObject(refusal)
    expect(await t.refused('SEND_EVENT', { id: 1, event: 'process', data })).toMatchObject(refusal)
  })

  it('refuses an automatic id past the last safe integer', async () => {
    const t = await machine()
    await t.ok('CREATE_INSTANCE', { id: Number.MAX_SAFE_INTEGER })
    expect(await t.refused('CREATE_INSTANCE')).toMatchObject({ code: 'LIMIT_EXCEEDED', what: 'The automatic id' })
  })
})

describe('SEND_EVENT', () => {
  it('moves an instance along its transitions', async () => {
    const t = await instance()
    expect(await t.ok('SEND_EVENT', { id: 1, event: 'process' })).toEqual({
      from: 'pending',
      to: { processing: 'reading' },
      changed: true,
      version: 2,
    })
    expect(await t.ok('SEND_EVENT', { id: 1, event: 'fail' })).toMatchObject({ to: 'failed' })
    expect(await t.ok('SEND_EVENT', { id: 1, event: 'retry' })).toMatchObject({ to: 'pending', version: 4 })
  })

  it('refuses an event that is not possible, and names those that are', async () => {
    const t = await instance('process')
    expect(await t.refused('SEND_EVENT', { id: 1, event: 'complete' })).toEqual({
      code: 'INVALID_TRANSITION',
      message: `'complete' is not possible from {"processing":"reading"}, but {'fail', 'read'}`,
      event: 'complete',
      value: { processing: 'reading' },
      can: ['fail', 'read'],
    })
  })

  it('names no more events than a person would read', async () => {
    const on = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`e${index}`, 'a']))
    const t = await machine({ initial: 'a', states: { a: { on } } })
    await t.ok('CREATE_INSTANCE')
    const { can } = await t.refused('SEND_EVENT', { id: 1, event: 'x' })
    expect(can).toHaveLength(20)
  })

  it('merges data into the context when the event is accepted, and only then', async () => {
    const t = await instance()
    await t.refused('SEND_EVENT', { id: 1, event: 'complete', data: { by: 'Bob' } })
    await t.ok('SEND_EVENT', { id: 1, event: 'process', data: { at: 'desk' } })
    expect(await t.ok('GET_INSTANCE', { id: 1 })).toMatchObject({ context: { by: 'Ann', at: 'desk' } })
  })

  it.each<JsonValue>([{ processing: 'reading' }, 'processing', 'processing.reading'])(
    'goes ahead where the state expected stands: %j',
    async (expected) => {
      const t = await instance('process')
      expect(await t.ok('SEND_EVENT', { id: 1, event: 'read', expected })).toMatchObject({ changed: true })
    },
  )

  it.each<JsonValue>(['pending', 'reading', 'processing.indexing', { processing: 'indexing' }, null, 1])(
    'is refused where another state stands than is expected: %j',
    async (expected) => {
      const t = await instance('process')
      const refusal = { code: 'VERSION_CONFLICT', expected, found: { processing: 'reading' } }
      expect(await t.refused('SEND_EVENT', { id: 1, event: 'read', expected })).toMatchObject(refusal)
    },
  )

  it.each(['xstate.init', 'xstate.after.10.(machine).a', '*', '', 'a\nb'])('refuses the event %j', async (event) => {
    const t = await instance()
    expect(await t.refused('SEND_EVENT', { id: 1, event })).toMatchObject({ code: 'INVALID_REQUEST' })
  })

  it('lets one of two callers win who expect the same state', async () => {
    const t = await machine({ initial: 'a', states: { a: { on: { GO: 'b' } }, b: { on: { GO: 'a' } } } })
    await t.ok('CREATE_INSTANCE')
    const send = () => t.send('SEND_EVENT', { id: 1, event: 'GO', expected: 'a' })
    const replies = await Promise.all([send(), send()])
    expect(replies.map(({ status }) => status)).toEqual(['ok', 'error'])
  })
})

describe('GET_INSTANCE', () => {
  it('tells where an instance stands, and what it can do', async () => {
    const t = await instance('process', 'read')
    expect(await t.ok('GET_INSTANCE', { id: '1' })).toEqual({
      value: { processing: 'indexing' },
      context: { by: 'Ann' },
      done: false,
      can: ['complete', 'fail'],
      revision: 3,
      created_at: expect.any(Number),
      updated_at: expect.any(Number),
      version: 3,
    })
  })

  it('tells that one is done', async () => {
    const t = await instance('process', 'read', 'complete')
    expect(await t.ok('GET_INSTANCE', { id: 1 })).toMatchObject({ value: 'indexed', done: true, can: [] })
    expect(await t.refused('SEND_EVENT', { id: 1, event: 'fail' })).toMatchObject({
      code: 'INVALID_TRANSITION',
      can: [],
    })
  })
})

describe('GET_HISTORY', () => {
  it('tells what happened, the newest last', async () => {
    const t = await instance('process', 'fail')
    expect((await t.ok('GET_HISTORY', { id: 1 })).history).toEqual([
      { from: 'pending', to: { processing: 'reading' }, event: 'process', at: expect.any(Number), version: 2 },
      { from: { processing: 'reading' }, to: 'failed', event: 'fail', at: expect.any(Number), version: 3 },
    ])
  })

  it.each([0, 1, 3])('keeps the last %i', async (limit) => {
    const t = await machine({ initial: 'a', states: { a: { on: { X: 'a' } } } }, { history_limit: limit })
    await t.ok('CREATE_INSTANCE')
    for (let count = 0; count < 10; count += 1) await t.ok('SEND_EVENT', { id: 1, event: 'X' })
    const { history } = await t.ok('GET_HISTORY', { id: 1 })
    expect((history as JsonObject[]).map(({ version }) => version)).toEqual([9, 10, 11].slice(3 - limit))
  })
})

describe('LIST_INSTANCES', () => {
  it('lists in the order of creation, page by page', async () => {
    const t = await machine()
    for (const id of ['c', 'a', 'b']) await t.ok('CREATE_INSTANCE', { id })
    const first = await t.ok('LIST_INSTANCES', { limit: 2 })
    expect(first.instances).toEqual([
      { id: 'c', value: 'pending', context: {}, done: false },
      { id: 'a', value: 'pending', context: {}, done: false },
    ])
    const second = await t.ok('LIST_INSTANCES', { limit: 2, after: first.next as string })
    expect(second).toMatchObject({ instances: [{ id: 'b' }] })
    expect(second).not.toHaveProperty('next')
  })

  it('lists those in one state, inner states included', async () => {
    const t = await machine()
    for (const events of [[], ['process'], ['process', 'read'], ['process', 'fail']]) {
      const { id } = await t.ok('CREATE_INSTANCE')
      for (const event of events) await t.ok('SEND_EVENT', { id: id as number, event })
    }
    const ids = async (path: string) =>
      ((await t.ok('LIST_INSTANCES', { in_state: path })).instances as JsonObject[]).map(({ id }) => id)
    expect(await ids('processing')).toEqual([2, 3])
    expect(await ids('processing.indexing')).toEqual([3])
    expect(await ids('indexed')).toEqual([])
  })

  it.each<JsonObject>([{ in_state: 'nowhere' }, { in_state: '' }, { after: 'x' }, { limit: 0 }])(
    'refuses %j',
    async (fields) => {
      const t = await instance()
      expect(await t.refused('LIST_INSTANCES', fields)).toMatchObject({ code: 'INVALID_REQUEST' })
    },
  )
})

describe('DELETE_INSTANCE', () => {
  it('removes an instance; a missing one is no error and no change', async () => {
    const t = await instance()
    expect(await t.ok('DELETE_INSTANCE', { id: 1 })).toEqual({ deleted: true, version: 2 })
    expect(await t.ok('DELETE_INSTANCE', { id: 1 })).toEqual({ deleted: false, version: 2 })
    expect(await t.ok('CREATE_INSTANCE')).toMatchObject({ id: 2 })
  })
})

describe('an instance that is not there', () => {
  it.each<['SEND_EVENT' | 'GET_INSTANCE' | 'GET_HISTORY', JsonObject]>([
    ['SEND_EVENT', { event: 'process' }],
    ['GET_INSTANCE', {}],
    ['GET_HISTORY', {}],
  ])('is named by the refusal of %s', async (name, fields) => {
    const t = await instance()
    expect(await t.refused(name, { id: 'x', ...fields })).toMatchObject({ code: 'INSTANCE_NOT_FOUND', id: 'x' })
  })
})
