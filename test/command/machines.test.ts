// Machines as states: created with a definition, and given another one.
import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { type Session, session } from '../support/session.ts'

const order = {
  initial: 'open',
  states: {
    open: { on: { PAY: 'paid', CANCEL: 'cancelled' } },
    paid: { on: { SEND: 'sent' } },
    sent: {},
    cancelled: {},
  },
}

async function machine(definition: JsonObject = order, more: JsonObject = {}): Promise<Session> {
  const t = await session()
  await t.ok('CREATE_STATE', { kind: 'machine', definition, ...more })
  return t
}

describe('CREATE_STATE of kind machine', () => {
  it('keeps the definition and describes it', async () => {
    const t = await machine(order, { history_limit: 7 })
    expect(await t.ok('GET_STATE_INFO')).toEqual({
      name: 'leads',
      kind: 'machine',
      max_length: null,
      current_length: 0,
      schema: null,
      shard: 0,
      durability: 'memory',
      definition: order,
      history_limit: 7,
      next_id: 1,
      version: 0,
    })
  })

  it('keeps a hundred occurrences of each instance unless told otherwise', async () => {
    const t = await machine()
    expect(await t.ok('GET_STATE_INFO')).toMatchObject({ history_limit: 100 })
  })

  it.each<[string, JsonObject, JsonObject]>([
    ['no definition', {}, { code: 'INVALID_REQUEST', reason: "a machine needs a 'definition'" }],
    [
      'an ill-formed one',
      { definition: { initial: 'x', states: { a: {} } } },
      { code: 'INVALID_DEFINITION', path: '/initial' },
    ],
    ['one that needs code', { definition: { ...order, always: 'x' } }, { code: 'UNSUPPORTED', path: '/always' }],
    [
      'one that never rests',
      { definition: { initial: 'a', states: { a: { initial: 'b', states: { b: { type: 'final' } }, onDone: 'a' } } } },
      { code: 'INVALID_DEFINITION', path: '/states/a/onDone' },
    ],
    [
      'a path with hidden characters',
      { definition: { initial: 'a', states: { a: { 'x\u202e': 1 } } } },
      { code: 'INVALID_DEFINITION', path: '/states/a/x\ufffd' },
    ],
    [
      'a schema',
      { definition: order, schema: { type: 'object' } },
      { code: 'INVALID_REQUEST', reason: "a state of kind 'machine' has no 'schema'" },
    ],
    [
      'a bound',
      { definition: order, max_length: 3 },
      { code: 'INVALID_REQUEST', reason: "a state of kind 'machine' has no 'max_length'" },
    ],
    ['an endless history', { definition: order, history_limit: 1_001 }, { code: 'INVALID_REQUEST' }],
  ])('refuses %s', async (_what, fields, refusal) => {
    const t = await session()
    expect(await t.refused('CREATE_STATE', { kind: 'machine', ...fields })).toMatchObject(refusal)
  })

  it.each(['table', 'keys'])('is the only kind with a definition: not %s', async (kind) => {
    const t = await session()
    const refusal = { code: 'INVALID_REQUEST', reason: `a state of kind '${kind}' has no 'definition'` }
    expect(await t.refused('CREATE_STATE', { kind, definition: order })).toMatchObject(refusal)
  })

  it('makes a state that knows no records and no keys', async () => {
    const t = await machine()
    const wrong = { code: 'WRONG_KIND', kind: 'machine' }
    expect(await t.refused('CREATE_RECORD', { data: { a: 1 } })).toMatchObject(wrong)
    expect(await t.refused('SET_KEY', { state: 'leads', key: 'a', value: 1 })).toMatchObject(wrong)
    expect(await t.refused('GET_SCHEMA')).toMatchObject(wrong)
  })

  it('is deleted with its instances, and its versions go on', async () => {
    const t = await machine()
    await t.ok('CREATE_INSTANCE')
    expect(await t.ok('DELETE_STATE')).toEqual({ version: 2 })
    expect(await t.refused('GET_INSTANCE', { id: 1 })).toMatchObject({ code: 'STATE_NOT_FOUND' })
    await t.ok('CREATE_STATE', { kind: 'machine', definition: order })
    expect(await t.ok('LIST_INSTANCES')).toEqual({ instances: [], version: 3 })
  })

  it('is counted by STATS', async () => {
    const t = await machine()
    await t.ok('CREATE_INSTANCE', { context: { a: 1 } })
    const { totals } = await t.ok('STATS')
    expect(totals).toMatchObject({ states: { machine: 1 }, instances: 1, instance_bytes: expect.any(Number) })
  })
})

describe('SET_DEFINITION', () => {
  const next = { initial: 'new', states: { new: { on: { PAY: 'paid' } }, paid: {}, gone: {} } }

  it('brings instances to where they are still, or to the states that took their place', async () => {
    const t = await machine()
    for (const event of ['PAY', 'CANCEL', undefined]) {
      const { id } = await t.ok('CREATE_INSTANCE')
      if (event !== undefined) await t.ok('SEND_EVENT', { id: id as number, event })
    }
    const migrate = { open: 'new', cancelled: 'gone' }
    expect(await t.ok('SET_DEFINITION', { definition: next, migrate })).toEqual({ migrated: 3, version: 6 })
    const { instances } = await t.ok('LIST_INSTANCES')
    expect((instances as JsonObject[]).map(({ value }) => value)).toEqual(['paid', 'gone', 'new'])
    expect(await t.ok('GET_STATE_INFO')).toMatchObject({ definition: next, history_limit: 100 })
    expect(await t.ok('SEND_EVENT', { id: 3, event: 'PAY' })).toMatchObject({ from: 'new', to: 'paid' })
  })

  it('counts ids on, and keeps context and history', async () => {
    const t = await machine()
    await t.ok('CREATE_INSTANCE', { context: { by: 'Ann' } })
    await t.ok('SEND_EVENT', { id: 1, event: 'PAY' })
    await t.ok('SET_DEFINITION', { definition: next, history_limit: 5 })
    expect(await t.ok('GET_INSTANCE', { id: 1 })).toMatchObject({ context: { by: 'Ann' }, revision: 3 })
    expect((await t.ok('GET_HISTORY', { id: 1 })).history).toMatchObject([{ from: 'open', to: 'paid' }])
    expect(await t.ok('CREATE_INSTANCE')).toMatchObject({ id: 2, value: 'new' })
  })

  it.each<[string, JsonObject, JsonObject]>([
    ['an instance without a successor', {}, { code: 'INVALID_DEFINITION', path: '/migrate' }],
    [
      'a successor that is no state',
      { migrate: { open: 'nowhere' } },
      { code: 'INVALID_DEFINITION', path: '/migrate/open' },
    ],
    ['a successor that is no name', { migrate: { open: 1 } }, { code: 'INVALID_DEFINITION', path: '/migrate/open' }],
    ['an ill-formed definition', { definition: {} }, { code: 'INVALID_DEFINITION', path: '/states' }],
  ])('refuses %s, and changes nothing', async (_what, fields, refusal) => {
    const t = await machine()
    await t.ok('CREATE_INSTANCE')
    expect(await t.refused('SET_DEFINITION', { definition: next, ...fields })).toMatchObject(refusal)
  })

  it('moves thousands of instances in steps, and other states go on meanwhile', async () => {
    const t = await machine()
    const create: JsonValue[] = []
    for (let count = 0; count < 3_000; count += 1) create.push(count)
    await Promise.all(create.map(() => t.ok('CREATE_INSTANCE')))
    const order: string[] = []
    const moved = t.ok('SET_DEFINITION', { definition: next, migrate: { open: 'new' } }).then((reply) => {
      order.push('moved')
      return reply
    })
    await t.ok('SET_KEY', { key: 'a', value: 1 }).then(() => order.push('other'))
    expect(await moved).toMatchObject({ migrated: 3_000 })
    expect(order).toEqual(['other', 'moved'])
    const { instances, next: more } = await t.ok('LIST_INSTANCES', { in_state: 'new', limit: 2_000 })
    expect((instances as JsonObject[]).length).toBe(2_000)
    const rest = await t.ok('LIST_INSTANCES', { in_state: 'new', after: more as string })
    expect((rest.instances as JsonObject[]).length).toBe(1_000)
  })
})
