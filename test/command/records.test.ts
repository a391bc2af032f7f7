// Single records: what creating, setting, patching, deleting and reading them answers and refuses.
import { describe, expect, it } from 'vitest'
import type { CommandName } from '../../src/protocol/commands.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { session, table } from '../support/session.ts'

const ann = { name: 'Ann', status: 'open' }
const bob = { name: 'Bob', status: 'won' }

describe('CREATE_RECORD', () => {
  it('answers with the id that it gave, counting from 1', async () => {
    const t = await table()
    expect(await t.ok('CREATE_RECORD', { data: ann })).toEqual({ id: 1, version: 1 })
    expect(await t.ok('CREATE_RECORD', { data: bob })).toEqual({ id: 2, version: 2 })
    expect(await t.records()).toEqual([
      { id: 1, ...ann },
      { id: 2, ...bob },
    ])
  })

  it('answers with the id that the data names', async () => {
    const t = await table()
    expect(await t.ok('CREATE_RECORD', { data: { ...ann, id: 'ann' } })).toEqual({ id: 'ann', version: 1 })
    expect(await t.ok('GET_RECORD', { id: 'ann' })).toEqual({ record: { id: 'ann', ...ann }, revision: 1, version: 1 })
  })

  it('takes a record without any field', async () => {
    const t = await table({})
    expect(await t.records()).toEqual([{ id: 1 }])
  })

  it.each<[string, JsonObject, JsonObject]>([
    ['an id that is taken', { ...ann, id: 1 }, { code: 'RECORD_EXISTS', message: 'Record 1 already exists', id: 1 }],
    [
      'an id that is taken, and text',
      { ...ann, id: 'x"' },
      { code: 'RECORD_EXISTS', message: 'Record "x\\"" already exists', id: 'x"' },
    ],
    [
      'a field too few',
      { name: 'Cid' },
      {
        code: 'SCHEMA_MISMATCH',
        message: "Record does not match the schema: missing fields {'status'}",
        missing: ['status'],
      },
    ],
    [
      'fields too many',
      { ...ann, z: 1, priority: 2 },
      {
        code: 'SCHEMA_MISMATCH',
        message: "Record does not match the schema: unknown fields {'priority', 'z'}",
        unknown: ['priority', 'z'],
      },
    ],
    [
      'other fields',
      { title: 'x' },
      {
        code: 'SCHEMA_MISMATCH',
        message: "Record does not match the schema: missing fields {'name', 'status'}, unknown fields {'title'}",
        missing: ['name', 'status'],
        unknown: ['title'],
      },
    ],
  ])('refuses %s', async (_what, data, refusal) => {
    const t = await table(ann, { ...bob, id: 'x"' })
    expect(await t.refused('CREATE_RECORD', { data })).toEqual(refusal)
  })

  it('is refused at max_length in the words of the seed, and welcome again after a deletion', async () => {
    const t = await session()
    await t.ok('CREATE_STATE', { state: 'campaign', max_length: 2 })
    for (const data of [ann, bob]) await t.ok('CREATE_RECORD', { state: 'campaign', data })
    expect(await t.refused('CREATE_RECORD', { state: 'campaign', data: ann })).toEqual({
      code: 'MAX_LENGTH_REACHED',
      message: "State 'campaign' has reached max_length (2)",
      state: 'campaign',
      max_length: 2,
    })
    await t.ok('DELETE_RECORD', { state: 'campaign', id: 1 })
    expect(await t.ok('CREATE_RECORD', { state: 'campaign', data: ann })).toEqual({ id: 3, version: 4 })
  })
})

describe('SET_RECORD', () => {
  it('replaces the whole record', async () => {
    const t = await table(ann, bob)
    expect(await t.ok('SET_RECORD', { id: 1, data: { status: 'lost', name: 'Ann B.' } })).toEqual({ version: 3 })
    expect(await t.ok('GET_RECORD', { id: 1 })).toEqual({
      record: { id: 1, name: 'Ann B.', status: 'lost' },
      revision: 3,
      version: 3,
    })
  })

  it('leaves the record at its place in the order', async () => {
    const t = await table(ann, bob)
    await t.ok('SET_RECORD', { id: 1, data: bob })
    expect(await t.records()).toEqual([
      { id: 1, ...bob },
      { id: 2, ...bob },
    ])
  })

  it('adds a record that is not there, last in the order', async () => {
    const t = await table(ann)
    expect(await t.ok('SET_RECORD', { id: -5, data: bob })).toEqual({ version: 2 })
    expect(await t.records()).toEqual([
      { id: 1, ...ann },
      { id: -5, ...bob },
    ])
  })

  it('takes data that repeats the id, in any of its forms', async () => {
    const t = await table(ann)
    expect(await t.ok('SET_RECORD', { id: '1', data: { id: 1, ...bob } })).toEqual({ version: 2 })
    expect(await t.ok('SET_RECORD', { id: 1, data: { id: '1', ...ann } })).toEqual({ version: 3 })
    expect(await t.records()).toEqual([{ id: 1, ...ann }])
  })

  it.each<[string, JsonObject, JsonObject]>([
    [
      'a field too few: it patches nothing',
      { id: 1, data: { name: 'Cid' } },
      {
        code: 'SCHEMA_MISMATCH',
        message: "Record does not match the schema: missing fields {'status'}",
        missing: ['status'],
      },
    ],
    [
      'a field too many',
      { id: 1, data: { ...ann, priority: 1 } },
      {
        code: 'SCHEMA_MISMATCH',
        message: "Record does not match the schema: unknown fields {'priority'}",
        unknown: ['priority'],
      },
    ],
    [
      'a new record with other fields',
      { id: 9, data: { title: 'x' } },
      {
        code: 'SCHEMA_MISMATCH',
        message: "Record does not match the schema: missing fields {'name', 'status'}, unknown fields {'title'}",
        missing: ['name', 'status'],
        unknown: ['title'],
      },
    ],
  ])('refuses %s', async (_what, fields, refusal) => {
    const t = await table(ann)
    expect(await t.refused('SET_RECORD', fields)).toEqual(refusal)
  })

  it('is refused at max_length where it would add, and not where it replaces', async () => {
    const t = await session()
    await t.ok('CREATE_STATE', { state: 'campaign', max_length: 1 })
    await t.ok('CREATE_RECORD', { state: 'campaign', data: ann })
    expect(await t.refused('SET_RECORD', { state: 'campaign', id: 2, data: bob })).toEqual({
      code: 'MAX_LENGTH_REACHED',
      message: "State 'campaign' has reached max_length (1)",
      state: 'campaign',
      max_length: 1,
    })
    expect(await t.ok('SET_RECORD', { state: 'campaign', id: 1, data: bob })).toEqual({ version: 2 })
  })
})

describe('PATCH_RECORD', () => {
  it('changes the fields that it names and no other', async () => {
    const t = await table(ann, bob)
    expect(await t.ok('PATCH_RECORD', { id: 2, data: { status: 'lost' } })).toEqual({ patched: true, version: 3 })
    expect(await t.records()).toEqual([
      { id: 1, ...ann },
      { id: 2, name: 'Bob', status: 'lost' },
    ])
  })

  it('answers patched: false where there is no such record, whatever the patch holds', async () => {
    const t = await table(ann)
    expect(await t.ok('PATCH_RECORD', { id: 2, data: { priority: 1 } })).toEqual({ patched: false, version: 1 })
    expect(await t.records()).toEqual([{ id: 1, ...ann }])
  })

  it('takes a value of any type where no JSON Schema says otherwise', async () => {
    const t = await table(ann)
    const data = { name: null, status: { deep: [1, { list: true }] } }
    await t.ok('PATCH_RECORD', { id: 1, data })
    expect(await t.records()).toEqual([{ id: 1, ...data }])
  })

  it('replaces what stands in a field, and does not merge into it', async () => {
    const t = await table({ address: { street: 'S', town: 'T' } })
    await t.ok('PATCH_RECORD', { id: 1, data: { address: { town: 'U' } } })
    expect(await t.records()).toEqual([{ id: 1, address: { town: 'U' } }])
  })

  it('refuses one unknown field in the words of the seed', async () => {
    const t = await table(ann)
    expect(await t.refused('PATCH_RECORD', { id: 1, data: { status: 'won', priority: 2 } })).toEqual({
      code: 'UNKNOWN_FIELDS',
      message: "PATCH contains unknown fields: {'priority'}",
      fields: ['priority'],
    })
  })

  it('names every unknown field, sorted', async () => {
    const t = await table(ann)
    expect(await t.refused('PATCH_RECORD', { id: 1, data: { z: 1, priority: 2 } })).toEqual({
      code: 'UNKNOWN_FIELDS',
      message: "PATCH contains unknown fields: {'priority', 'z'}",
      fields: ['priority', 'z'],
    })
  })

  it('names twenty of a flood of unknown fields', async () => {
    const t = await table(ann)
    const flood = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`f${index}`, 0]))
    const { fields } = await t.refused('PATCH_RECORD', { id: 1, data: flood })
    expect(fields).toHaveLength(20)
    expect(fields).toEqual((fields as string[]).toSorted())
    expect(flood).toMatchObject(Object.fromEntries((fields as string[]).map((field) => [field, 0])))
  })

  it('names an unknown field in short, however long its name is', async () => {
    const t = await table(ann)
    const name = 'x'.repeat(1_000_000)
    const fields = [`${'x'.repeat(100)}\u2026`]
    expect(await t.refused('PATCH_RECORD', { id: 1, data: { [name]: 1 } })).toMatchObject({ fields })
    expect(await t.refused('CREATE_RECORD', { data: { ...ann, [name]: 1 } })).toMatchObject({ unknown: fields })
    expect(await t.refused('ALTER_STATE', { drop_fields: [name] })).toMatchObject({ unknown: fields })
  })
})

describe('the id of a record', () => {
  it.each<[CommandName, JsonObject]>([
    ['SET_RECORD', { id: 1, data: { ...ann, id: 2 } }],
    ['SET_RECORD', { id: 1, data: { ...ann, id: '01' } }],
    ['SET_RECORD', { id: 1, data: { ...ann, id: null } }],
    ['SET_RECORD', { id: 1, data: { ...ann, id: {} } }],
    ['PATCH_RECORD', { id: 1, data: { id: 2 } }],
    ['PATCH_RECORD', { id: '1', data: { id: 1.5 } }],
    ['PATCH_RECORD', { id: 1, data: { id: '' } }],
  ])('is never changed: %s %j', async (name, fields) => {
    const t = await table(ann)
    expect(await t.refused(name, fields)).toEqual({
      code: 'ID_IMMUTABLE',
      message: 'The id of record 1 cannot be changed',
      id: 1,
    })
  })

  it('is never changed to another by a SET_RECORD that would add', async () => {
    const t = await table(ann)
    expect(await t.refused('SET_RECORD', { id: 'x', data: { ...ann, id: 'y' } })).toEqual({
      code: 'ID_IMMUTABLE',
      message: 'The id of record "x" cannot be changed',
      id: 'x',
    })
  })

  it('may be repeated by a patch', async () => {
    const t = await table(ann)
    expect(await t.ok('PATCH_RECORD', { id: 1, data: { id: '1' } })).toEqual({ patched: true, version: 2 })
    expect(await t.records()).toEqual([{ id: 1, ...ann }])
  })
})

describe('DELETE_RECORD', () => {
  it('says whether there was such a record', async () => {
    const t = await table(ann, bob)
    expect(await t.ok('DELETE_RECORD', { id: 1 })).toEqual({ deleted: true, version: 3 })
    expect(await t.ok('DELETE_RECORD', { id: 1 })).toEqual({ deleted: false, version: 3 })
    expect(await t.records()).toEqual([{ id: 2, ...bob }])
  })

  it('leaves the schema, though no record is left', async () => {
    const t = await table(ann)
    await t.ok('DELETE_RECORD', { id: 1 })
    expect(await t.ok('GET_SCHEMA')).toEqual({ schema: ['id', 'name', 'status'], version: 2 })
    expect(await t.refused('CREATE_RECORD', { data: { title: 'x' } })).toMatchObject({ code: 'SCHEMA_MISMATCH' })
  })

  it('lets the id come back as a new record, last in the order', async () => {
    const t = await table(ann, bob)
    await t.ok('DELETE_RECORD', { id: 1 })
    await t.ok('SET_RECORD', { id: 1, data: ann })
    expect(await t.records()).toEqual([
      { id: 2, ...bob },
      { id: 1, ...ann },
    ])
  })
})

describe('GET_RECORD', () => {
  it('reads a record with the version of its last write', async () => {
    const t = await table(ann, bob)
    expect(await t.ok('GET_RECORD', { id: 1 })).toEqual({ record: { id: 1, ...ann }, revision: 1, version: 2 })
  })

  it('reads null where there is none', async () => {
    const t = await table(ann)
    expect(await t.ok('GET_RECORD', { id: 'x' })).toEqual({ record: null, revision: 0, version: 1 })
  })
})

describe('what a caller holds', () => {
  it('is not shared with the engine: neither what was sent nor what was read', async () => {
    const t = await table()
    const data: JsonObject = { tags: ['a'] }
    const created = t.ok('CREATE_RECORD', { data })
    data.tags = ['changed after it was sent']
    await created
    for (const { tags } of await t.records()) (tags as string[]).push('changed after it was read')
    expect(await t.records()).toEqual([{ id: 1, tags: ['a'] }])
  })

  it('has the id first, then the fields as they came', async () => {
    const t = await table({ z: 1, a: 2, id: 'x' })
    expect(Object.keys((await t.records())[0] ?? {})).toEqual(['id', 'z', 'a'])
  })
})
