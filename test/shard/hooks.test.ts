// Hooks in a shard: what validators may refuse and what that leaves behind, what the others are told and when, and that
// none of them, however wrong, takes the shard down.
import { describe, expect, it } from 'vitest'
import type { ChangeView, Delta, Extension } from '../../src/protocol/hooks.ts'
import { progressSlot } from '../../src/protocol/mailbox.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { HookSet } from '../../src/shard/hook-set.ts'
import { KeepingJournal } from '../support/keeping-journal.ts'
import { type HarnessOptions, ShardHarness, settled } from '../support/shard-harness.ts'

const traffic = { initial: 'red', states: { red: { on: { NEXT: 'green' }, after: { 1000: 'green' } }, green: {} } }
const field = {
  field: 'status',
  definition: { initial: 'open', states: { open: { on: { CLOSE: 'closed' } }, closed: {} } },
}

/** A shard with the hooks of a module, and what it logged. */
async function shardWith(extension: Extension, options: HarnessOptions = {}) {
  const hooks = new HookSet(extension)
  const warnings: { fields: object; message: string }[] = []
  const log = {
    info() {},
    warn: (fields: object, message: string) => void warnings.push({ fields, message }),
    error() {},
  }
  const harness = await ShardHarness.started({ hooks, log, ...options })
  const call = async (cmd: string, fields: JsonObject = {}) =>
    (await harness.call({ cmd, state: 'jobs', ...fields })) as JsonObject
  const outcomes = () =>
    harness.shard.statistics().hooks.map(({ command, outcome, count }) => `${command} ${outcome} ${count}`)
  return { harness, hooks, call, warnings, outcomes }
}

const rows = (count: number) => Array.from({ length: count }, (_, n) => ({ n }))

/** Refuses whatever brings this value of `n`. */
const without = (n: number) => (change: ChangeView) => {
  if ((change.new_value as JsonObject | undefined)?.n === n) throw new Error(`no ${n} here`)
}

describe('a validator', () => {
  it.each([
    ['CREATE_RECORD', { data: { n: 13 } }],
    ['SET_RECORD', { id: 1, data: { n: 13 } }],
    ['SET_RECORD', { id: 9, data: { n: 13 } }],
    ['PATCH_RECORD', { id: 1, data: { n: 13 } }],
    ['SET_STATE', { data: [{ n: 1 }, { n: 13 }, { n: 2 }] }],
    ['SET_STATE', { data: rows(2_000) }],
    ['ALTER_STATE', { drop_fields: ['n'], add_fields: { other: 1 } }],
    ['DELETE_RECORD', { id: 1 }],
    ['DELETE_STATE', {}],
  ])('refuses %s %j, which leaves contents, version and ids as they were', async (cmd, fields) => {
    const refusing = new Set(['DELETE_RECORD', 'DELETE_STATE', 'ALTER_STATE'])
    const { call, hooks } = await shardWith({})
    await call('CREATE_STATE')
    await call('CREATE_RECORD', { data: { n: 1 } })
    const before = [await call('LIST_RECORDS'), await call('GET_STATE_INFO')]
    const remove = hooks.addValidate('jobs', (change) => {
      if (refusing.has(cmd)) throw new Error('no 13 here')
      without(13)(change)
    })
    expect(await call(cmd, fields)).toEqual({
      status: 'error',
      code: 'REFUSED_BY_HOOK',
      message: 'Refused by a hook: no 13 here',
      reason: 'no 13 here',
    })
    expect([await call('LIST_RECORDS'), await call('GET_STATE_INFO')]).toEqual(before)
    remove()
    expect(await call('CREATE_RECORD', { data: { n: 2 } })).toMatchObject({ status: 'ok', id: 2, version: 2 })
  })

  it('sees a change as plain data before it is made: each row of a list, and then the whole', async () => {
    const seen: ChangeView[] = []
    const { call } = await shardWith({ validate: (change) => void seen.push(change) })
    await call('CREATE_STATE')
    await call('CREATE_RECORD', { data: { n: 1 } })
    await call('SET_STATE', {
      data: [
        { id: 1, n: 2 },
        { id: 7, n: 3 },
      ],
    })
    await call('GET_RECORD', { id: 1 })
    expect(seen).toEqual([
      { state: 'jobs', version: 0, type: 'state_created', at: 1 },
      { state: 'jobs', version: 1, type: 'created', id: 1, new_value: { id: 1, n: 1 }, at: 1 },
      {
        state: 'jobs',
        version: 2,
        type: 'updated',
        id: 1,
        old_value: { id: 1, n: 1 },
        new_value: { id: 1, n: 2 },
        at: 1,
      },
      { state: 'jobs', version: 2, type: 'created', id: 7, new_value: { id: 7, n: 3 }, at: 1 },
      { state: 'jobs', version: 2, type: 'replaced', at: 1 },
    ])
  })

  it('cannot reach what the shard holds', async () => {
    const { call } = await shardWith({
      validate: ({ new_value }) => {
        const record = new_value as { tags?: string[] } | undefined
        record?.tags?.push('mine')
      },
    })
    await call('CREATE_STATE')
    expect(await call('CREATE_RECORD', { data: { tags: ['a'] } })).toMatchObject({ code: 'REFUSED_BY_HOOK' })
    expect(await call('LIST_RECORDS')).toMatchObject({ records: [] })
  })

  it('that returns a promise refuses, and the mistake is counted and logged', async () => {
    const validate = (): unknown => Promise.reject(new Error('too late'))
    const { call, warnings, outcomes, harness } = await shardWith({ validate })
    expect(await call('CREATE_STATE')).toMatchObject({
      code: 'REFUSED_BY_HOOK',
      reason: expect.stringContaining('promise'),
    })
    await settled()
    expect(outcomes()).toEqual(['validate failed 1'])
    expect(warnings).toMatchObject([{ fields: { hook: 'validate', state: 'jobs' }, message: 'a hook failed' }])
    expect(harness.failures).toEqual([])
  })

  it.each([[null], ['words'], [Object.create(null)], [{ message: 1 }]])('may throw anything: %j', async (thrown) => {
    const { call, harness } = await shardWith({
      validate: () => {
        throw thrown
      },
    })
    expect(await call('CREATE_STATE')).toMatchObject({ code: 'REFUSED_BY_HOOK', reason: expect.any(String) })
    expect(harness.failures).toEqual([])
  })

  it('lets nothing of a big pattern go where it refuses the last of the keys', async () => {
    const { call, hooks } = await shardWith({})
    for (let n = 0; n < 1_500; n += 1) await call('SET_KEY', { key: `k${String(n).padStart(4, '0')}`, value: n })
    const before = await call('GET_STATE_INFO')
    const remove = hooks.addValidate('jobs', ({ key, type }) => {
      if (type === 'deleted' && key === 'k1499') throw new Error('this one stays')
    })
    expect(await call('CLEAR_KEYS', { pattern: 'k*' })).toMatchObject({ code: 'REFUSED_BY_HOOK' })
    expect(await call('GET_STATE_INFO')).toEqual(before)
    remove()
    hooks.addValidate('jobs', () => {})
    expect(await call('CLEAR_KEYS', { pattern: 'k*' })).toMatchObject({ cleared: 1_500 })
    expect(await call('GET_STATE_INFO')).toMatchObject({ current_length: 0, version: Number(before.version) + 1_500 })
  })

  it('answers whoever waited for what it refuses, and the item stays', async () => {
    const { call, harness } = await shardWith({
      validate: ({ type }) => {
        if (type === 'popped') throw new Error('nobody takes these')
      },
    })
    const [waiting = 0] = harness.post({ cmd: 'POP_LIST', state: 'jobs', key: 'list', wait: 60 })
    await harness.idle()
    expect(await call('PUSH_LIST', { key: 'list', item: 1 })).toMatchObject({ status: 'ok' })
    expect(harness.reply(waiting)).toMatchObject({ code: 'REFUSED_BY_HOOK', reason: 'nobody takes these' })
    expect(await call('LIST_LENGTH', { key: 'list' })).toMatchObject({ length: 1 })
  })

  it('is asked about each instance that another definition moves, and keeps all where they are', async () => {
    const seen: ChangeView[] = []
    const { call, hooks } = await shardWith({})
    await call('CREATE_STATE', { kind: 'machine', definition: traffic })
    for (const id of ['a', 'b']) await call('CREATE_INSTANCE', { id })
    hooks.addValidate('jobs', (change) => {
      seen.push(change)
      if (change.id === 'b') throw new Error('not this one')
    })
    const definition = { initial: 'amber', states: { amber: {}, green: {} } }
    const move = { definition, migrate: { red: 'amber' } }
    expect(await call('SET_DEFINITION', move)).toMatchObject({ code: 'REFUSED_BY_HOOK', reason: 'not this one' })
    expect(seen.map(({ id, type, old_value, new_value }) => [id, type, old_value, new_value])).toEqual(
      ['a', 'b'].map((id) => [
        id,
        'updated',
        { value: 'red', context: {}, done: false },
        { value: 'amber', context: {}, done: false },
      ]),
    )
    expect(await call('GET_INSTANCE', { id: 'a' })).toMatchObject({ value: 'red', version: 2 })
  })

  it('is not asked about what time brings about', async () => {
    const seen: string[] = []
    const { call, harness } = await shardWith({ validate: ({ type }) => void seen.push(type) })
    await call('SET_KEY', { key: 'k', value: 1, ttl: 1 })
    await call('CREATE_STATE', { state: 'lights', kind: 'machine', definition: traffic })
    await call('CREATE_INSTANCE', { state: 'lights', id: 'a' })
    seen.length = 0
    harness.advance(5_000)
    await harness.idle()
    expect(await call('GET_INSTANCE', { state: 'lights', id: 'a' })).toMatchObject({ value: 'green' })
    expect(await call('GET_KEY', { key: 'k' })).toMatchObject({ value: null })
    expect(seen).toEqual([])
  })
})

describe('onChange', () => {
  it('is told each change of a table in the form of a persistence callback', async () => {
    const told: [string, Delta][] = []
    const { call } = await shardWith({ onChange: (state, delta) => void told.push([state, delta]) })
    await call('CREATE_STATE', { max_length: 2 })
    await call('CREATE_RECORD', { data: { n: 1, tag: 'a' } })
    await call('PATCH_RECORD', { id: 1, data: { n: 2, tag: 'a' } })
    await call('SET_RECORD', { id: 1, data: { n: 3, tag: 'b' } })
    await call('SET_RECORD', { id: 5, data: { n: 4, tag: 'c' } })
    await call('DELETE_RECORD', { id: 1 })
    await call('SET_STATE', {
      data: [
        { n: 1, tag: '' },
        { n: 2, tag: '' },
        { n: 3, tag: '' },
      ],
    })
    await call('DELETE_STATE')
    expect(told).toEqual(
      [
        { change: { state: 'jobs', version: 0, type: 'state_created', at: 1 } },
        { create_record: { id: 1, n: 1, tag: 'a' } },
        { patch_record: { id: 1, n: 2 } },
        { set_record: { id: 1, n: 3, tag: 'b' } },
        { set_record: { id: 5, n: 4, tag: 'c' } },
        { delete_record: 1 },
        { set_state: 2, dropped: 1 },
        { change: { state: 'jobs', version: 7, type: 'state_deleted', at: 1 } },
      ].map((delta) => ['jobs', delta]),
    )
  })

  it('is told keys, items and instances as changes', async () => {
    const told: ChangeView[] = []
    const { call, harness } = await shardWith({
      onChange: (_, delta) => void told.push((delta as { change: ChangeView }).change),
    })
    await call('SET_KEY', { key: 'k', value: { a: 1 }, ttl: 1 })
    await call('SET_KEY', { key: 'list', value: [1] })
    await call('PUSH_LIST', { key: 'list', item: 2 })
    await call('POP_LIST', { key: 'list', end: 'first' })
    harness.advance(2_000)
    await harness.idle()
    await call('DELETE_KEY', { key: 'list' })
    const shown = told.map(({ type, key, old_value, new_value }) => [type, key, old_value, new_value])
    expect(shown).toEqual([
      ['state_created', undefined, undefined, undefined],
      ['created', 'k', undefined, { a: 1 }],
      ['created', 'list', undefined, [1]],
      ['pushed', 'list', undefined, 2],
      ['popped', 'list', 1, undefined],
      ['expired', 'k', { a: 1 }, undefined],
      ['deleted', 'list', undefined, undefined],
    ])
  })

  it('hears nothing of a commit that was refused, and nothing before one', async () => {
    const told: Delta[] = []
    const journal = new KeepingJournal()
    let toldAtCommit = -1
    const { call } = await shardWith({ onChange: (_, delta) => void told.push(delta) }, { journal })
    await call('CREATE_STATE')
    told.length = 0
    journal.plan = () => ({ outcome: 'refused', code: 'STORAGE_FULL' })
    expect(await call('CREATE_RECORD', { data: { n: 1 } })).toMatchObject({ code: 'STORAGE_FULL' })
    expect(told).toEqual([])
    journal.plan = () => {
      toldAtCommit = told.length
      return { outcome: 'committed' }
    }
    await call('CREATE_RECORD', { data: { n: 2 } })
    expect(toldAtCommit).toBe(0)
    expect(told).toEqual([{ create_record: { id: 1, n: 2 } }])
  })

  it('hears nothing of what a validator refused', async () => {
    const told: Delta[] = []
    const { call } = await shardWith({ validate: without(13), onChange: (_, delta) => void told.push(delta) })
    await call('CREATE_STATE')
    await call('SET_STATE', { data: [{ n: 13 }] })
    await call('CREATE_RECORD', { data: { n: 13 } })
    expect(told).toHaveLength(1)
  })

  it('that throws, rejects or breaks what it was given changes nothing, and is counted and logged', async () => {
    const ways: (() => unknown)[] = [
      () => {
        throw new Error('no disk')
      },
      () => Promise.reject(new Error('no network')),
      () =>
        new Proxy(
          {},
          {
            get() {
              throw new Error('not to be looked at')
            },
          },
        ),
    ]
    let way = -1
    const { call, harness, outcomes, warnings } = await shardWith({
      onChange: () => {
        way += 1
        return ways[way]?.()
      },
    })
    await call('CREATE_STATE')
    for (let n = 1; n <= 3; n += 1) {
      expect(await call('CREATE_RECORD', { data: { n } })).toMatchObject({ status: 'ok', id: n })
    }
    await harness.shard.stop()
    expect(harness.failures).toEqual([])
    expect(outcomes().toSorted()).toEqual(['onChange failed 2', 'onChange ok 2'])
    // Of the failures within a second one line is logged, so that a hook that always fails does not flood the log.
    expect(warnings).toEqual([
      {
        fields: { event: 'hook_failed', hook: 'onChange', state: 'jobs', reason: 'no disk' },
        message: 'a hook failed',
      },
    ])
  })

  it('is called no more while a thousand of its promises are unfinished, which a stop waits for', async () => {
    const finish: (() => void)[] = []
    const { call, harness, outcomes } = await shardWith({
      onChange: () => new Promise<void>((resolve) => finish.push(resolve)),
    })
    await call('CREATE_STATE')
    for (let n = 0; n < 1_009; n += 1) await call('CREATE_RECORD', { data: { n } })
    expect(finish).toHaveLength(1_000)
    expect(outcomes()).toEqual(['onChange skipped 10'])
    let isOver = false
    const over = harness.shard.stop().then(() => (isOver = true))
    await settled()
    expect(isOver).toBe(false)
    for (const resolve of finish) resolve()
    await over
    expect(outcomes().toSorted()).toEqual(['onChange ok 1000', 'onChange skipped 10'])
  })

  it('that is slow is counted and logged as such, and shows as progress of its shard', async () => {
    const { call, harness, outcomes, warnings } = await shardWith({
      onChange: () => {
        const end = performance.now() + 60
        while (performance.now() < end);
      },
    })
    const before = harness.progress[progressSlot.steps] ?? 0
    await call('CREATE_STATE')
    expect(outcomes()).toEqual(['onChange slow 1'])
    expect(warnings).toMatchObject([{ fields: { ms: expect.any(Number) }, message: 'a hook kept its shard for long' }])
    expect(harness.shard.statistics().hookSeconds.sum).toBeGreaterThan(0.05)
    // One step for the command, and one for the call.
    expect(harness.progress[progressSlot.steps]).toBe(before + 2)
  })
})

describe('onTransition', () => {
  const moves = (told: ChangeView[]) => told.map(({ id, from, to, event }) => [id, from, to, event])

  it('is told each transition of an instance, those of timers too, without a history', async () => {
    const told: ChangeView[] = []
    const { call, harness, hooks } = await shardWith({})
    hooks.addOnTransition('lights', (change) => void told.push(change))
    await call('CREATE_STATE', { state: 'lights', kind: 'machine', definition: traffic, history_limit: 0 })
    await call('CREATE_INSTANCE', { state: 'lights', id: 'a', context: { x: 1 } })
    await call('CREATE_INSTANCE', { state: 'lights', id: 'b' })
    await call('SEND_EVENT', { state: 'lights', id: 'a', event: 'NEXT', data: { y: 2 } })
    await call('SEND_EVENT', { state: 'lights', id: 'a', event: 'NEXT' })
    harness.advance(2_000)
    await harness.idle()
    expect(moves(told)).toEqual([
      ['a', 'red', 'green', 'NEXT'],
      ['b', 'red', 'green', expect.stringMatching(/^xstate\.after\.1000/)],
    ])
    expect(told[0]).toMatchObject({
      type: 'updated',
      old_value: { value: 'red', context: { x: 1 } },
      new_value: { value: 'green', context: { x: 1, y: 2 } },
    })
  })

  it('is told the moves of a field that follows a machine, also those of SET_STATE', async () => {
    const told: ChangeView[] = []
    const { call, hooks } = await shardWith({})
    const remove = hooks.addOnTransition('jobs', (change) => void told.push(change))
    await call('CREATE_STATE', { machine: field })
    await call('CREATE_RECORD', { data: { n: 1 } })
    await call('CREATE_RECORD', { data: { n: 2 } })
    await call('PATCH_RECORD', { id: 1, data: { n: 3 } })
    await call('PATCH_RECORD', { id: 1, data: { status: 'closed' } })
    await call('SET_STATE', {
      data: [
        { id: 1, n: 1, status: 'closed' },
        { id: 2, n: 2, status: 'closed' },
      ],
    })
    expect(moves(told)).toEqual([
      [1, 'open', 'closed', undefined],
      [2, 'open', 'closed', undefined],
    ])
    remove()
    await call('SET_STATE', { data: [] })
    expect(told).toHaveLength(2)
  })
})
