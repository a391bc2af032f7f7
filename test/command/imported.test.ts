// What an import rests on: fields and counters that a new state begins with, ids that are taken out of use, and records and
// instances that may stand anywhere in their machine, since they came there before they were exported.
import { describe, expect, it } from 'vitest'
import { type Configuration, compileMachine, type Machine } from '../../src/state/machine.ts'
import { session } from '../support/session.ts'

const lamp = { initial: 'shut', states: { shut: { on: { OPEN: 'ajar' } }, ajar: { on: { OPEN: 'open' } }, open: {} } }
const door = {
  initial: 'shut',
  states: { shut: { on: { OPEN: 'ajar' } }, ajar: { on: { OPEN: 'open' } }, open: { after: { 60_000: 'shut' } } },
}

describe('CREATE_STATE', () => {
  it('gives a table its fields and its next id before its first record', async () => {
    const t = await session()
    await t.ok('CREATE_STATE', { fields: ['name', 'age'], next_id: 7 })
    expect(await t.ok('GET_STATE_INFO')).toMatchObject({ schema: ['age', 'id', 'name'], next_id: 7, current_length: 0 })
    expect(await t.send('CREATE_RECORD', { data: { name: 'Ann' } })).toMatchObject({ code: 'SCHEMA_MISMATCH' })
    expect(await t.ok('CREATE_RECORD', { data: { name: 'Ann', age: 1 } })).toMatchObject({ id: 7 })
  })

  it('gives a machine its next id', async () => {
    const t = await session()
    await t.ok('CREATE_STATE', { kind: 'machine', definition: door, next_id: 41 })
    expect(await t.ok('CREATE_INSTANCE')).toMatchObject({ id: 41 })
    expect(await t.ok('GET_STATE_INFO')).toMatchObject({ next_id: 42 })
  })

  it('counts the field of a machine among the fields', async () => {
    const t = await session()
    await t.ok('CREATE_STATE', { fields: ['name'], machine: { field: 'status', definition: lamp } })
    expect(await t.ok('GET_STATE_INFO')).toMatchObject({ schema: ['id', 'name', 'status'] })
  })

  it.each([
    ['fields beside a schema', { fields: ['a'], schema: { type: 'object' } }, 'INVALID_REQUEST'],
    ['a field of a forbidden name', { fields: ['__proto__'] }, 'INVALID_REQUEST'],
    [
      'more fields than a record may have',
      { fields: Array.from({ length: 1_024 }, (_, index) => `f${index}`) },
      'LIMIT_EXCEEDED',
    ],
    ['fields of a keyspace', { kind: 'keys', fields: ['a'] }, 'INVALID_REQUEST'],
    ['a next id of a keyspace', { kind: 'keys', next_id: 1 }, 'INVALID_REQUEST'],
    ['a next id of nought', { next_id: 0 }, 'INVALID_REQUEST'],
  ])('refuses %s', async (_what, args, code) => {
    const t = await session()
    expect(await t.send('CREATE_STATE', args)).toMatchObject({ code })
    expect(await t.ok('LIST_STATES')).toEqual({ states: [] })
  })
})

describe('RESERVE_IDS', () => {
  it('takes the next ids out of use, once each', async () => {
    const t = await session()
    await t.ok('CREATE_STATE')
    expect(await t.ok('RESERVE_IDS', { count: 3 })).toEqual({ first: 1, version: 1 })
    expect(await t.ok('RESERVE_IDS', { count: 2 })).toEqual({ first: 4, version: 2 })
    expect(await t.ok('CREATE_RECORD', { data: { a: 1 } })).toMatchObject({ id: 6 })
    expect(await t.ok('CREATE_RECORD', { data: { id: 2, a: 1 } })).toMatchObject({ id: 2 })
    expect(await t.ok('GET_CHANGES', { since: 0, limit: 1 })).toMatchObject({ changes: [{ type: 'ids_reserved' }] })
  })

  it('is refused past the last id', async () => {
    const t = await session()
    await t.ok('CREATE_STATE', { next_id: Number.MAX_SAFE_INTEGER - 1 })
    expect(await t.send('RESERVE_IDS', { count: 3 })).toMatchObject({ code: 'LIMIT_EXCEEDED' })
    expect(await t.ok('RESERVE_IDS', { count: 2 })).toMatchObject({ first: Number.MAX_SAFE_INTEGER - 1 })
    expect(await t.ok('GET_STATE_INFO')).toMatchObject({ next_id: null })
    expect(await t.send('CREATE_RECORD', { data: {} })).toMatchObject({ code: 'LIMIT_EXCEEDED' })
  })
})

describe('a record that was exported', () => {
  it('may stand anywhere in the machine of its table, and nowhere else', async () => {
    const t = await session()
    await t.ok('CREATE_STATE', { machine: { field: 'status', definition: lamp } })
    const at = (status: string) => ({ data: { id: 1, status } })
    expect(await t.send('CREATE_RECORD', at('open'))).toMatchObject({ code: 'INVALID_TRANSITION' })
    expect(await t.send('CREATE_RECORD', { ...at('gone'), imported: true })).toMatchObject({
      code: 'INVALID_TRANSITION',
    })
    await t.ok('CREATE_RECORD', { ...at('open'), imported: true })
    expect(await t.send('SET_RECORD', { id: 1, ...at('ajar') })).toMatchObject({ code: 'INVALID_TRANSITION' })
    await t.ok('SET_RECORD', { id: 1, ...at('ajar'), imported: true })
    expect((await t.ok('GET_RECORD', { id: 1 })).record).toEqual({ id: 1, status: 'ajar' })
  })
})

describe('an instance that was exported', () => {
  it('stands where it stood, with its context, and its timers begin anew', async () => {
    const t = await session()
    await t.ok('CREATE_STATE', { kind: 'machine', definition: door })
    expect(await t.ok('CREATE_INSTANCE', { id: 'a', value: 'open', context: { by: 'Ann' } })).toMatchObject({
      id: 'a',
      value: 'open',
    })
    expect(await t.ok('GET_INSTANCE', { id: 'a' })).toMatchObject({ value: 'open', context: { by: 'Ann' } })
    const machine = compileMachine(door) as Machine
    const timers = machine.timers(machine.restore('open') as Configuration)
    expect(timers).toHaveLength(1)
    expect(machine.beginningAt('open')).toMatchObject({ beginning: { to: { value: 'open' }, armed: timers } })
  })

  it.each(['nowhere', { shut: {} }, 5, null])('cannot stand at %j', async (value) => {
    const t = await session()
    await t.ok('CREATE_STATE', { kind: 'machine', definition: door })
    expect(await t.send('CREATE_INSTANCE', { value })).toMatchObject({ code: 'INVALID_REQUEST' })
  })
})
