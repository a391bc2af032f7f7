// Single keys: writing, reading, removing, versions, and every refusal of these commands.
import { describe, expect, it } from 'vitest'
import type { CommandName } from '../../src/protocol/commands.ts'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { session } from '../support/session.ts'

describe('SET_KEY and GET_KEY', () => {
  it.each<JsonValue>([null, true, 0, -1.5, '', 'text', {}, { a: { b: [1] } }, [], [1, 'a', null, [2]]])(
    'keep %j as it is',
    async (value) => {
      const t = await session()
      expect(await t.ok('SET_KEY', { key: '/a/b', value })).toEqual({ version: 1, revision: 1, state_version: 1 })
      expect(await t.ok('GET_KEY', { key: '/a/b' })).toEqual({
        value,
        version: 1,
        revision: 1,
        created_at: expect.any(Number),
        updated_at: expect.any(Number),
        state_version: 1,
      })
    },
  )

  it('create the keyspace default with the first write, and a named one likewise', async () => {
    const t = await session()
    await t.ok('SET_KEY', { key: 'a', value: 1 })
    await t.ok('SET_KEY', { state: 'other', key: 'a', value: 1 })
    expect(await t.ok('LIST_STATES')).toEqual({ states: ['default', 'other'] })
    expect(await t.ok('GET_STATE_INFO', { state: 'default' })).toMatchObject({
      kind: 'keys',
      current_length: 1,
      max_length: null,
      schema: null,
      version: 1,
    })
  })

  it('count the versions of a key from 1, and the revisions as the versions of the state', async () => {
    const t = await session()
    await t.ok('SET_KEY', { key: 'a', value: 1 })
    await t.ok('SET_KEY', { key: 'b', value: 1 })
    expect(await t.ok('SET_KEY', { key: 'a', value: 1 })).toEqual({ version: 2, revision: 3, state_version: 3 })
    await t.ok('DELETE_KEY', { key: 'a' })
    expect(await t.ok('SET_KEY', { key: 'a', value: 1 })).toEqual({ version: 1, revision: 5, state_version: 5 })
  })

  it('keep the moment of creation, and move that of the last write', async () => {
    const t = await session()
    await t.ok('SET_KEY', { key: 'a', value: 1 })
    const { created_at: created } = await t.ok('GET_KEY', { key: 'a' })
    await t.ok('SET_KEY', { key: 'a', value: 2 })
    const found = await t.ok('GET_KEY', { key: 'a' })
    expect(found.created_at).toBe(created)
    expect(Number(found.updated_at)).toBeGreaterThanOrEqual(Number(created))
    expect(Math.abs(Number(created) - Date.now() / 1000)).toBeLessThan(10)
  })

  it('answer the default, or null, and version 0, where there is no key or no keyspace', async () => {
    const t = await session()
    const missing = { version: 0, revision: 0, created_at: null, updated_at: null }
    expect(await t.ok('GET_KEY', { key: 'a' })).toEqual({ value: null, ...missing, state_version: 0 })
    expect(await t.ok('GET_KEY', { key: 'a', default: [1] })).toEqual({ value: [1], ...missing, state_version: 0 })
    expect(await t.ok('LIST_STATES')).toEqual({ states: [] })
    await t.ok('SET_KEY', { key: 'b', value: null })
    expect(await t.ok('GET_KEY', { key: 'b', default: 1 })).toMatchObject({ value: null, version: 1 })
  })

  it('keep and echo the encoding of bytes, which a write without it ends', async () => {
    const t = await session()
    await t.ok('SET_KEY', { key: 'a', value: 'AAECAw==', encoding: 'base64' })
    expect(await t.ok('GET_KEY', { key: 'a' })).toMatchObject({ value: 'AAECAw==', encoding: 'base64' })
    await t.ok('SET_KEY', { key: 'a', value: 'AAECAw==' })
    expect(await t.ok('GET_KEY', { key: 'a' })).not.toHaveProperty('encoding')
    await t.ok('COMPARE_AND_SET', { key: 'a', version: 2, value: 'AQ==', encoding: 'base64' })
    expect(await t.ok('GET_KEY', { key: 'a' })).toMatchObject({ value: 'AQ==', encoding: 'base64' })
    await t.ok('CREATE_KEY', { key: 'b', value: 'Ag==', encoding: 'base64' })
    expect(await t.ok('GET_KEY', { key: 'b' })).toMatchObject({ value: 'Ag==', encoding: 'base64' })
  })

  it('share nothing with the caller', async () => {
    const t = await session()
    const value = { a: [1] }
    await t.ok('SET_KEY', { key: 'a', value })
    value.a.push(2)
    const found = await t.ok('GET_KEY', { key: 'a' })
    ;(found.value as typeof value).a.push(3)
    expect((await t.ok('GET_KEY', { key: 'a' })).value).toEqual({ a: [1] })
  })

  it('take a value of 1 MiB, and none that is larger', async () => {
    const t = await session()
    const bytes = 1024 * 1024
    await t.ok('SET_KEY', { key: 'a', value: 'x'.repeat(bytes - 2) })
    expect(await t.refused('SET_KEY', { key: 'a', value: 'x'.repeat(bytes - 1) })).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      limit: bytes,
    })
    expect(await t.refused('SET_KEY', { key: 'a', value: '\u20ac'.repeat(bytes / 3) })).toMatchObject({
      code: 'LIMIT_EXCEEDED',
    })
  })
})

describe('the other commands on one key', () => {
  it('remove it, ask for it and for its version', async () => {
    const t = await session()
    await t.ok('SET_KEY', { key: 'a', value: 1 })
    expect(await t.ok('KEY_EXISTS', { key: 'a' })).toEqual({ exists: true, state_version: 1 })
    expect(await t.ok('GET_VERSION', { key: 'a' })).toEqual({ version: 1, revision: 1, state_version: 1 })
    expect(await t.ok('DELETE_KEY', { key: 'a' })).toEqual({ deleted: true, state_version: 2 })
    expect(await t.ok('DELETE_KEY', { key: 'a' })).toEqual({ deleted: false, state_version: 2 })
    expect(await t.ok('KEY_EXISTS', { key: 'a' })).toEqual({ exists: false, state_version: 2 })
    expect(await t.ok('GET_VERSION', { key: 'a' })).toEqual({ version: 0, revision: 0, state_version: 2 })
  })

  it('create it once', async () => {
    const t = await session()
    expect(await t.ok('CREATE_KEY', { key: 'a', value: 1 })).toEqual({ version: 1, revision: 1, state_version: 1 })
    expect(await t.refused('CREATE_KEY', { key: 'a', value: 2 })).toEqual({
      code: 'KEY_EXISTS',
      message: "Key 'a' already exists",
      key: 'a',
    })
  })

  it('tell -1 of a key without an end and -2 of none, and move the end with a change like others', async () => {
    const t = await session()
    expect(await t.ok('GET_TTL', { key: 'a' })).toEqual({ ttl: -2, state_version: 0 })
    expect(await t.ok('SET_TTL', { key: 'a', ttl: 5 })).toEqual({ updated: false, state_version: 0 })
    await t.ok('SET_KEY', { key: 'a', value: 1 })
    expect(await t.ok('GET_TTL', { key: 'a' })).toEqual({ ttl: -1, state_version: 1 })
    expect(await t.ok('SET_TTL', { key: 'a', ttl: 100.5 })).toEqual({ updated: true, state_version: 2 })
    const { ttl } = await t.ok('GET_TTL', { key: 'a' })
    expect(ttl).toBeGreaterThan(90)
    expect(ttl).toBeLessThanOrEqual(100.5)
    expect(await t.ok('GET_VERSION', { key: 'a' })).toMatchObject({ version: 2, revision: 2 })
    await t.ok('SET_TTL', { key: 'a', ttl: null })
    expect(await t.ok('GET_TTL', { key: 'a' })).toMatchObject({ ttl: -1 })
  })

  it('have the end of a key cleared by SET_KEY alone', async () => {
    const t = await session()
    const left = async (): Promise<number> => Number((await t.ok('GET_TTL', { key: 'a' })).ttl)
    await t.ok('SET_KEY', { key: 'a', value: 1, ttl: 100 })
    for (const [name, fields] of [
      ['INCREMENT_KEY', { ttl: 5_000 }],
      ['COMPARE_SWAP', { old: 2, new: 'b' }],
      ['APPEND_KEY', { value: 'c' }],
      ['COMPARE_AND_SET', { version: 4, value: [1] }],
      ['PUSH_LIST', { item: 2 }],
      ['POP_LIST', {}],
    ] as [CommandName, JsonObject][]) {
      await t.ok(name, { key: 'a', ...fields })
      expect(await left(), name).toBeGreaterThan(90)
      expect(await left(), name).toBeLessThanOrEqual(100)
    }
    await t.ok('COMPARE_SWAP', { key: 'a', old: [1], new: 1, ttl: 500 })
    expect(await left()).toBeGreaterThan(490)
    await t.ok('SET_KEY', { key: 'a', value: 1 })
    expect(await left()).toBe(-1)
  })
})

describe('keyspaces as states', () => {
  it('are created with their kind, described, listed and deleted, and count on when they come back', async () => {
    const t = await session()
    expect(await t.ok('CREATE_STATE', { state: 'k', kind: 'keys' })).toEqual({
      created: true,
      max_length: null,
      version: 0,
    })
    expect(await t.refused('CREATE_STATE', { state: 'k', kind: 'keys' })).toMatchObject({ code: 'STATE_EXISTS' })
    await t.ok('SET_KEY', { state: 'k', key: 'a', value: 1 })
    expect(await t.ok('DELETE_STATE', { state: 'k' })).toEqual({ version: 2 })
    expect(await t.ok('GET_KEY', { state: 'k', key: 'a' })).toMatchObject({ value: null, state_version: 3 })
    expect(await t.ok('SET_KEY', { state: 'k', key: 'a', value: 1 })).toEqual({
      version: 1,
      revision: 4,
      state_version: 4,
    })
  })

  it.each<[string, JsonObject]>([
    ['max_length', { max_length: 5 }],
    ['schema', { schema: { type: 'object' } }],
  ])('have no use for %s', async (field, fields) => {
    const t = await session()
    expect(await t.refused('CREATE_STATE', { kind: 'keys', ...fields })).toMatchObject({
      code: 'INVALID_REQUEST',
      reason: `a state of kind 'keys' has no '${field}'`,
    })
  })

  it('are bounded in number, also where a write would create one', async () => {
    const t = await session({ limits: { statesPerShardMax: 1 } })
    await t.ok('SET_KEY', { key: 'a', value: 1 })
    expect(await t.refused('SET_KEY', { state: 'other', key: 'a', value: 1 })).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      what: 'The number of states of a shard',
    })
    expect(await t.ok('GET_KEY', { state: 'other', key: 'a' })).toMatchObject({ version: 0 })
  })

  it.each<[CommandName, JsonObject, string, string]>([
    ['SET_KEY', { state: 'leads', key: 'a', value: 1 }, 'table', 'keys'],
    ['GET_KEY', { state: 'leads', key: 'a' }, 'table', 'keys'],
    ['LIST_KEYS', { state: 'leads' }, 'table', 'keys'],
    ['CREATE_RECORD', { state: 'default', data: {} }, 'keys', 'table'],
    ['LIST_RECORDS', { state: 'default' }, 'keys', 'table'],
    ['GET_SCHEMA', { state: 'default' }, 'keys', 'table'],
    ['SET_STATE', { state: 'default', data: [] }, 'keys', 'table'],
  ])('are told from tables: %s', async (name, fields, kind, expected) => {
    const t = await session()
    await t.ok('CREATE_STATE')
    await t.ok('SET_KEY', { key: 'a', value: 1 })
    expect(await t.refused(name, fields)).toMatchObject({ code: 'WRONG_KIND', state: fields.state, kind, expected })
  })
})

describe('a field of a command on keys', () => {
  const key = { key: 'a' }
  const seconds = 'a number of seconds, more than 0 and at most 1000000000000'
  it.each<[CommandName, string, JsonObject, string]>([
    ['a key that is empty', 'GET_KEY', { key: '' }, "'key' must not be empty"],
    ['a key of 1,025 bytes', 'GET_KEY', { key: 'x'.repeat(1_025) }, "'key' must be at most 1024 bytes long"],
    ['a key of 1,026 bytes', 'GET_KEY', { key: '\u20ac'.repeat(342) }, "'key' must be at most 1024 bytes long"],
    ['a control character', 'GET_KEY', { key: 'a\u0000' }, "'key' must not hold control characters"],
    ['a bidi control', 'GET_KEY', { key: 'a\u202e' }, "'key' must not hold control characters"],
    ['a key that is a number', 'GET_KEY', { key: 5 }, "'key' of GET_KEY must be a string"],
    ['no key', 'GET_KEY', {}, "GET_KEY needs 'key', a string"],
    ['no value', 'SET_KEY', key, "SET_KEY needs 'value', a value"],
    ['an empty state', 'GET_KEY', { ...key, state: '' }, "'state' must not be empty"],
    ['ttl 0', 'SET_KEY', { ...key, value: 1, ttl: 0 }, `'ttl' of SET_KEY must be ${seconds}`],
    ['ttl -1', 'SET_KEY', { ...key, value: 1, ttl: -1 }, `'ttl' of SET_KEY must be ${seconds}`],
    ['ttl "5"', 'SET_KEY', { ...key, value: 1, ttl: '5' }, `'ttl' of SET_KEY must be ${seconds}`],
    ['ttl 10^13', 'SET_KEY', { ...key, value: 1, ttl: 1e13 }, `'ttl' of SET_KEY must be ${seconds}`],
    ['no ttl', 'SET_TTL', key, `SET_TTL needs 'ttl', ${seconds}, or null for no end`],
    ['another encoding', 'SET_KEY', { ...key, value: '', encoding: 'hex' }, "'encoding' of SET_KEY must be 'base64'"],
    [
      'base64 that is none',
      'SET_KEY',
      { ...key, value: 'a', encoding: 'base64' },
      "with 'encoding', 'value' must be a string of base64",
    ],
    [
      'base64 that is no text',
      'SET_KEY',
      { ...key, value: 5, encoding: 'base64' },
      "with 'encoding', 'value' must be a string of base64",
    ],
    ...(['CREATE_KEY', 'COMPARE_AND_SET'] as const).map((name): [string, string, JsonObject, string] => [
      `base64 that is none, in ${name}`,
      name,
      { ...key, value: 'a', encoding: 'base64', ...(name === 'COMPARE_AND_SET' && { version: 0 }) },
      "with 'encoding', 'value' must be a string of base64",
    ]),
    ['by "1"', 'INCREMENT_KEY', { ...key, by: '1' }, "'by' of INCREMENT_KEY must be a number"],
    ['text that is none', 'APPEND_KEY', { ...key, value: 5 }, "'value' of APPEND_KEY must be a string"],
    ['an unknown end', 'PUSH_LIST', { ...key, item: 1, end: 'left' }, "'end' of PUSH_LIST must be 'first' or 'last'"],
    ['lease 0', 'POP_LIST', { ...key, lease: 0 }, `'lease' of POP_LIST must be ${seconds}`],
    ['token -1', 'ACK_ITEM', { ...key, token: -1 }, "'token' of ACK_ITEM must be an integer of at least 0"],
    [
      'neither version nor revision',
      'COMPARE_AND_SET',
      { ...key, value: 1 },
      "COMPARE_AND_SET needs either 'version' or 'revision'",
    ],
    [
      'both version and revision',
      'COMPARE_AND_SET',
      { ...key, value: 1, version: 1, revision: 1 },
      "COMPARE_AND_SET needs either 'version' or 'revision'",
    ],
    [
      'both pattern and prefix',
      'LIST_KEYS',
      { pattern: '*', prefix: 'a' },
      "LIST_KEYS takes 'pattern' or 'prefix', not both",
    ],
    ['a set without end', 'LIST_KEYS', { pattern: 'a[' }, "the '[' at character 2 of 'pattern' has no end"],
    ['a set without end', 'CLEAR_KEYS', { pattern: '[' }, "the '[' at character 1 of 'pattern' has no end"],
  ] as unknown as [CommandName, string, JsonObject, string][])(
    'is refused where it is %s: %s',
    async (_what, name, fields, reason) => {
      const t = await session()
      await t.ok('SET_KEY', { key: 'a', value: 1 })
      expect(await t.refused(name as CommandName, fields)).toEqual({
        code: 'INVALID_REQUEST',
        message: `Invalid request: ${reason}`,
        reason,
      })
    },
  )

  it('may be a time to live of 10^12 seconds, which no timer could wait for', async () => {
    const t = await session()
    await t.ok('SET_KEY', { key: 'a', value: 1, ttl: 1e12 })
    expect(await t.ok('GET_KEY', { key: 'a' })).toMatchObject({ value: 1 })
    expect(Math.round(Number((await t.ok('GET_TTL', { key: 'a' })).ttl) / 1e6)).toBe(1e6)
  })

  it.each(['a/b', '../../x', '__proto__', 'constructor', ' ', '\u{1f600}', 'x'.repeat(1_024), '*', '['])(
    'may be the key %j',
    async (name) => {
      const t = await session()
      await t.ok('SET_KEY', { key: name, value: 1 })
      expect(await t.ok('GET_KEY', { key: name })).toMatchObject({ value: 1, version: 1 })
      expect(await t.ok('LIST_KEYS')).toMatchObject({ keys: [name] })
    },
  )
})
