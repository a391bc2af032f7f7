// LIST_RECORDS: the order, the pages, and what a cursor means when the table changes between two pages.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import { type Session, session, table } from '../support/session.ts'

const five = Array.from({ length: 5 }, (_, index) => ({ n: index + 1 }))

async function page(t: Session, limit: number, after?: unknown): Promise<{ ids: unknown; next: unknown }> {
  const fields = { limit, ...(after !== undefined && { after: after as string }) }
  const { records, next } = await t.ok('LIST_RECORDS', fields)
  return { ids: (records as JsonObject[]).map(({ id }) => id), next }
}

describe('LIST_RECORDS', () => {
  it('reads all records in the order of their insertion, whatever their ids', async () => {
    const t = await table({ id: 9, n: 1 }, { id: 'b', n: 2 }, { id: -3, n: 3 }, { id: 'a', n: 4 }, { n: 5 })
    expect(await t.ok('LIST_RECORDS')).toEqual({
      records: [
        { id: 9, n: 1 },
        { id: 'b', n: 2 },
        { id: -3, n: 3 },
        { id: 'a', n: 4 },
        { id: 10, n: 5 },
      ],
      version: 5,
    })
  })

  it('gives a cursor exactly where a limit cut the list', async () => {
    const t = await table(...five)
    expect(await t.ok('LIST_RECORDS', { limit: 2 })).toEqual({
      records: [
        { id: 1, n: 1 },
        { id: 2, n: 2 },
      ],
      next: expect.any(String),
      version: 5,
    })
    for (const limit of [5, 6, Number.MAX_SAFE_INTEGER]) {
      expect(await t.ok('LIST_RECORDS', { limit })).toEqual({
        records: five.map((data) => ({ id: data.n, ...data })),
        version: 5,
      })
    }
  })

  it('reads page after page', async () => {
    const t = await table(...five)
    const first = await page(t, 2)
    const second = await page(t, 2, first.next)
    const third = await page(t, 2, second.next)
    expect([first.ids, second.ids, third.ids, third.next]).toEqual([[1, 2], [3, 4], [5], undefined])
    // A cursor may be used twice, and without a limit.
    expect(await t.ok('LIST_RECORDS', { after: first.next as string })).toMatchObject({
      records: [{ id: 3 }, { id: 4 }, { id: 5 }],
    })
  })

  it('goes on behind the cursor, though the record there was deleted', async () => {
    const t = await table(...five)
    const { next } = await page(t, 2)
    for (const id of [1, 2, 4]) await t.ok('DELETE_RECORD', { id })
    expect(await page(t, 9, next)).toEqual({ ids: [3, 5], next: undefined })
  })

  it('shows what came between two pages at the end, and what was changed at its place', async () => {
    const t = await table(...five)
    const { next } = await page(t, 3)
    await t.ok('CREATE_RECORD', { data: { id: -1, n: 6 } })
    await t.ok('PATCH_RECORD', { id: 1, data: { n: 100 } })
    await t.ok('PATCH_RECORD', { id: 5, data: { n: 100 } })
    await t.ok('DELETE_RECORD', { id: 4 })
    await t.ok('SET_RECORD', { id: 4, data: { n: 4 } })
    expect(await page(t, 9, next)).toEqual({ ids: [5, -1, 4], next: undefined })
  })

  it('shows every record of a list that took the place of the old one between two pages', async () => {
    const t = await table(...five)
    const { next } = await page(t, 3)
    await t.ok('SET_STATE', { data: [{ n: 10 }, { n: 20 }] })
    // The version of the two pages tells the reader that they do not belong together.
    expect(await t.ok('LIST_RECORDS', { after: next as string })).toEqual({
      records: [
        { id: 1, n: 10 },
        { id: 2, n: 20 },
      ],
      version: 6,
    })
  })

  it('goes on where it was after ALTER_STATE', async () => {
    const t = await table(...five)
    const { next } = await page(t, 3)
    await t.ok('ALTER_STATE', { add_fields: { extra: null } })
    expect(await page(t, 9, next)).toEqual({ ids: [4, 5], next: undefined })
  })

  it.each(['', 'r', 'x1', 'r-1', 'R1', 'r1 ', 'rzzzzzzzzzzz', '1', 'r1\u0000'])(
    'refuses what is not a cursor: %j',
    async (after) => {
      const t = await table(...five)
      expect(await t.refused('LIST_RECORDS', { after })).toEqual({
        code: 'INVALID_REQUEST',
        message: "Invalid request: 'after' is not a cursor of LIST_RECORDS",
        reason: "'after' is not a cursor of LIST_RECORDS",
      })
    },
  )
})

describe('a list of thousands of records', () => {
  const rows = Array.from({ length: 5_000 }, (_, index) => ({ n: index }))

  it.each([0, 2])('is one moment of the table, whatever is written meanwhile, with %i threads', async (shards) => {
    const t = await session({ shards })
    await t.ok('CREATE_STATE')
    await t.ok('SET_STATE', { data: rows })
    const [list, created, second] = await Promise.all([
      t.ok('LIST_RECORDS'),
      t.ok('CREATE_RECORD', { data: { n: -1 } }),
      t.ok('LIST_RECORDS', { limit: 4_000 }),
    ])
    expect(list).toEqual({ records: rows.map(({ n }) => ({ id: n + 1, n })), version: 1 })
    expect(created).toEqual({ id: 5_001, version: 2 })
    expect(second).toMatchObject({ next: expect.any(String), version: 2 })
    expect(second.records).toHaveLength(4_000)
    const rest = await t.ok('LIST_RECORDS', { after: second.next ?? '' })
    expect((rest.records as JsonObject[]).map(({ id }) => id)).toEqual(
      Array.from({ length: 1_001 }, (_, index) => 4_001 + index),
    )
  })

  it('is refused where its text passes the bound of a reply, and can be read in pages', async () => {
    const t = await session({ shards: 2, limits: { replyBytesMax: 100_000 } })
    await t.ok('CREATE_STATE')
    await t.ok('SET_STATE', { data: rows.map(({ n }) => ({ n, text: 'x'.repeat(100) })) })
    expect(await t.send('LIST_RECORDS', { request_id: 'r' })).toEqual({
      status: 'error',
      code: 'LIMIT_EXCEEDED',
      message: "The size of the reply in bytes (a 'limit' asks for less) exceeds the limit (100000)",
      what: "The size of the reply in bytes (a 'limit' asks for less)",
      limit: 100_000,
      request_id: 'r',
    })
    expect((await t.ok('LIST_RECORDS', { limit: 500 })).records).toHaveLength(500)
  })
})
