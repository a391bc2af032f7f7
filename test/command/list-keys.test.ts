// LIST_KEYS and CLEAR_KEYS: order, pages, patterns, few keys and many.
import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { type Session, session } from '../support/session.ts'

async function holding(...keys: string[]): Promise<Session> {
  const t = await session()
  await Promise.all(keys.map((key) => t.ok('SET_KEY', { key, value: 1 })))
  return t
}

async function keysOf(t: Session, fields: JsonObject = {}): Promise<JsonValue> {
  return (await t.ok('LIST_KEYS', fields)).keys ?? null
}

const many = Array.from({ length: 3_000 }, (_, index) => `/n/${String(index).padStart(4, '0')}`)

describe('LIST_KEYS', () => {
  it('names keys in the order of their bytes', async () => {
    const t = await holding('b', 'a', '\u{1f600}', '\uffff', 'a/b', 'B')
    expect(await keysOf(t)).toEqual(['B', 'a', 'a/b', 'b', '\uffff', '\u{1f600}'])
  })

  it.each<[JsonObject, string[]]>([
    [{ prefix: '/a' }, ['/a', '/a/1', '/a/2', '/ab']],
    [{ prefix: '/a/' }, ['/a/1', '/a/2']],
    [{ prefix: 'x' }, []],
    [{ pattern: '/a/*' }, ['/a/1', '/a/2']],
    [{ pattern: '*1' }, ['/a/1']],
    [{ pattern: '/?' }, ['/a']],
    [{ pattern: '/a[!/]' }, ['/ab']],
    [{ pattern: '/a' }, ['/a']],
    [{ after: '/a/1' }, ['/a/2', '/ab', 'c']],
    [{ after: '/a/11', prefix: '/a/' }, ['/a/2']],
    [{ after: 'z' }, []],
  ])('picks by %j', async (fields, keys) => {
    const t = await holding('/a', '/a/1', '/a/2', '/ab', 'c')
    expect(await t.ok('LIST_KEYS', fields)).toEqual({ keys, state_version: 5 })
  })

  it('gives pages, each with the key to go on behind, the last without', async () => {
    const t = await holding('a', 'b', 'c')
    expect(await t.ok('LIST_KEYS', { limit: 2 })).toEqual({ keys: ['a', 'b'], next: 'b', state_version: 3 })
    expect(await t.ok('LIST_KEYS', { limit: 2, after: 'b' })).toEqual({ keys: ['c'], state_version: 3 })
    expect(await t.ok('LIST_KEYS', { limit: 3 })).toEqual({ keys: ['a', 'b', 'c'], state_version: 3 })
    expect(await t.ok('LIST_KEYS', { limit: 1, pattern: '[bc]' })).toMatchObject({ keys: ['b'], next: 'b' })
  })

  it.each([0, 2])('names thousands, with %i threads, while others write', async (shards) => {
    const t = await session({ shards })
    await Promise.all(many.map((key) => t.ok('SET_KEY', { key, value: 1 })))
    const [listed] = await Promise.all([
      t.ok('LIST_KEYS', { pattern: '/n/*' }),
      t.ok('SET_KEY', { key: '/n/later', value: 1 }),
      t.ok('DELETE_KEY', { key: '/n/0000' }),
    ])
    expect(listed).toEqual({ keys: many, state_version: many.length })
    expect(await keysOf(t, { pattern: '*99*' })).toEqual(many.filter((key) => key.includes('99')))
    expect(await keysOf(t, { limit: 1_500, after: '/n/1499' })).toEqual(many.slice(1_500))
  })
})

describe('CLEAR_KEYS', () => {
  it('clears all keys with one change', async () => {
    const t = await holding('a', 'b', 'c')
    expect(await t.ok('CLEAR_KEYS')).toEqual({ cleared: 3, state_version: 4 })
    expect(await t.ok('LIST_KEYS')).toEqual({ keys: [], state_version: 4 })
    expect(await t.ok('CLEAR_KEYS')).toEqual({ cleared: 0, state_version: 4 })
    expect(await t.ok('SET_KEY', { key: 'a', value: 1 })).toEqual({ version: 1, revision: 5, state_version: 5 })
  })

  it('clears what matches a pattern with a change for each key', async () => {
    const t = await holding('a/1', 'a/2', 'b')
    expect(await t.ok('CLEAR_KEYS', { pattern: 'a/*' })).toEqual({ cleared: 2, state_version: 5 })
    expect(await keysOf(t)).toEqual(['b'])
    expect(await t.ok('CLEAR_KEYS', { pattern: 'a/*' })).toEqual({ cleared: 0, state_version: 5 })
  })

  it.each([0, 2])('clears thousands that match, with %i threads, before what is asked later', async (shards) => {
    const t = await session({ shards })
    await Promise.all(many.map((key) => t.ok('SET_KEY', { key, value: 1 })))
    const [cleared, before, after] = await Promise.all([
      t.ok('CLEAR_KEYS', { pattern: '/n/[!0]*' }),
      t.ok('KEY_EXISTS', { key: '/n/2999' }),
      t.ok('SET_KEY', { key: '/n/2999', value: 1 }),
    ])
    expect(cleared).toEqual({ cleared: 2_000, state_version: 5_000 })
    expect(before).toMatchObject({ exists: false })
    expect(after).toMatchObject({ version: 1, revision: 5_001 })
    expect(await keysOf(t)).toEqual([...many.slice(0, 1_000), '/n/2999'])
  })

  it('leaves a keyspace that is not there alone', async () => {
    const t = await session()
    expect(await t.ok('CLEAR_KEYS')).toEqual({ cleared: 0, state_version: 0 })
    expect(await t.ok('CLEAR_KEYS', { pattern: '*' })).toEqual({ cleared: 0, state_version: 0 })
    expect(await t.ok('LIST_STATES')).toEqual({ states: [] })
  })
})
