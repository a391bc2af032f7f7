// Requests on several names of a shard: decided as one, unless some of their commands have to wait; then each name keeps its
// order, and the request is answered, kept and committed as one all the same.
import { describe, expect, it } from 'vitest'
import { shardOf } from '../../src/base/placement.ts'
import type { Numbered } from '../../src/protocol/mailbox.ts'
import { decodeBody, encodePacked } from '../../src/protocol/message-pack.ts'
import { type Operation, readOperations, type TransactionStep } from '../../src/protocol/transactions.ts'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { committed, KeepingJournal, Store } from '../support/keeping-journal.ts'
import { type HarnessOptions, ShardHarness } from '../support/shard-harness.ts'

const increment = { cmd: 'INCREMENT_KEY', key: 'n' }
const read = { cmd: 'GET_KEY', key: 'n' }
/** So many rows are written in steps. */
const rows = Array.from({ length: 3_000 }, (_, n) => ({ n }))
const fill = { cmd: 'SET_STATE', data: rows }
const session = 'a'.repeat(32)

function numberedBy(number: number): Numbered {
  return [session, number, 0, false]
}

async function started(store = new Store(), options: HarnessOptions = {}) {
  const journal = new KeepingJournal(store)
  const harness = await ShardHarness.started({ journal, ...options })
  const post = (body: JsonValue, number?: number): number => {
    const text = JSON.stringify(body)
    const [id] = harness.postEntries([
      number === undefined ? ['json-spread', 'a', text] : ['json-spread', 'a', text, numberedBy(number)],
    ])
    return id as number
  }
  const reply = (id: number): JsonValue => {
    const body = harness.reply(id)
    return body === undefined ? null : ((typeof body === 'string' ? JSON.parse(body) : body) as JsonValue)
  }
  const send = async (body: JsonValue, number?: number): Promise<JsonValue> => {
    const id = post(body, number)
    await harness.idle()
    return reply(id)
  }
  const ask = async (step: TransactionStep): Promise<void> => {
    harness.postEntries([['transaction', '', step as object as JsonValue]])
    await harness.idle()
  }
  /** Holds a state as a transaction does that waits for the decision of another shard. */
  const hold = (state: string): Promise<void> => {
    const operations = readOperations([{ cmd: 'SET_KEY', state, key: 'other', value: 1 }], 1) as Operation[]
    return ask({ step: 'prepare', operations, part: { transaction: state, decider: 1, isDecider: false } })
  }
  const free = (state = 'b'): Promise<void> => ask({ step: 'finish', transaction: state, isCommitted: false })
  return { harness, journal, post, reply, send, hold, free }
}

const ok = (fields: JsonObject): unknown => expect.objectContaining({ status: 'ok', ...fields })
const refused = (code: string, words: string): unknown =>
  expect.objectContaining({ status: 'error', code, message: expect.stringContaining(words) })

describe('a request on several names', () => {
  it('runs each command on the name before it, in order, and is answered in that order by one commit', async () => {
    const store = new Store()
    const { send } = await started(store)
    const lock = { cmd: 'TRY_LOCK', owner: 'ann' }
    const replies = await send([
      'a',
      [increment, increment],
      'b',
      [increment],
      'a',
      [increment],
      'a',
      [lock],
      'b',
      [read],
    ])
    const values = [1, 2, 1, 3].map((value) => ok({ value }))
    expect(replies).toEqual([...values, ok({ acquired: true }), ok({ value: 1 })])
    expect(store.commits).toHaveLength(1)
  })

  it('may come in MessagePack, too', async () => {
    const { harness } = await started()
    const body = encodePacked(
      [
        'a',
        [[26, ['n']]],
        'b',
        [
          [26, ['n']],
          [18, ['n']],
        ],
      ],
      false,
    )
    const [id] = harness.postEntries([['msgpack-maps-spread', 'a', body]])
    await harness.idle()
    const [chunk] = harness.reply(id as number) as [Uint8Array]
    expect(decodeBody(chunk)).toEqual([
      [1, 1],
      [1, 1],
      [1, 1, 1, expect.any(Number), expect.any(Number), 1],
    ])
  })

  it('does not let the refusal of one command touch the others', async () => {
    const { send } = await started()
    const replies = await send(['a', [increment, { cmd: 'NONE' }], 'b', [{ cmd: 'GET_RECORD', id: 1 }, increment]])
    expect(replies).toEqual([
      ok({ value: 1 }),
      refused('UNKNOWN_COMMAND', 'NONE'),
      refused('STATE_NOT_FOUND', "'b'"),
      ok({ value: 1 }),
    ])
  })

  it('refuses the commands on a name that is none, lives elsewhere, or is not the one that they say', async () => {
    const { send } = await started(new Store(), { shards: 4 })
    const names = Array.from({ length: 100 }, (_, n) => `name ${n}`)
    const here = names.find((name) => shardOf(name, 4) === 0) as string
    const elsewhere = names.find((name) => shardOf(name, 4) === 1) as string
    expect(await send(['', [increment], 'x\n', [increment], elsewhere, [increment], here, [increment]])).toEqual([
      refused('INVALID_REQUEST', "'name' must not be empty"),
      refused('INVALID_REQUEST', 'control characters'),
      refused('INVALID_REQUEST', `'${elsewhere}' is not on the shard of the routing key`),
      ok({ value: 1 }),
    ])
    const one = await started()
    expect(await one.send(['a', [{ ...increment, state: 'b' }], 'b', [{ ...increment, state: 'b' }]])).toEqual([
      refused('INVALID_REQUEST', "'state' is not the name before it"),
      ok({ value: 1 }),
    ])
  })

  it.each<[string, JsonValue, string]>([
    ['is no array', { a: [increment] }, 'must be an array'],
    ['is empty', [], 'at least one command'],
    ['lacks the commands of its last name', ['a', [increment], 'b'], 'each name is followed by its commands'],
    ['has a name that is no string', [7, [increment]], 'each name is a string'],
    ['has one command in place of an array', ['a', increment], 'an array that is not empty'],
    ['has a name without commands', ['a', [increment], 'b', []], 'an array that is not empty'],
  ])('is refused as a whole where its body %s', async (_what, body, words) => {
    const { send, harness } = await started()
    expect(await send(body, 1)).toEqual(refused('INVALID_REQUEST', words))
    expect(await harness.call({ ...read, state: 'a' })).toMatchObject({ value: null })
    expect(await send(['a', [increment], 'b', [increment]], 1), 'its number is free still').toHaveLength(2)
  })

  it('has no more commands than any message, over all its names', async () => {
    const { send } = await started()
    const names = Array.from({ length: 1_001 }, (_, n) => [`name ${n}`, [increment]]).flat()
    const tooMany = refused('LIMIT_EXCEEDED', 'commands in a message')
    expect(await send(names)).toEqual(tooMany)
    expect(await send(Array.from({ length: 10 }, () => names).flat())).toEqual(tooMany)
    expect(
      await send(['a', Array.from({ length: 600 }, () => read), 'b', Array.from({ length: 401 }, () => read)]),
    ).toEqual(tooMany)
    expect(await send(names.slice(2))).toHaveLength(1_000)
  })

  it('has no command that waits', async () => {
    const { send } = await started()
    const lock = { cmd: 'LOCK', owner: 'ann', timeout: 5 }
    const alone = refused('INVALID_REQUEST', 'must be the only one of its message')
    expect(await send(['a', [lock]])).toEqual([alone])
    expect(await send(['a', [lock], 'b', [{ cmd: 'POP_LIST', key: 'q', wait: 1 }]])).toEqual([alone, alone])
  })
})

describe('a request on several names of which one is held', () => {
  it('waits on that name only, keeps the order of each, and tells early what ran', async () => {
    const { harness, post, reply, hold, free } = await started()
    await hold('b')
    const first = post(['a', [increment], 'b', [increment], 'a', [increment], 'b', [increment]])
    const second = post(['b', [increment], 'a', [increment]])
    await harness.idle()
    expect([reply(first), reply(second)]).toEqual([null, null])
    expect(harness.early).toEqual([
      { id: first, places: [0, 2], replies: [ok({ value: 1 }), ok({ value: 2 })] },
      { id: second, places: [1], replies: [ok({ value: 3 })] },
    ])
    await free()
    const value = (n: number) => ok({ value: n })
    expect(reply(first)).toEqual([value(1), value(1), value(2), value(2)])
    expect(reply(second)).toEqual([value(3), value(3)])
  })

  it('waits on each of several that are held, and is answered when the last is free', async () => {
    const { harness, post, reply, hold, free } = await started()
    await hold('b')
    await hold('c')
    const id = post(['b', [increment], 'c', [increment, increment], 'b', [increment]])
    await free('c')
    expect(reply(id)).toBeNull()
    expect(harness.early).toEqual([{ id, places: [1, 2], replies: [ok({ value: 1 }), ok({ value: 2 })] }])
    await free('b')
    expect(reply(id)).toEqual([1, 1, 2, 2].map((value) => ok({ value })))
  })

  it('parts at a command of its own that takes steps, too', async () => {
    const { harness, post, reply, send } = await started()
    await send(['a', [{ cmd: 'CREATE_STATE' }], 'b', [increment]])
    const count = { cmd: 'CREATE_RECORD', data: { n: 0 } }
    const id = post(['a', [count, fill, count], 'b', [increment], 'a', [count]])
    await harness.idle()
    const answers = [{ id: 1 }, { accepted: 3_000 }, { id: 3_001 }, { value: 2 }, { id: 3_002 }]
    expect(reply(id)).toEqual(answers.map(ok))
  })

  it('is decided again as a whole where the journal refuses the commit, in the same order', async () => {
    const { harness, journal, post, reply, send } = await started()
    await send(['a', [{ cmd: 'CREATE_STATE' }], 'b', [increment]])
    let refusals = 1
    journal.plan = () => {
      refusals -= 1
      return refusals >= 0 ? { outcome: 'refused', code: 'STORAGE_FAILED', reason: 'as planned' } : committed
    }
    const count = { cmd: 'CREATE_RECORD', data: { n: 0 } }
    const id = post(['a', [count, fill, count], 'b', [increment, read]])
    await harness.idle()
    const failed = refused('STORAGE_FAILED', 'as planned')
    expect(reply(id)).toEqual([failed, failed, failed, failed, ok({ value: 1 })])
    expect(harness.failures).toEqual([])
    expect(await send(['a', [count]])).toEqual([ok({ id: 1 })])
  })

  it('runs once under its number, while it waits and after, and in the next life of the shard', async () => {
    const store = new Store()
    const { harness, post, reply, hold, free, send } = await started(store)
    await hold('b')
    const body = ['a', [increment], 'b', [increment], 'a', [increment]]
    const ids = [post(body, 1)]
    await harness.idle()
    ids.push(post(body, 1))
    await free()
    const answers = [ok({ value: 1 }), ok({ value: 1 }), ok({ value: 2 })]
    expect(ids.map(reply)).toEqual([answers, answers])
    expect(await send(body, 1)).toEqual(answers)
    const next = await started(store)
    expect(await next.send(body, 1)).toEqual(answers)
    expect(await next.send(['a', [read], 'b', [read]])).toEqual([ok({ value: 2 }), ok({ value: 1 })])
  })

  it('goes on in the next life of the shard with what had waited, and not with what had run', async () => {
    const store = new Store()
    const first = await started(store)
    await first.hold('b')
    const body = ['a', [increment], 'b', [increment], 'a', [increment], 'b', [increment]]
    first.post(body, 1)
    await first.harness.idle()
    // The thread ends here: what ran on the free name is committed, and the promise that holds the other one, too.
    const { post, send, free, reply, harness } = await started(store)
    const id = post(body, 1)
    await harness.idle()
    expect(reply(id)).toBeNull()
    await free()
    const replies = [1, 1, 2, 2].map((value) => ok({ value }))
    expect(reply(id)).toEqual(replies)
    expect(await send(body, 1)).toEqual(replies)
    expect(await send(['a', [read], 'b', [read]])).toEqual([ok({ value: 2 }), ok({ value: 2 })])
  })
})
