// Tables whose records follow a machine with one field: what a new record begins with, and which writes may move it.
import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { type Session, session } from '../support/session.ts'

const definition = {
  initial: 'open',
  states: { open: { on: { WORK: 'busy' } }, busy: { on: { DONE: 'done', DROP: 'open' } }, done: { type: 'final' } },
}
const machine = { field: 'status', definition }

async function jobs(...records: JsonObject[]): Promise<Session> {
  const t = await session()
  await t.ok('CREATE_STATE', { machine })
  for (const data of records) await t.ok('CREATE_RECORD', { data })
  return t
}

describe('a table with a bound field', () => {
  it('says so', async () => {
    const t = await jobs()
    expect(await t.ok('GET_STATE_INFO')).toMatchObject({ kind: 'table', machine })
  })

  it('fills the field of a new record with the initial state, so that it is of the schema', async () => {
    const t = await jobs({ name: 'a' })
    await t.ok('SET_RECORD', { id: 'b', data: { name: 'b' } })
    expect(await t.records()).toEqual([
      { id: 1, name: 'a', status: 'open' },
      { id: 'b', name: 'b', status: 'open' },
    ])
    expect((await t.ok('GET_SCHEMA')).schema).toEqual(['id', 'name', 'status'])
  })

  it.each<JsonValue>(['busy', 'nowhere', null, 1, 'constructor'])('refuses a new record with %j', async (status) => {
    const t = await jobs()
    const refusal = { code: 'INVALID_TRANSITION', field: 'status', value: null, can: ['open'] }
    expect(await t.refused('CREATE_RECORD', { data: { name: 'a', status } })).toMatchObject(refusal)
    expect(await t.refused('SET_RECORD', { id: 7, data: { name: 'a', status } })).toMatchObject(refusal)
    const row = { ...refusal, row: 1 }
    expect(await t.refused('SET_STATE', { data: [{ name: 'a' }, { name: 'b', status }] })).toMatchObject(row)
  })

  it('lets writes move the field along the transitions, and leave it', async () => {
    const t = await jobs({ name: 'a' })
    await t.ok('PATCH_RECORD', { id: 1, data: { status: 'busy' } })
    await t.ok('PATCH_RECORD', { id: 1, data: { name: 'b', status: 'busy' } })
    await t.ok('SET_RECORD', { id: 1, data: { name: 'c', status: 'done' } })
    await t.ok('PATCH_RECORD', { id: 1, data: { name: 'd' } })
    expect(await t.records()).toEqual([{ id: 1, name: 'd', status: 'done' }])
  })

  it.each<JsonValue>(['done', 'nowhere', null, {}])(
    'refuses a move to %j, and names those that are possible',
    async (status) => {
      const t = await jobs({ name: 'a' })
      const refusal = { code: 'INVALID_TRANSITION', field: 'status', value: 'open', can: ['busy'] }
      expect(await t.refused('PATCH_RECORD', { id: 1, data: { status } })).toMatchObject(refusal)
      expect(await t.refused('SET_RECORD', { id: 1, data: { name: 'a', status } })).toMatchObject(refusal)
    },
  )

  it('holds SET_STATE to it too: a row that names a record goes on from there, the others begin', async () => {
    const t = await jobs({ name: 'a' }, { name: 'b' })
    await t.ok('SET_STATE', { data: [{ id: 1, name: 'a', status: 'busy' }, { name: 'c' }] })
    expect(await t.records()).toEqual([
      { id: 1, name: 'a', status: 'busy' },
      { id: 2, name: 'c', status: 'open' },
    ])
    const refusal = { code: 'INVALID_TRANSITION', value: 'open', row: 0 }
    expect(await t.refused('SET_STATE', { data: [{ id: 2, name: 'c', status: 'done' }] })).toMatchObject(refusal)
    expect(await t.refused('SET_STATE', { data: [{ id: 2, name: 'c' }] })).toMatchObject({ code: 'SCHEMA_MISMATCH' })
  })

  it('keeps the field when it is altered', async () => {
    const t = await jobs({ name: 'a' })
    const refusal = { code: 'INVALID_REQUEST' }
    expect(await t.refused('ALTER_STATE', { drop_fields: ['status'] })).toMatchObject(refusal)
    expect(await t.refused('ALTER_STATE', { add_fields: { status: 'x' } })).toMatchObject(refusal)
    await t.ok('ALTER_STATE', { add_fields: { by: null } })
    expect(await t.refused('PATCH_RECORD', { id: 1, data: { status: 'done' } })).toMatchObject({ value: 'open' })
  })

  it('has the field from the beginning, also where it is altered before its first record', async () => {
    const t = await jobs()
    expect(await t.ok('ALTER_STATE', { add_fields: { by: null } })).toMatchObject({ schema: ['by', 'id', 'status'] })
    await t.ok('CREATE_RECORD', { data: { by: 'Ann' } })
    expect(await t.records()).toEqual([{ id: 1, by: 'Ann', status: 'open' }])
  })

  it('goes together with a JSON Schema that has the field', async () => {
    const t = await session()
    const schema = { type: 'object', properties: { status: { type: 'string' } }, required: ['status'] }
    await t.ok('CREATE_STATE', { machine, schema })
    await t.ok('CREATE_RECORD', { data: {} })
    expect(await t.records()).toEqual([{ id: 1, status: 'open' }])
  })

  it.each<[string, JsonObject, JsonObject]>([
    ['no field', { definition }, { code: 'INVALID_REQUEST' }],
    ['the id', { field: 'id', definition }, { code: 'INVALID_REQUEST' }],
    ['no definition', { field: 'status' }, { code: 'INVALID_REQUEST' }],
    ['something more', { ...machine, initial: 'x' }, { code: 'INVALID_REQUEST' }],
    [
      'timers',
      { field: 'status', definition: { initial: 'a', states: { a: { after: { 10: 'a' } } } } },
      { code: 'UNSUPPORTED', path: '/states/a' },
    ],
    [
      'states inside',
      { field: 'status', definition: { initial: 'a', states: { a: { initial: 'b', states: { b: {} } } } } },
      { code: 'UNSUPPORTED', path: '/states/a' },
    ],
    ['an ill-formed definition', { field: 'status', definition: {} }, { code: 'INVALID_DEFINITION', path: '/states' }],
  ])('is refused with %s', async (_what, bound, refusal) => {
    const t = await session()
    expect(await t.refused('CREATE_STATE', { machine: bound })).toMatchObject(refusal)
  })

  it('is refused where the JSON Schema lacks the field, and for other kinds', async () => {
    const t = await session()
    const schema = { type: 'object', properties: { name: {} } }
    expect(await t.refused('CREATE_STATE', { machine, schema })).toMatchObject({ code: 'INVALID_REQUEST' })
    expect(await t.refused('CREATE_STATE', { machine, kind: 'keys' })).toMatchObject({ code: 'INVALID_REQUEST' })
    expect(await t.refused('CREATE_STATE', { machine, kind: 'machine', definition })).toMatchObject({
      code: 'INVALID_REQUEST',
    })
  })
})
