// States as wholes: what creating, deleting, describing and listing them answers and refuses.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import { session, table } from '../support/session.ts'

describe('CREATE_STATE', () => {
  it('makes an empty state without a bound, at version 0', async () => {
    const t = await session()
    expect(await t.ok('CREATE_STATE')).toEqual({ created: true, max_length: null, version: 0 })
    expect(await t.ok('LIST_RECORDS')).toEqual({ records: [], version: 0 })
  })

  it('makes one that holds at most max_length records', async () => {
    const t = await session()
    expect(await t.ok('CREATE_STATE', { max_length: 1500 })).toEqual({ created: true, max_length: 1500, version: 0 })
  })

  it('takes the kind that it would take anyway', async () => {
    const t = await session()
    expect(await t.ok('CREATE_STATE', { kind: 'table' })).toEqual({ created: true, max_length: null, version: 0 })
  })

  it('refuses a name that is taken, whatever it would be created with', async () => {
    const t = await table({ name: 'Ann' })
    expect(await t.refused('CREATE_STATE', { max_length: 3, schema: { type: 'object' } })).toEqual({
      code: 'STATE_EXISTS',
      message: "State 'leads' already exists",
      state: 'leads',
    })
  })

  it('lets exactly one of a hundred concurrent creations win', async () => {
    const t = await session()
    const replies = await Promise.all(Array.from({ length: 100 }, () => t.send('CREATE_STATE')))
    expect(replies.filter(({ status }) => status === 'ok')).toEqual([
      { status: 'ok', created: true, max_length: null, version: 0 },
    ])
    expect(replies.filter(({ code }) => code === 'STATE_EXISTS')).toHaveLength(99)
  })

  it('refuses more states than a shard may have, until one is deleted', async () => {
    const t = await session({ limits: { statesPerShardMax: 2 } })
    for (const state of ['a', 'b']) await t.ok('CREATE_STATE', { state })
    expect(await t.refused('CREATE_STATE', { state: 'c' })).toEqual({
      code: 'LIMIT_EXCEEDED',
      message: 'The number of states of a shard exceeds the limit (2)',
      what: 'The number of states of a shard',
      limit: 2,
    })
    await t.ok('DELETE_STATE', { state: 'a' })
    await t.ok('CREATE_STATE', { state: 'c' })
  })

  it.each<[string, JsonObject, string, string]>([
    [
      'a misspelt type',
      { properties: { n: { type: 'strin' } } },
      '/properties/n/type',
      'must be one of null, boolean, integer, number, string, array, object, or an array of different ones',
    ],
    ['records that are no objects', { type: 'array' }, '/type', 'the records of a table are of type "object"'],
    ['nothing at all', {}, '', 'the schema of a table needs properties, or the type "object"'],
  ])('refuses a schema with %s, with the path', async (_what, schema, path, reason) => {
    const t = await session()
    expect(await t.refused('CREATE_STATE', { schema })).toEqual({
      code: 'INVALID_DEFINITION',
      message: `Invalid definition at '${path}': ${reason}`,
      path,
      reason,
    })
  })

  it.each<[string, JsonObject, string, string]>([
    [
      'a pattern, which could run for ever',
      { properties: { n: { pattern: '(a+)+$' } } },
      '/properties/n/pattern',
      'the keyword pattern is not supported',
    ],
    ['a reference', { properties: { n: { $ref: '#' } } }, '/properties/n/$ref', 'the keyword $ref is not supported'],
  ])('does not support a schema with %s', async (_what, schema, path, what) => {
    const t = await session()
    expect(await t.refused('CREATE_STATE', { schema })).toEqual({
      code: 'UNSUPPORTED',
      message: `Unsupported at '${path}': ${what}`,
      path,
      what,
    })
  })
})

describe('DELETE_STATE', () => {
  it('takes one version, and the state with all its records away', async () => {
    const t = await table({ name: 'Ann' }, { name: 'Bob' })
    expect(await t.ok('DELETE_STATE')).toEqual({ version: 3 })
    expect(await t.ok('LIST_STATES')).toEqual({ states: [] })
    expect(await t.refused('GET_RECORD', { id: 1 })).toEqual({
      code: 'STATE_NOT_FOUND',
      message: "State 'leads' not found",
      state: 'leads',
    })
  })

  it('leaves nothing to a state that is created under the same name', async () => {
    const t = await session()
    await t.ok('CREATE_STATE', { max_length: 2, schema: { properties: { name: { type: 'string' } } } })
    await t.ok('CREATE_RECORD', { data: { id: 7, name: 'Ann' } })
    await t.ok('DELETE_STATE')
    await t.ok('CREATE_STATE')
    expect(await t.ok('GET_SCHEMA')).toEqual({ schema: null, version: 3 })
    expect(await t.ok('CREATE_RECORD', { data: { other: true } })).toEqual({ id: 1, version: 4 })
    expect(await t.records()).toEqual([{ id: 1, other: true }])
  })

  it('leaves other states alone', async () => {
    const t = await table({ name: 'Ann' })
    await t.ok('CREATE_STATE', { state: 'other' })
    await t.ok('DELETE_STATE', { state: 'other' })
    expect(await t.ok('GET_RECORD', { id: 1 })).toEqual({ record: { id: 1, name: 'Ann' }, revision: 1, version: 1 })
  })
})

describe('GET_STATE_INFO', () => {
  it('describes an empty state, which has no schema yet', async () => {
    const t = await session()
    await t.ok('CREATE_STATE', { max_length: 1500 })
    expect(await t.ok('GET_STATE_INFO')).toEqual({
      name: 'leads',
      kind: 'table',
      max_length: 1500,
      current_length: 0,
      next_id: 1,
      schema: null,
      version: 0,
      shard: 0,
      durability: 'memory',
    })
  })

  it('describes a state that holds records, without them', async () => {
    const t = await table({ name: 'Ann', status: 'open' }, { name: 'Bob', status: 'won' })
    await t.ok('DELETE_RECORD', { id: 1 })
    expect(await t.ok('GET_STATE_INFO')).toEqual({
      name: 'leads',
      kind: 'table',
      max_length: null,
      current_length: 1,
      next_id: 3,
      schema: ['id', 'name', 'status'],
      version: 3,
      shard: 0,
      durability: 'memory',
    })
  })
})

describe('LIST_STATES', () => {
  // In the order of their UTF-8 bytes, which is not that of JavaScript's `<`: U+FFFF stands before U+1F600.
  const names = ['A', 'a', 'a/1', 'a/2', 'ab', 'b', 'caf\u00e9', '\uffff', '\u{1f600}']

  it('has nothing to list at first', async () => {
    const t = await session()
    expect(await t.ok('LIST_STATES')).toEqual({ states: [] })
  })

  describe.each([0, 2])('with %i threads', (shards) => {
    it('lists the states of every shard in byte order, by prefix, and page by page', async () => {
      const t = await session({ shards })
      for (const state of names.toReversed()) await t.ok('CREATE_STATE', { state })

      expect(await t.ok('LIST_STATES')).toEqual({ states: names })
      expect(await t.ok('LIST_STATES', { prefix: 'a' })).toEqual({ states: ['a', 'a/1', 'a/2', 'ab'] })
      expect(await t.ok('LIST_STATES', { prefix: 'a/' })).toEqual({ states: ['a/1', 'a/2'] })
      expect(await t.ok('LIST_STATES', { prefix: 'z' })).toEqual({ states: [] })
      expect(await t.ok('LIST_STATES', { limit: 9 })).toEqual({ states: names })
      expect(await t.ok('LIST_STATES', { limit: 8 })).toEqual({ states: names.slice(0, 8), next: '\uffff' })
      expect(await t.ok('LIST_STATES', { after: '\uffff' })).toEqual({ states: ['\u{1f600}'] })
      expect(await t.ok('LIST_STATES', { after: '\u{1f600}' })).toEqual({ states: [] })
      // A name to go on after need not exist.
      expect(await t.ok('LIST_STATES', { after: 'a/15', limit: 2 })).toEqual({ states: ['a/2', 'ab'], next: 'ab' })
      expect(await t.ok('LIST_STATES', { after: 'a', prefix: 'a', limit: 1 })).toEqual({ states: ['a/1'], next: 'a/1' })
      expect(await t.ok('LIST_STATES', { after: 'b', prefix: 'a' })).toEqual({ states: [] })

      const paged: unknown[] = []
      let page: JsonObject = {}
      do {
        page = await t.ok('LIST_STATES', { limit: 2, ...(page.next !== undefined && { after: page.next }) })
        paged.push(...(page.states as string[]))
      } while (page.next !== undefined)
      expect(paged).toEqual(names)
    })
  })

  it('spreads the states over the shards, and GET_STATE_INFO says where each is', async () => {
    const t = await session({ shards: 2 })
    for (const state of names) await t.ok('CREATE_STATE', { state })
    const infos = await Promise.all(names.map((state) => t.ok('GET_STATE_INFO', { state })))
    expect(new Set(infos.map(({ shard }) => shard))).toEqual(new Set([0, 1]))
  })
})
