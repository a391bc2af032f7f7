// What holds for every command, whatever it does: its name, its fields, the state it names, the number of its caller;
// and the three commands that are about the server rather than a state.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type CommandName, commandNames, commands, declarationOf, nameFieldOf } from '../../src/protocol/commands.ts'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { replyProblem } from '../support/replies.ts'
import { samples } from '../support/samples.ts'
import { session, table } from '../support/session.ts'

const onOneState = commandNames.filter((name) => nameFieldOf(name) === 'state')

function invalid(reason: string): JsonObject {
  return { code: 'INVALID_REQUEST', message: `Invalid request: ${reason}`, reason }
}

describe('PING', () => {
  it('answers', async () => {
    const t = await session()
    expect(await t.ok('PING')).toEqual({ pong: true })
  })
})

describe('HELLO', () => {
  it.each([0, 2])('says who answers, and within which limits, with %i threads', async (shards) => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
    const t = await session({ shards, limits: { commandsPerMessageMax: 7 } })
    expect(await t.ok('HELLO')).toEqual({
      name: 'holdfast',
      server_version: version,
      protocol: 1,
      codecs: ['json', 'msgpack'],
      instance: expect.any(Number),
      shards: Math.max(1, shards),
      durability: 'memory',
      feed: null,
      limits: {
        message_bytes_max: 16 * 1024 * 1024,
        reply_bytes_max: 64 * 1024 * 1024,
        commands_per_message_max: 7,
        requests_in_flight_per_peer_max: 10_000,
        record_bytes_max: 256 * 1024,
        value_bytes_max: 1024 * 1024,
      },
      data_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      features: ['spread'],
    })
  })

  it('names one instance for as long as it lives, as STATS does', async () => {
    const t = await session()
    const { instance } = await t.ok('HELLO')
    expect((await t.ok('HELLO')).instance).toBe(instance)
    expect((await t.ok('STATS')).instance).toBe(instance)
  })
})

describe('STATS', () => {
  it.each([0, 2])('counts what every shard holds and has done, with %i threads', async (shards) => {
    const t = await session({ shards })
    for (const state of ['a', 'b', 'caf\u00e9', 'x']) await t.ok('CREATE_STATE', { state })
    for (const state of ['a', 'caf\u00e9']) await t.ok('CREATE_RECORD', { state, data: { name: 'Ann' } })
    await t.send('CREATE_RECORD', { state: 'missing', data: {} })
    await t.ok('SET_KEY', { state: 'k', key: 'jobs', value: [1, 2, 3] })
    await t.ok('POP_LIST', { state: 'k', key: 'jobs', lease: 60 })
    await t.ok('SET_KEY', { state: 'k', key: 'a', value: 'text' })
    await t.send('GET_RECORD', { state: 'k', id: 1 })
    await t.send('GET_KEY', { state: 'a', key: 'a' })
    const stats = await t.ok('STATS')
    const shardOf = async (state: string) => (await t.ok('GET_STATE_INFO', { state })).shard
    const where = await Promise.all(['a', 'b', 'caf\u00e9', 'x'].map(shardOf))
    const home = await shardOf('k')
    const bytes = expect.any(Number)
    expect(stats).toEqual({
      uptime: bytes,
      instance: bytes,
      durability: 'memory',
      totals: {
        states: { table: 4, keys: 1, machine: 0 },
        records: 2,
        record_bytes: bytes,
        keys: 2,
        key_bytes: bytes,
        list_items: 2,
        pending_items: 1,
        instances: 0,
        instance_bytes: 0,
        expiries: 0,
        waiters: 0,
        locks: 0,
        lock_waiters: 0,
        lock_grants: 0,
        lock_expiries: 0,
        fenced: 0,
        commands: 12,
      },
      shards: Array.from({ length: Math.max(1, shards) }, (_, shard) => ({
        shard,
        states: { table: where.filter((found) => found === shard).length, keys: shard === home ? 1 : 0, machine: 0 },
        records: [where[0], where[2]].filter((found) => found === shard).length,
        record_bytes: bytes,
        keys: shard === home ? 2 : 0,
        key_bytes: bytes,
        list_items: shard === home ? 2 : 0,
        pending_items: shard === home ? 1 : 0,
        instances: 0,
        instance_bytes: 0,
        expiries: 0,
        waiters: 0,
        locks: 0,
        lock_waiters: 0,
        lock_grants: 0,
        lock_expiries: 0,
        fenced: 0,
        commands: bytes,
        commits: bytes,
        waiting: 0,
        heap_bytes: bytes,
        storage_full: false,
      })),
    })
    expect(stats.uptime).toBeGreaterThan(0)
  })
  it('adds outcomes, histograms and mailboxes where detail is asked for, and waits for no shard', async () => {
    const t = await session({ shards: 0 })
    await t.ok('SET_KEY', { state: 'k', key: 'a', value: 1 })
    await t.send('GET_RECORD', { state: 'k', id: 1 })
    const stats = await t.ok('STATS', { detail: true })
    const histogram = { bounds: expect.any(Array), counts: expect.any(Array), sum: expect.any(Number) }
    expect(stats).toMatchObject({
      mailboxes: [{ shard: 0, condition: 'serving', depth: expect.any(Number) }],
      request_seconds: histogram,
      shards: [
        {
          outcomes: { SET_KEY: { ok: 1 }, GET_RECORD: { WRONG_KIND: 1 } },
          batch_commands: histogram,
          decide_seconds: histogram,
          commit_seconds: histogram,
          loop: { busy: expect.any(Number), idle: expect.any(Number) },
          started_at: expect.any(Number),
        },
      ],
    })
    expect(await t.ok('STATS')).not.toHaveProperty('mailboxes')
  })
})

describe('the name of a command', () => {
  it.each(['ping', 'Ping', 'pInG', 'list_states', 'get_state_info'])('may be written in any case: %s', async (cmd) => {
    const t = await table({ a: 1 })
    const state = cmd === 'get_state_info' ? { state: 'leads' } : {}
    expect(await t.call({ cmd, ...state })).toMatchObject({ status: 'ok' })
  })

  it.each([
    ['NO_SUCH_COMMAND', 'NO_SUCH_COMMAND'],
    ['', ''],
    ['toString', 'toString'],
    ['constructor', 'constructor'],
    ['__proto__', '__proto__'],
    ['PING ', 'PING '],
    ['a\u0000b\u202e', 'a\ufffdb\ufffd'],
    ['x'.repeat(5_000), `${'x'.repeat(100)}\u2026`],
  ])('that is none is refused, and shown so that it can be read: %j', async (cmd, shown) => {
    const t = await session()
    expect(await t.refusedCall({ cmd })).toEqual({
      code: 'UNKNOWN_COMMAND',
      message: `Unknown command '${shown}'`,
      command: shown,
    })
  })

  it.each<JsonValue>([[], {}, null, 5, true, ['PING']])('has to be text: %j', async (cmd) => {
    const t = await session()
    expect(await t.refusedCall({ cmd })).toEqual(invalid("'cmd' must be a string"))
  })

  it('has to be there', async () => {
    const t = await session()
    expect(await t.refusedCall({})).toEqual(invalid("'cmd' must be a string"))
  })
})

describe('the name of a state', () => {
  it.each<[string, JsonValue | undefined, string]>([
    ['is missing', undefined, "CREATE_STATE needs 'state'"],
    ['is a number', 5, "'state' must be a string"],
    ['is null', null, "'state' must be a string"],
    ['is a list', ['leads'], "'state' must be a string"],
    ['is empty', '', "'state' must not be empty"],
    ['holds NUL', 'a\u0000', "'state' must not hold control characters"],
    ['holds a line feed', 'a\nb', "'state' must not hold control characters"],
    ['holds DEL', 'a\u007f', "'state' must not hold control characters"],
    ['holds a mark that turns the direction of text', 'a\u202eb', "'state' must not hold control characters"],
    ['takes 256 bytes', 'x'.repeat(256), "'state' must be at most 255 bytes long"],
    ['takes 256 bytes in 64 characters', '\u{1f600}'.repeat(64), "'state' must be at most 255 bytes long"],
  ])('is refused where it %s', async (_what, state, reason) => {
    const t = await session()
    expect(await t.refusedCall({ cmd: 'CREATE_STATE', ...(state !== undefined && { state }) })).toEqual(invalid(reason))
  })

  it.each([
    'x'.repeat(255),
    '\u20ac'.repeat(85),
    '../../x',
    'a b',
    'Leads',
    '{tag}',
    "'; DROP TABLE x",
    '__proto__',
    'toString',
  ])('may be any other text, and is never a path: %j', async (state) => {
    const t = await session()
    await t.ok('CREATE_STATE', { state })
    await t.ok('CREATE_RECORD', { state, data: { a: 1 } })
    expect(await t.ok('GET_STATE_INFO', { state })).toMatchObject({ name: state, current_length: 1 })
    expect(await t.ok('LIST_STATES')).toEqual({ states: [state] })
  })

  it('is case-sensitive', async () => {
    const t = await table()
    expect(await t.refused('GET_SCHEMA', { state: 'Leads' })).toMatchObject({ code: 'STATE_NOT_FOUND' })
  })

  it.each(onOneState.filter((name) => ['table', 'machine', 'state'].includes(declarationOf(name).target)))(
    'has to name a state that is there, for %s',
    async (cmd) => {
      const t = await table({ a: 1 })
      expect(await t.refusedCall({ cmd, ...samples[cmd], state: 'missing' })).toEqual({
        code: 'STATE_NOT_FOUND',
        message: "State 'missing' not found",
        state: 'missing',
      })
    },
  )

  it.each(commandNames.filter((name) => !onOneState.includes(name)))('is no field of %s', async (cmd) => {
    const t = await table()
    expect(await t.refusedCall({ cmd, ...samples[cmd], state: 'leads' })).toEqual(
      invalid(`${cmd} has no field 'state'`),
    )
  })
})

describe('a field', () => {
  it.each(commandNames)('that %s does not have is refused, so that a misspelt one is noticed', async (cmd) => {
    const t = await table({ a: 1 })
    for (const field of ['limt', 'constructor', 'Data']) {
      expect(await t.refusedCall({ cmd, ...samples[cmd], [field]: 1 })).toEqual(
        invalid(`${cmd} has no field '${field}'`),
      )
    }
  })

  const bound = 'an integer of at least 1'
  const id = 'a safe integer or a string of 1 to 255 characters'
  it.each<[CommandName, string, string, JsonValue[]]>([
    ['CREATE_STATE', 'max_length', bound, [0, -1, '10', 1.5, null, 2 ** 53, [], true]],
    ['CREATE_STATE', 'kind', "'table', 'keys' or 'machine'", ['machines', 'Table', '', null, 5]],
    ['CREATE_STATE', 'schema', 'an object', [null, [], 'object', true]],
    ['LIST_STATES', 'prefix', 'a string', [null, 5, []]],
    ['LIST_STATES', 'limit', bound, [0, -1, '5', 1.5, null]],
    ['LIST_STATES', 'after', 'a string', [null, 5]],
    ['SET_STATE', 'data', 'a list', [{}, null, 'a', { length: 1 }]],
    ['CREATE_RECORD', 'data', 'an object', [[], null, 'a', 5]],
    ['SET_RECORD', 'data', 'an object', [[{ a: 1 }], null, 'a']],
    ['SET_RECORD', 'id', id, [1.5, {}, null, '']],
    ['PATCH_RECORD', 'data', 'an object', [[], null]],
    ['PATCH_RECORD', 'id', id, [1.5]],
    ['DELETE_RECORD', 'id', id, [[1]]],
    ['SET_RECORD', 'if', 'an object', [5, null, [1]]],
    ['GET_RECORD', 'id', id, [true]],
    ['LIST_RECORDS', 'limit', bound, [0, -5, '1', 0.5]],
    ['LIST_RECORDS', 'after', 'a string', [5, null]],
    ['ALTER_STATE', 'max_length', `${bound}, or null for no bound`, [0, -1, '10', 1.5]],
    ['ALTER_STATE', 'add_fields', 'an object', [[], null, 'a']],
    ['ALTER_STATE', 'drop_fields', 'a list of strings', ['a', [1], [null], {}]],
  ])('of another form is refused: %s %s', async (cmd, field, expected, values) => {
    const t = await table({ a: 1 })
    for (const value of values) {
      const reply = await t.refusedCall({ cmd, ...samples[cmd], [field]: value })
      expect(reply, JSON.stringify(value)).toEqual(invalid(`'${field}' of ${cmd} must be ${expected}`))
    }
  })

  it.each<[CommandName, string, string]>([
    ['SET_STATE', 'data', 'a list'],
    ['CREATE_RECORD', 'data', 'an object'],
    ['SET_RECORD', 'id', id],
    ['SET_RECORD', 'data', 'an object'],
    ['PATCH_RECORD', 'id', id],
    ['PATCH_RECORD', 'data', 'an object'],
    ['DELETE_RECORD', 'id', id],
    ['GET_RECORD', 'id', id],
  ])('that is needed is refused where it is missing: %s %s', async (cmd, field, expected) => {
    const t = await table({ a: 1 })
    const { [field]: _, ...rest } = samples[cmd]
    expect(await t.refusedCall({ cmd, ...rest })).toEqual(invalid(`${cmd} needs '${field}', ${expected}`))
  })

  it.each<[string, unknown, string]>([
    ['a lone surrogate', '\ud800', 'a string holds a lone surrogate'],
    ['a number that is not finite', Number.POSITIVE_INFINITY, 'a number is not finite'],
    ['not a number', Number.NaN, 'a number is not finite'],
    ['a date', new Date(0), 'only plain objects are JSON'],
    ['a function', () => 1, 'a value of type function is not JSON'],
    ['a big integer', 1n, 'a value of type bigint is not JSON'],
    ['nothing', undefined, 'a value of type undefined is not JSON'],
    ['65 levels', nested(65), 'a value is nested deeper than 64'],
    ['5,000 levels', nested(5_000), 'a value is nested deeper than 64'],
  ])('whose value holds %s is refused, also by an engine in the same program', async (_what, value, reason) => {
    const t = await table()
    const data = { a: value } as JsonObject
    expect(await t.refused('CREATE_RECORD', { data })).toEqual(invalid(reason))
  })

  it('may be nested 64 deep', async () => {
    const t = await table()
    await t.ok('CREATE_RECORD', { data: { a: nested(63) } })
    expect(await t.records()).toEqual([{ id: 1, a: nested(63) }])
  })
})

function nested(depth: number): JsonValue {
  let value: JsonValue = 0
  for (let level = 0; level < depth; level += 1) value = [value]
  return value
}

describe('the number of the caller', () => {
  it.each(commandNames)('comes back with what %s answers, and with what it refuses', async (cmd) => {
    for (const requestId of ['r-1', '', 7, -0.5, 'x'.repeat(255), '\u{1f600}']) {
      const t = await table({ a: 1 })
      if (declarationOf(cmd).target === 'machine') {
        const definition = { initial: 'idle', states: { idle: { on: { GO: 'busy' } }, busy: {} } }
        await t.ok('CREATE_STATE', { state: 'machine', kind: 'machine', definition })
        await t.ok('CREATE_INSTANCE', { state: 'machine' })
      }
      if (commands[cmd].routing === 'cuts') await t.ok('CREATE_SNAPSHOT', samples.CREATE_SNAPSHOT)
      const given = { cmd, ...samples[cmd], request_id: requestId }
      // Of what is in memory only there is no backup.
      const status = cmd === 'BACKUP' ? 'error' : 'ok'
      expect(await t.call(given)).toMatchObject({ status, request_id: requestId })
      expect(await t.refusedCall({ ...given, limt: 1 })).toMatchObject({ request_id: requestId })
    }
  })

  it('comes back with an unknown command, and with a state that is not named', async () => {
    const t = await session()
    expect(await t.refusedCall({ cmd: 'X', request_id: 1 })).toMatchObject({ code: 'UNKNOWN_COMMAND', request_id: 1 })
    expect(await t.refusedCall({ cmd: 5, request_id: 1 })).toMatchObject({ code: 'INVALID_REQUEST', request_id: 1 })
    expect(await t.refusedCall({ cmd: 'GET_SCHEMA', request_id: 1 })).toMatchObject({ request_id: 1 })
  })

  it.each<JsonValue>([null, [], {}, true, 'x'.repeat(256)])('is refused where it is none: %j', async (requestId) => {
    const t = await session()
    expect(await t.refusedCall({ cmd: 'PING', request_id: requestId })).toEqual(
      invalid("'request_id' must be a finite number, or a well-formed string of at most 255 characters"),
    )
  })
})

describe('the check that every reply of these tests goes through', () => {
  const ok = { status: 'ok', record: { id: 1 }, revision: 1, version: 1 }
  const missing = { status: 'error', code: 'STATE_NOT_FOUND', message: "State 'x' not found", state: 'x' }

  it('lets documented replies pass', () => {
    expect(replyProblem({ cmd: 'get_record' }, ok)).toBeUndefined()
    expect(replyProblem({ cmd: 'GET_RECORD', request_id: 5 }, { ...ok, request_id: 5 })).toBeUndefined()
    expect(replyProblem({ cmd: 'GET_RECORD' }, missing)).toBeUndefined()
  })

  it.each<[string, JsonObject]>([
    ['a field that is not declared', { ...ok, extra: 1 }],
    ['a field of another type', { ...ok, revision: '1' }],
    ['a field too few', { status: 'ok', record: null, version: 1 }],
    ['no version', { status: 'ok', record: null, revision: 0 }],
    ['a version below zero', { ...ok, version: -1 }],
    ['a number that nobody sent', { ...ok, request_id: 5 }],
    ['no status', { record: null, revision: 0, version: 1 }],
    ['an unknown code', { ...missing, code: 'NOT_FOUND' }],
    ['words that are not those of its details', { ...missing, state: 'y' }],
    ['details that are missing', { status: 'error', code: 'STATE_NOT_FOUND', message: "State 'undefined' not found" }],
  ])('notices %s', (_what, reply) => {
    expect(replyProblem({ cmd: 'GET_RECORD' }, reply)).toEqual(expect.any(String))
  })
})
