// `if` of SET_RECORD, PATCH_RECORD and DELETE_RECORD: a write that happens only while what it was decided on still stands.
import { describe, expect, it } from 'vitest'
import type { CommandName } from '../../src/protocol/commands.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { table } from '../support/session.ts'

const writes: [CommandName, JsonObject][] = [
  ['SET_RECORD', { id: 1, data: { status: 'done', n: 2 } }],
  ['PATCH_RECORD', { id: 1, data: { status: 'done' } }],
  ['DELETE_RECORD', { id: 1 }],
]

describe.each(writes)('%s with a condition', (name, fields) => {
  it.each<JsonObject>([
    { revision: 1 },
    { status: 'open' },
    { status: 'open', n: 1 },
    { status: 'open', revision: 1 },
    { id: 1 },
  ])('runs where %j holds', async (condition) => {
    const t = await table({ status: 'open', n: 1 })
    expect(await t.ok(name, { ...fields, if: condition })).toMatchObject({ version: 2 })
  })

  it.each<[JsonObject, JsonObject]>([
    [{ revision: 2 }, { expected: 2, found: 1, message: 'Conflict: expected version 2, found 1' }],
    [{ revision: 0 }, { expected: 0, found: 1 }],
    [
      { status: 'done' },
      { expected: { status: 'done' }, found: { status: 'open' }, message: 'Conflict: the record is not as expected' },
    ],
    [
      { status: 'open', n: 2 },
      { expected: { status: 'open', n: 2 }, found: { status: 'open', n: 1 } },
    ],
    [{ strange: null }, { expected: { strange: null }, found: {} }],
    [{ constructor: 1 }, { expected: { constructor: 1 }, found: {} }],
    [
      { status: 'open', revision: 5 },
      { expected: { status: 'open', revision: 5 }, found: { status: 'open', revision: 1 } },
    ],
  ])('says what stands where %j does not hold', async (condition, refusal) => {
    const t = await table({ status: 'open', n: 1 })
    expect(await t.refused(name, { ...fields, if: condition })).toMatchObject({ code: 'VERSION_CONFLICT', ...refusal })
  })

  it('finds revision 0, or nothing at all, where there is no such record', async () => {
    const t = await table({ status: 'open', n: 1 })
    const missing = { ...fields, id: 9 }
    expect(await t.refused(name, { ...missing, if: { revision: 1 } })).toMatchObject({ expected: 1, found: 0 })
    expect(await t.refused(name, { ...missing, if: { n: 1 } })).toMatchObject({ expected: { n: 1 }, found: null })
    await t.ok(name, { ...missing, if: { revision: 0 } })
    expect((await t.records()).length).toBe(name === 'SET_RECORD' ? 2 : 1)
  })

  it.each<[JsonObject, string]>([
    [{}, "'if' must name a revision or a field"],
    [{ revision: -1 }, "'revision' in 'if' must be an integer of at least 0"],
    [{ revision: '1' }, "'revision' in 'if' must be an integer of at least 0"],
  ])('has to have one: %j', async (condition, reason) => {
    const t = await table({ status: 'open', n: 1 })
    expect(await t.refused(name, { ...fields, if: condition })).toMatchObject({ code: 'INVALID_REQUEST', reason })
  })
})

describe('a hundred writers that all read the same revision', () => {
  it('are one that writes', async () => {
    const t = await table({ n: 0 })
    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, n) => t.send('PATCH_RECORD', { id: 1, data: { n }, if: { revision: 1 } })),
    )
    expect(replies.filter(({ status }) => status === 'ok')).toHaveLength(1)
  })
})
