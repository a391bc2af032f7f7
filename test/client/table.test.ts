// Tables with methods, over a connection and over an engine in the same process: one suite, two callers.
import { describe, expect, it, onTestFinished } from 'vitest'
import type { JsonFields, JsonObject, Table } from '../../src/client/index.ts'
import { openEngine } from '../../src/engine.ts'
import { clientAndServer, errorOf } from '../support/clients.ts'

interface Lead {
  name: string
  status: string
}

interface Tables {
  table<Row extends JsonFields<Row> = JsonObject>(name: string): Table<Row>
}

async function embedded(): Promise<Tables> {
  const engine = await openEngine({ shards: 0 })
  onTestFinished(() => engine.close())
  return engine
}

async function connected(): Promise<Tables> {
  return (await clientAndServer()).client
}

describe.each([
  ['a connection', connected],
  ['an embedded engine', embedded],
])('a table over %s', (_, open) => {
  async function leads(...rows: Lead[]): Promise<Table<Lead>> {
    const table = (await open()).table<Lead>('leads')
    await table.create()
    if (rows.length > 0) await table.replace(rows)
    return table
  }
  const ann: Lead = { name: 'Ann', status: 'open' }
  const ben: Lead = { name: 'Ben', status: 'won' }

  it('is created, described, altered and dropped', async () => {
    const table = (await open()).table('leads')
    expect(await table.create({ maxLength: 2 })).toBeUndefined()
    expect(await table.schema()).toEqual({ fields: null, jsonSchema: undefined })
    await table.insert({ name: 'Ann' })
    expect(await table.info()).toEqual({
      name: 'leads',
      kind: 'table',
      maxLength: 2,
      currentLength: 1,
      fields: ['id', 'name'],
      version: 1,
      shard: 0,
      durability: 'memory',
    })
    await table.alter({ maxLength: null, addFields: { status: 'new' } })
    expect(await table.schema()).toEqual({ fields: ['id', 'name', 'status'], jsonSchema: undefined })
    await table.alter({ dropFields: ['name'] })
    expect(await table.all()).toEqual([{ id: 1, status: 'new' }])
    expect(await table.info()).toMatchObject({ maxLength: null, fields: ['id', 'status'] })
    await table.drop()
    expect(await errorOf(table.info())).toMatchObject({ code: 'STATE_NOT_FOUND', details: { state: 'leads' } })
  })

  it('may have a JSON Schema, which it tells', async () => {
    const table = (await open()).table('leads')
    const schema = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] }
    await table.create({ schema })
    expect(await table.schema()).toEqual({ fields: ['id', 'name'], jsonSchema: schema })
    expect((await errorOf(table.insert({ name: 5 }))).message).toBe(
      "Record does not match the schema: '/name' must be a string",
    )
  })

  it('inserts, reads, sets, patches and deletes records', async () => {
    const table = await leads()
    expect(await table.insert(ann)).toBe(1)
    expect(await table.insert({ ...ben, id: 'b' })).toBe('b')
    expect(await table.get(1)).toEqual({ id: 1, ...ann })
    expect(await table.get(2)).toBeNull()
    expect(await table.set(2, ben)).toBeUndefined()
    expect(await table.patch(2, { status: 'lost' })).toBe(true)
    expect(await table.patch(3, { status: 'lost' })).toBe(false)
    expect(await table.delete('b')).toBe(true)
    expect(await table.delete('b')).toBe(false)
    expect(await table.all()).toEqual([
      { id: 1, ...ann },
      { id: 2, name: 'Ben', status: 'lost' },
    ])
  })

  it('writes on a condition: what a field holds, or the revision that was read', async () => {
    const table = await leads(ann)
    const entry = await table.entry(1)
    expect(entry).toEqual({ record: { id: 1, ...ann }, revision: 1 })
    expect(await table.entry(2)).toBeNull()
    expect(await table.patch(1, { status: 'won' }, { if: { status: ann.status } })).toBe(true)
    expect(await errorOf(table.patch(1, { status: 'lost' }, { if: { status: ann.status } }))).toMatchObject({
      code: 'VERSION_CONFLICT',
      details: { expected: { status: ann.status }, found: { status: 'won' } },
    })
    const stale = { if: { revision: 1 } }
    expect(await errorOf(table.set(1, ben, stale))).toMatchObject({ code: 'VERSION_CONFLICT', details: { found: 2 } })
    expect(await errorOf(table.delete(1, stale))).toMatchObject({ code: 'VERSION_CONFLICT' })
    expect(await table.set(2, ben, { if: { revision: 0 } })).toBeUndefined()
    expect(await table.delete(1, { if: { revision: 2, status: 'won' } })).toBe(true)
  })

  it('replaces all its records, up to its bound', async () => {
    const table = await leads(ann)
    await table.alter({ maxLength: 2 })
    expect(await table.replace([ben, ben, ann])).toEqual({ accepted: 2, dropped: 1 })
    expect((await table.all()).map(({ name }) => name)).toEqual(['Ben', 'Ben'])
  })

  it('refuses with an error that carries the code, the words and the data of the refusal', async () => {
    const table = await leads(ann)
    const error = await errorOf(table.patch(1, { priority: 2 } as unknown as Partial<Lead>))
    expect(error).toMatchObject({
      name: 'HoldfastError',
      code: 'UNKNOWN_FIELDS',
      message: "PATCH contains unknown fields: {'priority'}",
      details: { fields: ['priority'] },
      retryable: false,
      mayHaveRun: false,
    })
    expect(await errorOf(table.create())).toMatchObject({ code: 'STATE_EXISTS' })
    expect(await errorOf(table.insert({ ...ann, id: 1 }))).toMatchObject({ code: 'RECORD_EXISTS' })
  })

  it.each([
    ['a value that is not a finite number', { name: Number.NaN }],
    ['a field that is undefined', { name: undefined }],
    ['an instance of a class', { name: new Date() }],
    ['a lone surrogate', { name: '\ud800' }],
    ['no object at all', 'Ann'],
  ])('refuses %s, and changes nothing', async (_what, data) => {
    const table = await leads(ann)
    expect(await errorOf(table.insert(data as unknown as Lead))).toMatchObject({ code: 'INVALID_REQUEST' })
    expect(await errorOf(table.patch(1, data as unknown as Lead))).toMatchObject({ code: 'INVALID_REQUEST' })
    expect(await table.all()).toEqual([{ id: 1, ...ann }])
  })

  it('is not affected by what the caller does with its objects after the call', async () => {
    const table = await leads()
    const row = { name: 'Ann', status: 'open' }
    const calls = ['a', 'b', 'c'].map((name) => {
      row.name = name
      return table.insert(row)
    })
    row.name = 'none'
    await Promise.all(calls)
    expect((await table.all()).map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    const read = await table.get(1)
    if (read !== null) read.name = 'changed'
    expect(await table.get(1)).toMatchObject({ name: 'a' })
  })

  it('carries out calls in the order in which they were made', async () => {
    const table = await leads(ann)
    const seen: unknown[] = []
    await Promise.all(
      Array.from({ length: 50 }, async (_unused, index) => {
        const patched = table.patch(1, { status: `status ${index}` })
        const read = await table.get(1)
        seen[index] = read?.status
        await patched
      }),
    )
    expect(seen).toEqual(Array.from({ length: 50 }, (_unused, index) => `status ${index}`))
  })

  it('ends a call by its signal, with the reason of the signal', async () => {
    const table = await leads(ann)
    const reason = new Error('enough')
    await expect(table.get(1, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const controller = new AbortController()
    const read = table.get(1, { signal: controller.signal })
    controller.abort(reason)
    await expect(read).rejects.toBe(reason)
    expect(await table.get(1, { signal: new AbortController().signal, timeoutMs: 10_000 })).toEqual({ id: 1, ...ann })
  })

  describe('that is listed', () => {
    const rows = Array.from({ length: 25 }, (_unused, index) => ({ name: `lead ${index}`, status: 'open' }))

    it('gives its records one by one, in the order of their insertion', async () => {
      const table = await leads(...rows)
      const list = table.list({ pageSize: 10 })
      const names: string[] = []
      for await (const { name } of list) names.push(name)
      expect(names).toEqual(rows.map(({ name }) => name))
      expect(list).toMatchObject({ version: 1, changed: false })
    })

    it('gives them page by page, each with the version that it shows', async () => {
      const table = await leads(...rows)
      const list = table.list({ pageSize: 10 })
      const pages: unknown[] = []
      for await (const { records, version } of list.pages()) {
        pages.push([records.length, version])
        await table.patch(1, { status: 'won' })
      }
      expect(pages).toEqual([
        [10, 1],
        [10, 2],
        [5, 3],
      ])
      expect(list).toMatchObject({ version: 1, changed: true })
    })

    it('ends when it changes meanwhile, if that is asked for', async () => {
      const table = await leads(...rows)
      const names: string[] = []
      const read = async (): Promise<void> => {
        for await (const { name } of table.list({ pageSize: 10, onChange: 'throw' })) {
          names.push(name)
          if (names.length === 10) await table.delete(1)
        }
      }
      expect(await errorOf(read())).toMatchObject({ code: 'LIST_CHANGED', retryable: true, mayHaveRun: false })
      expect(names).toHaveLength(10)
    })
  })
})
