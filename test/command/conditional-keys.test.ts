// Counters, appended text, compare and swap: what they make of what stands, and what they refuse.
import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { type Session, session } from '../support/session.ts'

async function holding(value: JsonValue): Promise<Session> {
  const t = await session()
  await t.ok('SET_KEY', { key: 'a', value })
  return t
}

const key = 'a'

describe('INCREMENT_KEY and DECREMENT_KEY', () => {
  it('count from 0, by 1 unless told otherwise', async () => {
    const t = await session()
    expect(await t.ok('INCREMENT_KEY', { key })).toEqual({ value: 1, state_version: 1 })
    expect(await t.ok('INCREMENT_KEY', { key, by: 50 })).toEqual({ value: 51, state_version: 2 })
    expect(await t.ok('DECREMENT_KEY', { key, by: 5 })).toEqual({ value: 46, state_version: 3 })
    expect(await t.ok('DECREMENT_KEY', { key: 'b' })).toEqual({ value: -1, state_version: 4 })
    expect(await t.ok('INCREMENT_KEY', { key, by: -46 })).toEqual({ value: 0, state_version: 5 })
    expect(await t.ok('INCREMENT_KEY', { key, by: 0 })).toEqual({ value: 0, state_version: 6 })
  })

  it('add fractions as doubles, and never answer with a negative zero', async () => {
    const t = await session()
    expect(await t.ok('INCREMENT_KEY', { key, by: 0.5 })).toMatchObject({ value: 0.5 })
    expect(await t.ok('INCREMENT_KEY', { key, by: 1 })).toMatchObject({ value: 1.5 })
    expect(Object.is((await t.ok('DECREMENT_KEY', { key: 'b', by: 0 })).value, 0)).toBe(true)
  })

  it.each<[JsonValue, JsonObject]>([
    [Number.MAX_SAFE_INTEGER, {}],
    [Number.MIN_SAFE_INTEGER, { by: -1 }],
    [1, { by: 1e300 }],
    [1.5, { by: 1e300 }],
  ])('refuse what could not be read back exactly: %j %j', async (value, fields) => {
    const t = await holding(value)
    expect(await t.refused('INCREMENT_KEY', { key, ...fields })).toEqual({
      code: 'LIMIT_EXCEEDED',
      message: `The sum exceeds the limit (${Number.MAX_SAFE_INTEGER})`,
      what: 'The sum',
      limit: Number.MAX_SAFE_INTEGER,
    })
  })

  it.each<JsonValue>(['1', null, [1], {}, true])('refuse what is no number: %j', async (value) => {
    const t = await holding(value)
    expect(await t.refused('INCREMENT_KEY', { key })).toEqual({
      code: 'WRONG_TYPE',
      message: "The value of key 'a' is not a number",
      key,
      expected: 'a number',
    })
  })

  it('give a time to live to a key that they create, and to no other', async () => {
    const t = await session()
    await t.ok('INCREMENT_KEY', { key, ttl: 100 })
    expect((await t.ok('GET_TTL', { key })).ttl).toBeGreaterThan(90)
    await t.ok('INCREMENT_KEY', { key, ttl: 5_000 })
    expect((await t.ok('GET_TTL', { key })).ttl).toBeLessThanOrEqual(100)
    await t.ok('SET_KEY', { key, value: 1 })
    await t.ok('INCREMENT_KEY', { key, ttl: 100 })
    expect((await t.ok('GET_TTL', { key })).ttl).toBe(-1)
  })

  it('lose nothing when many count at once', async () => {
    const t = await session()
    await Promise.all(Array.from({ length: 1_000 }, () => t.ok('INCREMENT_KEY', { key })))
    expect(await t.ok('GET_KEY', { key })).toMatchObject({ value: 1_000, version: 1_000 })
  })
})

describe('APPEND_KEY', () => {
  it('adds to text, or to nothing, and answers the length in bytes', async () => {
    const t = await session()
    expect(await t.ok('APPEND_KEY', { key, value: 'ab' })).toEqual({ length: 2, state_version: 1 })
    expect(await t.ok('APPEND_KEY', { key, value: '\u20ac' })).toEqual({ length: 5, state_version: 2 })
    expect((await t.ok('GET_KEY', { key })).value).toBe('ab\u20ac')
  })

  it.each<JsonValue>([5, null, ['a'], {}])('refuses what is no text: %j', async (value) => {
    const t = await holding(value)
    expect(await t.refused('APPEND_KEY', { key, value: 'a' })).toMatchObject({
      code: 'WRONG_TYPE',
      expected: 'a string',
    })
  })

  it('refuses text that stands for bytes, and text that would grow too large', async () => {
    const t = await session()
    await t.ok('SET_KEY', { key, value: 'QQ==', encoding: 'base64' })
    expect(await t.refused('APPEND_KEY', { key, value: 'QQ==' })).toMatchObject({ code: 'WRONG_TYPE' })
    await t.ok('SET_KEY', { key, value: 'x'.repeat(1024 * 1024 - 2) })
    expect(await t.refused('APPEND_KEY', { key, value: 'x' })).toMatchObject({ code: 'LIMIT_EXCEEDED' })
  })
})

describe('COMPARE_SWAP', () => {
  it.each<[JsonValue, JsonValue]>([
    [1, 1],
    [
      { a: 1, b: [2] },
      { b: [2], a: 1 },
    ],
    [
      [1, { a: null }],
      [1, { a: null }],
    ],
    [null, null],
    ['text', 'text'],
  ])('writes where %j stands and %j is expected', async (value, old) => {
    const t = await holding(value)
    expect(await t.ok('COMPARE_SWAP', { key, old, new: [7] })).toEqual({ swapped: true, value: [7], state_version: 2 })
    expect((await t.ok('GET_KEY', { key })).value).toEqual([7])
  })

  it.each<[JsonValue, JsonValue]>([
    [1, 2],
    [1, '1'],
    [[1], [1, 2]],
    [[], null],
    [{}, []],
    [0, false],
  ])('says what stands where %j does and %j is expected', async (value, old) => {
    const t = await holding(value)
    expect(await t.ok('COMPARE_SWAP', { key, old, new: 'new' })).toEqual({ swapped: false, value, state_version: 1 })
  })

  it('takes null for a key that is not there', async () => {
    const t = await session()
    expect(await t.ok('COMPARE_SWAP', { key, old: 1, new: 2 })).toEqual({
      swapped: false,
      value: null,
      state_version: 0,
    })
    expect(await t.ok('COMPARE_SWAP', { key, old: null, new: 2 })).toEqual({
      swapped: true,
      value: 2,
      state_version: 1,
    })
  })

  it('refuses a list that has grown beyond what could be given as a value', async () => {
    const t = await session({ limits: { valueBytesMax: 100 } })
    for (let item = 0; item < 20; item += 1) await t.ok('PUSH_LIST', { key, item: 'ten bytes.' })
    expect(await t.refused('COMPARE_SWAP', { key, old: [], new: 1 })).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      limit: 100,
    })
  })
})

describe('COMPARE_AND_SET', () => {
  it('writes where the version or the revision is the one expected, and 0 where no key is', async () => {
    const t = await session()
    const write = (fields: JsonObject) => t.ok('COMPARE_AND_SET', { key, value: 1, ...fields })
    expect(await write({ version: 0 })).toEqual({ version: 1, revision: 1, state_version: 1 })
    await t.ok('SET_KEY', { key: 'b', value: 1 })
    expect(await write({ version: 1 })).toEqual({ version: 2, revision: 3, state_version: 3 })
    expect(await write({ revision: 3 })).toEqual({ version: 3, revision: 4, state_version: 4 })
    await t.ok('DELETE_KEY', { key })
    expect(await write({ revision: 0 })).toEqual({ version: 1, revision: 6, state_version: 6 })
  })

  it.each<[JsonObject, number, number]>([
    [{ version: 0 }, 0, 2],
    [{ version: 1 }, 1, 2],
    [{ version: 3 }, 3, 2],
    [{ revision: 2 }, 2, 3],
    [{ revision: 0 }, 0, 3],
  ])('says which stands where %j does not', async (fields, expected, found) => {
    const t = await session()
    await t.ok('SET_KEY', { key: 'b', value: 1 })
    await t.ok('SET_KEY', { key, value: 1 })
    await t.ok('SET_KEY', { key, value: 1 })
    expect(await t.refused('COMPARE_AND_SET', { key, value: 2, ...fields })).toEqual({
      code: 'VERSION_CONFLICT',
      message: `Conflict: expected version ${expected}, found ${found}`,
      expected,
      found,
    })
  })

  it('is won by one of a hundred', async () => {
    const t = await holding(0)
    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, value) => t.send('COMPARE_AND_SET', { key, value, version: 1 })),
    )
    expect(replies.filter(({ status }) => status === 'ok')).toHaveLength(1)
  })
})
