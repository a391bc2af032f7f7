// Transactions: checks see what stood before, writes see the ones before them, and all happen or none. On one shard and over
// two, with the same words and versions.
import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { InlineShards } from '../support/inline-shards.ts'
import { Session, session } from '../support/session.ts'
import { namesOnShard } from '../support/shards.ts'

const [accounts = '', notes = ''] = namesOnShard(0, 2, 2)
const [audit = '', balances = ''] = namesOnShard(1, 2, 2)

async function bank(shards: number): Promise<Session> {
  const { call } = await InlineShards.started(shards)
  const t = new Session(call)
  for (const state of [accounts, audit]) await t.ok('CREATE_STATE', { state })
  await t.ok('CREATE_RECORD', { state: accounts, data: { owner: 'Ann', cents: 100 } })
  await t.ok('CREATE_RECORD', { state: accounts, data: { owner: 'Bob', cents: 0 } })
  await t.ok('SET_KEY', { state: balances, key: 'Ann', value: 100 })
  return t
}

const turnstile = {
  initial: 'locked',
  states: { locked: { on: { COIN: 'open' } }, open: { on: { PUSH: 'locked' } } },
}

const run = async (t: Session, ops: JsonValue[]): Promise<JsonObject[]> =>
  (await t.ok('TRANSACTION', { ops })).results as JsonObject[]

describe.each([1, 2])('a transaction over %i shards, under an idempotency key', (shards) => {
  const ops = [
    { cmd: 'INCREMENT_KEY', state: balances, key: 'Ann' },
    { cmd: 'CREATE_RECORD', state: accounts, data: { owner: 'Cid', cents: 0 } },
  ]
  const key = { idempotency_key: 'order-7' }

  it('runs once, and is answered as at first', async () => {
    const t = await bank(shards)
    const first = await t.ok('TRANSACTION', { ops, ...key })
    expect(first.results).toEqual([
      { value: 101, state_version: 2 },
      { id: 3, version: 3 },
    ])
    const others = await Promise.all([1, 2, 3].map(() => t.ok('TRANSACTION', { ops, ...key })))
    expect(others).toEqual([first, first, first])
    expect(await t.records(accounts)).toHaveLength(3)
  })

  it('runs once where it comes several times at once', async () => {
    const t = await bank(shards)
    const replies = await Promise.all([1, 2, 3, 4].map(() => t.ok('TRANSACTION', { ops, ...key })))
    expect(new Set(replies.map((reply) => JSON.stringify(reply))).size).toBe(1)
    expect(await t.records(accounts)).toHaveLength(3)
    expect(await run(t, ops)).toMatchObject([{ value: 102 }, { id: 4 }])
  })

  it('is another one with other operations, and refused', async () => {
    const t = await bank(shards)
    await t.ok('TRANSACTION', { ops, ...key })
    const more = [...ops, { cmd: 'DELETE_RECORD', state: accounts, id: 1 }]
    expect(await t.refused('TRANSACTION', { ops: more, ...key })).toMatchObject({
      code: 'KEY_REUSED',
      idempotency_key: 'order-7',
    })
    expect(await t.records(accounts)).toHaveLength(3)
    expect(await run(t, more)).toHaveLength(3)
  })

  it('is not kept when it is refused, and may be tried again', async () => {
    const t = await bank(shards)
    const checked = [...ops, { check: { state: audit, id: 1, exists: true } }]
    expect(await t.refused('TRANSACTION', { ops: checked, ...key })).toMatchObject({ code: 'TRANSACTION_FAILED' })
    await t.ok('CREATE_RECORD', { state: audit, data: { text: 'now' } })
    const first = await t.ok('TRANSACTION', { ops: checked, ...key })
    expect(first.results).toMatchObject([{ value: 101 }, { id: 3 }, { exists: true }])
    await t.ok('DELETE_RECORD', { state: audit, id: 1 })
    expect(await t.ok('TRANSACTION', { ops: checked, ...key })).toEqual(first)
  })

  it('leaves its states free behind an answer that was kept', async () => {
    const t = await bank(shards)
    await t.ok('TRANSACTION', { ops, ...key })
    await t.ok('TRANSACTION', { ops, ...key })
    expect(await t.ok('INCREMENT_KEY', { state: balances, key: 'Ann' })).toMatchObject({ value: 102 })
    expect(await t.ok('DELETE_RECORD', { state: accounts, id: 3 })).toMatchObject({ deleted: true })
  })
})

describe.each([1, 2])('a transaction over %i shards', (shards) => {
  it('runs all its writes, each of which takes one version and sees the ones before it', async () => {
    const t = await bank(shards)
    const results = await run(t, [
      { check: { state: accounts, id: 1, revision: 1 } },
      { cmd: 'PATCH_RECORD', state: accounts, id: 1, data: { cents: 70 } },
      { cmd: 'DECREMENT_KEY', state: balances, key: 'Ann', by: 30 },
      { cmd: 'CREATE_RECORD', state: audit, data: { text: 'first' } },
      { cmd: 'CREATE_RECORD', state: audit, data: { text: 'second' } },
      { cmd: 'PATCH_RECORD', state: audit, id: 2, data: { text: 'changed' } },
      { cmd: 'INCREMENT_KEY', state: balances, key: 'Bob', by: 30 },
      { cmd: 'DELETE_RECORD', state: audit, id: 9 },
    ])
    expect(results).toEqual([
      { exists: true, revision: 1 },
      { patched: true, version: 3 },
      { value: 70, state_version: 2 },
      { id: 1, version: 1 },
      { id: 2, version: 2 },
      { patched: true, version: 3 },
      { value: 30, state_version: 3 },
      { deleted: false, version: 3 },
    ])
    expect(await t.records(audit)).toEqual([
      { id: 1, text: 'first' },
      { id: 2, text: 'changed' },
    ])
    expect(await t.version(accounts)).toBe(3)
  })

  it('changes nothing where one operation is refused, and says which and why', async () => {
    const t = await bank(shards)
    const refused = await t.refused('TRANSACTION', {
      ops: [
        { cmd: 'INCREMENT_KEY', state: notes, key: 'count' },
        { cmd: 'PUSH_LIST', state: notes, key: 'list', item: 1 },
        { cmd: 'PATCH_RECORD', state: accounts, id: 1, data: { cents: 70 } },
        { cmd: 'POP_LIST', state: notes, key: 'list' },
        { cmd: 'CREATE_KEY', state: balances, key: 'Ann', value: 1 },
      ],
    })
    const message = "Key 'Ann' already exists"
    expect(refused).toEqual({
      code: 'TRANSACTION_FAILED',
      message: `Operation 4 was refused: ${message}`,
      index: 4,
      cause: { code: 'KEY_EXISTS', message, key: 'Ann' },
    })
    expect(await t.ok('CREATE_RECORD', { state: accounts, data: { owner: 'Cid', cents: 1 } })).toMatchObject({
      version: 3,
    })
  })

  it('looks at all checks first, by what stood before', async () => {
    const t = await bank(shards)
    const late = [{ cmd: 'DELETE_RECORD', state: accounts, id: 1 }, { check: { state: accounts, id: 1, exists: true } }]
    expect(
      await t.refused('TRANSACTION', {
        ops: [
          { cmd: 'CREATE_RECORD', state: 'missing', data: {} },
          { check: { state: balances, key: 'Ann', version: 7 } },
          { check: { state: accounts, id: 3, exists: true } },
        ],
      }),
    ).toMatchObject({ index: 1, cause: { code: 'VERSION_CONFLICT', expected: 7, found: 1 } })
    expect(await run(t, late)).toEqual([
      { deleted: true, version: 3 },
      { exists: true, revision: 1 },
    ])
  })

  it('is refused by a condition of one of its writes, as that write alone would be', async () => {
    const t = await bank(shards)
    const ops = [
      { cmd: 'SET_KEY', state: balances, key: 'x', value: 1 },
      { cmd: 'PATCH_RECORD', state: accounts, id: 1, data: { cents: 70 }, if: { cents: 99 } },
    ]
    expect(await t.refused('TRANSACTION', { ops })).toMatchObject({ index: 1, cause: { code: 'VERSION_CONFLICT' } })
  })

  it('takes a result that says no for a result', async () => {
    const t = await bank(shards)
    expect(
      await run(t, [
        { cmd: 'PATCH_RECORD', state: accounts, id: 9, data: { cents: 1 } },
        { cmd: 'COMPARE_SWAP', state: balances, key: 'Ann', old: 99, new: 1 },
      ]),
    ).toEqual([
      { patched: false, version: 2 },
      { swapped: false, value: 100, state_version: 1 },
    ])
  })

  it('serves whoever waits for an item that it pushes', async () => {
    const t = await bank(shards)
    const popped = t.ok('POP_LIST', { state: balances, key: 'jobs', wait: 30 })
    await t.ok('SET_KEY', { state: balances, key: 'other', value: 1 })
    await run(t, [
      { cmd: 'PUSH_LIST', state: balances, key: 'jobs', item: 'a' },
      { cmd: 'INCREMENT_KEY', state: notes, key: 'pushed' },
    ])
    expect(await popped).toMatchObject({ item: 'a' })
  })
})

describe('a workload', () => {
  const list = (shard: string): string => `/nodes/${shard}/workloads`

  it('moves from one node to another, if both are as they were', async () => {
    const { call } = await InlineShards.started(2)
    const t = new Session(call)
    await t.ok('SET_KEY', { key: list('old'), value: ['my-app', 'other'] })
    await t.ok('SET_KEY', { key: list('new'), value: [] })
    const ops = [
      { check: { key: list('old'), version: 1 } },
      { check: { key: list('new'), version: 1 } },
      { cmd: 'SET_KEY', key: list('old'), value: ['other'] },
      { cmd: 'SET_KEY', key: list('new'), value: ['my-app'] },
    ]
    expect(await run(t, ops)).toMatchObject([{ version: 1 }, { version: 1 }, { version: 2 }, { version: 2 }])
    expect(await t.ok('GET_KEY', { key: list('new') })).toMatchObject({ value: ['my-app'] })
    expect(await t.refused('TRANSACTION', { ops })).toMatchObject({ index: 0, cause: { expected: 1, found: 2 } })
  })
})

describe('the operations of a transaction', () => {
  const wrong: [string, JsonValue, JsonObject][] = [
    ['no object', 5, { reason: 'an operation must be an object' }],
    ['an unknown command', { cmd: 'NOTHING' }, { code: 'UNKNOWN_COMMAND' }],
    ['a read', { cmd: 'GET_KEY', key: 'a' }, { reason: 'GET_KEY cannot be an operation of a transaction' }],
    ['the creation of a state', { cmd: 'CREATE_STATE', state: 'x' }, { code: 'INVALID_REQUEST' }],
    ['another transaction', { cmd: 'TRANSACTION', ops: [] }, { code: 'INVALID_REQUEST' }],
    [
      'a pop that waits',
      { cmd: 'POP_LIST', key: 'a', wait: 1 },
      { reason: "POP_LIST with 'wait' cannot be an operation of a transaction" },
    ],
    ['no state', { cmd: 'DELETE_RECORD', id: 1 }, { reason: "DELETE_RECORD needs 'state'" }],
    [
      'a bad argument',
      { cmd: 'INCREMENT_KEY', key: 'a', by: '1' },
      { reason: "'by' of INCREMENT_KEY must be a number" },
    ],
    ['an unknown field', { cmd: 'DELETE_KEY', key: 'a', x: 1 }, { reason: "DELETE_KEY has no field 'x'" }],
    [
      'a key of its own',
      { cmd: 'DELETE_KEY', key: 'a', idempotency_key: 'once' },
      { reason: "an operation has no 'idempotency_key'" },
    ],
    [
      'a number of its own',
      { cmd: 'DELETE_KEY', key: 'a', request_id: 1 },
      { reason: "an operation has no 'request_id'" },
    ],
    ['a check of nothing', { check: { key: 'a' } }, { reason: "a check needs 'version', 'revision' or 'exists'" }],
    ['a check of nobody', { check: { state: 'x', exists: true } }, { reason: "a check needs 'key' or 'id'" }],
    [
      'a check of both',
      { check: { state: 'x', key: 'a', id: 1, exists: true } },
      { reason: "a check needs 'key' or 'id'" },
    ],
    ['a check of no state', { check: { id: 1, exists: true } }, { reason: "a check needs 'state'" }],
    ['a check of the version of an id', { check: { state: 'x', id: 1, version: 1 } }, { code: 'INVALID_REQUEST' }],
    [
      'a check with a wrong type',
      { check: { key: 'a', version: '1' } },
      { reason: "'version' of a check must be an integer of at least 0" },
    ],
    ['a check of something unknown', { check: { key: 'a', value: 1 } }, { reason: "a check has no field 'value'" }],
    [
      'a check with a write',
      { check: { key: 'a', version: 0 }, cmd: 'SET_KEY' },
      { reason: "a check has no field 'cmd' beside it" },
    ],
    [
      'too many rows',
      { cmd: 'SET_STATE', state: 'leads', data: Array.from({ length: 1_001 }, () => ({ a: 1 })) },
      { code: 'LIMIT_EXCEEDED', limit: 1_000 },
    ],
  ]
  it.each(wrong)('are refused with %s', async (_what, op, cause) => {
    const t = await session()
    await t.ok('CREATE_STATE')
    const refused = await t.refused('TRANSACTION', { ops: [{ cmd: 'INCREMENT_KEY', key: 'a' }, op] })
    expect(refused).toMatchObject({ code: 'TRANSACTION_FAILED', index: 1, cause })
  })

  it('are at least one, and at most a thousand', async () => {
    const t = await session()
    const op = { cmd: 'INCREMENT_KEY', key: 'a' }
    expect(await t.refused('TRANSACTION', { ops: [] })).toMatchObject({ code: 'INVALID_REQUEST' })
    expect(await t.refused('TRANSACTION', { ops: Array.from({ length: 1_001 }, () => op) })).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      limit: 1_000,
    })
    expect(
      (
        await run(
          t,
          Array.from({ length: 1_000 }, () => op),
        )
      ).at(-1),
    ).toEqual({ value: 1_000, state_version: 1_000 })
  })

  it('may be nested as deep as the same command alone', async () => {
    const t = await session()
    let value: JsonValue = 1
    for (let depth = 0; depth < 64; depth += 1) value = [value]
    expect(await run(t, [{ cmd: 'SET_KEY', key: 'a', value }])).toHaveLength(1)
  })

  it('may send events to instances of machines, and check them', async () => {
    const t = await session()
    await t.ok('CREATE_STATE', { kind: 'machine', definition: turnstile })
    await t.ok('CREATE_INSTANCE', { id: 'gate' })
    expect(
      await run(t, [
        { check: { state: 'leads', id: 'gate', revision: 1 } },
        { check: { state: 'leads', id: 'other', exists: false } },
        { cmd: 'CREATE_INSTANCE', state: 'leads', id: 'other' },
        { cmd: 'SEND_EVENT', state: 'leads', id: 'gate', event: 'COIN' },
        { cmd: 'SEND_EVENT', state: 'leads', id: 'gate', event: 'PUSH' },
      ]),
    ).toMatchObject([{ revision: 1 }, { exists: false, revision: 0 }, { version: 2 }, { version: 3 }, { version: 4 }])
    const ops = [
      { cmd: 'DELETE_INSTANCE', state: 'leads', id: 'other' },
      { cmd: 'SEND_EVENT', state: 'leads', id: 'gate', event: 'PUSH' },
    ]
    expect(await t.refused('TRANSACTION', { ops })).toMatchObject({ index: 1, cause: { code: 'INVALID_TRANSITION' } })
  })

  it('may replace a table of up to a thousand rows, and take off a list', async () => {
    const t = await session()
    await t.ok('CREATE_STATE')
    await t.ok('SET_KEY', { key: 'jobs', value: [1, 2, 3] })
    const results = await run(t, [
      { cmd: 'SET_STATE', state: 'leads', data: Array.from({ length: 1_000 }, (_, a) => ({ a })) },
      { cmd: 'PATCH_RECORD', state: 'leads', id: 1_000, data: { a: 0 } },
      { cmd: 'POP_LIST', key: 'jobs', lease: 60 },
      { cmd: 'POP_LIST', key: 'jobs' },
    ])
    expect(results).toMatchObject([{ accepted: 1_000 }, { patched: true }, { item: 3, deliveries: 1 }, { item: 2 }])
    const ops = [
      ...['SET_STATE', 'CREATE_RECORD'].map((cmd) => ({ cmd, state: 'leads', data: cmd === 'SET_STATE' ? [] : {} })),
      { check: { key: 'no', version: 1 } },
    ]
    await t.refused('TRANSACTION', { ops })
  })
})
