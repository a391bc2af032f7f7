// What the seed's state machine and state validator can do, capability by capability as its own checklist names them: each
// is shown over a real daemon, once with the methods of the client library and once in plain JSON. Hooks, which are code,
// are not data of a machine, are shown in an engine; test/shard/hooks.test.ts has the rest of them.
import { describe, expect, it, onTestFinished } from 'vitest'
import type { JsonObject, Machine } from '../../src/client/index.ts'
import { openEngine } from '../../src/engine.ts'
import { errorOf } from '../support/clients.ts'
import { suiteDaemon } from '../support/suite-daemon.ts'

/** The seed's example of a machine: by state and event, the next state; what is missing is null there. */
const sourceTransitions: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  pending: { start_processing: 'processing' },
  processing: { complete: 'indexed', fail: 'failed' },
  indexed: {},
  failed: { retry: 'pending' },
}
const sourceStates = Object.keys(sourceTransitions)
const sourceEvents = ['start_processing', 'complete', 'fail', 'retry']

/** The events that bring a new instance to each state. */
const waysTo: Readonly<Record<string, readonly string[]>> = {
  pending: [],
  processing: ['start_processing'],
  indexed: ['start_processing', 'complete'],
  failed: ['start_processing', 'fail'],
}

const sourceDefinition: JsonObject = {
  initial: 'pending',
  states: Object.fromEntries(sourceStates.map((state) => [state, { on: { ...sourceTransitions[state] } }])),
}

/** The seed's example of a validator: the pairs that it allows. */
const allowedPairs = [
  ['idle', 'processing'],
  ['processing', 'completed'],
  ['processing', 'failed'],
] as const
const jobStates = ['idle', 'processing', 'completed', 'failed']
const jobDefinition: JsonObject = {
  initial: 'idle',
  states: Object.fromEntries(
    jobStates.map((state) => {
      const next = allowedPairs.filter(([from]) => from === state).map(([, to]) => [to.toUpperCase(), to])
      return [state, { on: Object.fromEntries(next) as JsonObject }]
    }),
  ),
}
const fieldMachine = { field: 'status', definition: jobDefinition }

const structSchema = {
  type: 'object',
  properties: {
    required_field: { type: 'string', minLength: 1 },
    optional_field: { type: ['string', 'null'] },
    tries: { type: 'integer', minimum: 0 },
  },
  required: ['required_field'],
  additionalProperties: false,
}

const daemon = suiteDaemon()
let states = 0

function freshName(): string {
  states += 1
  return `state ${states}`
}

async function machineOf(definition: JsonObject): Promise<Machine> {
  const machine = daemon.client.machine(freshName())
  await machine.define(definition)
  return machine
}

/** A fresh machine, and commands on it in plain JSON. */
async function plainMachine(definition: JsonObject): Promise<(command: JsonObject) => Promise<JsonObject>> {
  const state = freshName()
  const send = (command: JsonObject): Promise<JsonObject> => daemon.ask({ ...command, state })
  expect(await send({ cmd: 'CREATE_STATE', kind: 'machine', definition })).toMatchObject({ status: 'ok' })
  return send
}

describe('the state machine of the seed', () => {
  it('is generic: states and events are of your own making', async () => {
    type Light = 'red' | 'green'
    const light = daemon.client.machine<JsonObject, Light, 'go' | 'stop'>(freshName())
    await light.define({ initial: 'red', states: { red: { on: { go: 'green' } }, green: { on: { stop: 'red' } } } })
    const id = await light.create()
    await light.send(id, 'go')
    expect(await light.is(id, 'green')).toBe(true)

    const send = await plainMachine({ initial: 'Ω 1', states: { 'Ω 1': { on: { 'go on': 'Ω 2' } }, 'Ω 2': {} } })
    expect(await send({ cmd: 'CREATE_INSTANCE' })).toMatchObject({ id: 1, value: 'Ω 1' })
    expect(await send({ cmd: 'SEND_EVENT', id: 1, event: 'go on' })).toMatchObject({ to: 'Ω 2' })
  })

  const pairs = sourceStates.flatMap((state) =>
    sourceEvents.map((event) => [state, event, sourceTransitions[state]?.[event]] as const),
  )
  it.each(pairs)('has a transition function: from %s, %s leads to %s', async (state, event, next) => {
    const machine = await machineOf(sourceDefinition)
    const id = await machine.create()
    for (const earlier of waysTo[state] ?? []) await machine.send(id, earlier)
    const sent = machine.send(id, event)
    if (next === undefined) expect(await errorOf(sent)).toMatchObject({ code: 'INVALID_TRANSITION' })
    else expect(await sent).toEqual({ from: state, to: next, changed: true })
    expect((await machine.get(id)).value).toBe(next ?? state)

    const send = await plainMachine(sourceDefinition)
    await send({ cmd: 'CREATE_INSTANCE', id })
    for (const earlier of waysTo[state] ?? []) await send({ cmd: 'SEND_EVENT', id, event: earlier })
    expect(await send({ cmd: 'SEND_EVENT', id, event })).toMatchObject(
      next === undefined
        ? {
            status: 'error',
            code: 'INVALID_TRANSITION',
            value: state,
            can: Object.keys(sourceTransitions[state] ?? {}),
          }
        : { status: 'ok', from: state, to: next },
    )
  })

  it('has a trigger, which moves it or refuses and leaves it where it is', async () => {
    const machine = await machineOf(sourceDefinition)
    const id = await machine.create()
    await machine.send(id, 'start_processing')
    expect(await machine.send(id, 'complete')).toMatchObject({ to: 'indexed' })
    expect(await errorOf(machine.send(id, 'invalid_event'))).toMatchObject({ code: 'INVALID_TRANSITION' })
    expect((await machine.get(id)).value).toBe('indexed')

    const send = await plainMachine(sourceDefinition)
    await send({ cmd: 'CREATE_INSTANCE', id })
    expect(await send({ cmd: 'SEND_EVENT', id, event: 'start_processing' })).toEqual({
      status: 'ok',
      from: 'pending',
      to: 'processing',
      changed: true,
      version: 2,
    })
    expect(await send({ cmd: 'SEND_EVENT', id, event: 'invalid_event' })).toMatchObject({ code: 'INVALID_TRANSITION' })
    expect(await send({ cmd: 'GET_INSTANCE', id })).toMatchObject({ value: 'processing', version: 2 })
  })

  it('has state queries: getState and isState', async () => {
    const machine = await machineOf(sourceDefinition)
    const id = await machine.create()
    await machine.send(id, 'start_processing')
    expect((await machine.get(id)).value).toBe('processing')
    expect([await machine.is(id, 'processing'), await machine.is(id, 'pending')]).toEqual([true, false])

    const send = await plainMachine(sourceDefinition)
    await send({ cmd: 'CREATE_INSTANCE', id })
    expect(await send({ cmd: 'GET_INSTANCE', id })).toMatchObject({ value: 'pending', can: ['start_processing'] })
    expect((await send({ cmd: 'LIST_INSTANCES', in_state: 'pending' })).instances).toHaveLength(1)
    expect((await send({ cmd: 'LIST_INSTANCES', in_state: 'processing' })).instances).toEqual([])
  })

  it('tracks its transition history', async () => {
    const machine = await machineOf(sourceDefinition)
    const id = await machine.create()
    const events = ['start_processing', 'fail', 'retry']
    for (const event of events) await machine.send(id, event)
    await errorOf(machine.send(id, 'complete'))
    const happened = [
      { from: 'pending', to: 'processing', event: 'start_processing' },
      { from: 'processing', to: 'failed', event: 'fail' },
      { from: 'failed', to: 'pending', event: 'retry' },
    ]
    const history = await machine.history(id)
    expect(history.map(({ from, to, event }) => ({ from, to, event }))).toEqual(happened)

    const send = await plainMachine(sourceDefinition)
    await send({ cmd: 'CREATE_INSTANCE', id })
    for (const event of events) await send({ cmd: 'SEND_EVENT', id, event })
    const { history: plain } = await send({ cmd: 'GET_HISTORY', id })
    expect(plain).toMatchObject(happened)
  })
})

describe('the state validator of the seed', () => {
  it.each([
    ['InvalidState', { name: 'a', status: 'nowhere' }, 'INVALID_TRANSITION'],
    ['InvalidTransition', { name: 'a', status: 'completed' }, 'INVALID_TRANSITION'],
    ['RequiredFieldMissing', { status: 'idle' }, 'SCHEMA_MISMATCH'],
    ['InvalidFieldValue', { name: 5, status: 'idle' }, 'SCHEMA_MISMATCH'],
  ])('has validation utilities, with an error for %s', async (_error, data, code) => {
    const schema = { properties: { name: { type: 'string' }, status: {} }, required: ['name'] }
    const table = daemon.client.table(freshName())
    await table.create({ schema, machine: fieldMachine })
    await table.insert({ id: 1, name: 'a' })
    expect(await errorOf(table.set(1, data))).toMatchObject({ code })
    expect(await errorOf(table.insert(data))).toMatchObject({ code })
    expect(await table.all()).toEqual([{ id: 1, name: 'a', status: 'idle' }])

    const state = freshName()
    await daemon.ask({ cmd: 'CREATE_STATE', state, schema, machine: fieldMachine })
    await daemon.ask({ cmd: 'CREATE_RECORD', state, data: { name: 'a' } })
    expect(await daemon.ask({ cmd: 'SET_RECORD', state, id: 1, data })).toMatchObject({ status: 'error', code })
  })

  const moves = jobStates
    .flatMap((from) => jobStates.map((to) => [from, to] as const))
    .filter(([from, to]) => from !== to)
  it.each(moves)('has transition validation, from %s to %s', async (from, to) => {
    const isAllowed = allowedPairs.some(([before, after]) => before === from && after === to)
    const way = from === 'idle' ? [] : from === 'processing' ? ['processing'] : ['processing', from]
    const table = daemon.client.table(freshName())
    await table.create({ machine: fieldMachine })
    const id = await table.insert({ name: 'a' })
    for (const status of way) await table.patch(id, { status })
    const moved = table.patch(id, { status: to })
    if (isAllowed) expect(await moved).toBe(true)
    else expect(await errorOf(moved)).toMatchObject({ code: 'INVALID_TRANSITION', details: { value: from } })
    expect(await table.get(id)).toMatchObject({ status: isAllowed ? to : from })

    const state = freshName()
    const patch = (status: string) => daemon.ask({ cmd: 'PATCH_RECORD', state, id: 1, data: { status } })
    await daemon.ask({ cmd: 'CREATE_STATE', state, machine: fieldMachine })
    await daemon.ask({ cmd: 'CREATE_RECORD', state, data: { name: 'a' } })
    for (const status of way) await patch(status)
    const can = allowedPairs.filter(([before]) => before === from).map(([, after]) => after)
    expect(await patch(to)).toMatchObject(
      isAllowed ? { patched: true } : { code: 'INVALID_TRANSITION', value: from, can },
    )
  })

  it.each([
    ['a value of another type', { required_field: 'value', tries: '1' }, { path: '/tries' }],
    ['a value out of its bounds', { required_field: 'value', tries: -1 }, { path: '/tries' }],
    ['a field that the struct has not', { required_field: 'value', other: 1 }, { unknown: ['other'] }],
  ])('has struct validation, which refuses %s', async (_what, data, details) => {
    const table = daemon.client.table(freshName())
    await table.create({ schema: structSchema })
    expect(await errorOf(table.insert(data))).toMatchObject({ code: 'SCHEMA_MISMATCH', details })
    await table.insert({ required_field: 'value', optional_field: null, tries: 0 })

    const state = freshName()
    await daemon.ask({ cmd: 'CREATE_STATE', state, schema: structSchema })
    const reply = await daemon.ask({ cmd: 'CREATE_RECORD', state, data })
    expect(reply).toMatchObject({ status: 'error', code: 'SCHEMA_MISMATCH', ...details })
  })

  it('has required field checking', async () => {
    const table = daemon.client.table(freshName())
    await table.create({ schema: structSchema })
    expect(await errorOf(table.insert({ optional_field: 'x' }))).toMatchObject({ code: 'SCHEMA_MISMATCH' })
    expect(await errorOf(table.insert({ required_field: '' }))).toMatchObject({ code: 'SCHEMA_MISMATCH' })
    const id = await table.insert({ required_field: 'value' })
    expect(await table.get(id)).toEqual({ id, required_field: 'value' })

    const state = freshName()
    await daemon.ask({ cmd: 'CREATE_STATE', state, schema: structSchema })
    const missing = await daemon.ask({ cmd: 'CREATE_RECORD', state, data: { optional_field: null } })
    expect(missing).toMatchObject({ status: 'error', code: 'SCHEMA_MISMATCH' })
    expect(missing.message).toContain('required_field')
    const complete = { required_field: 'value', optional_field: null }
    expect(await daemon.ask({ cmd: 'CREATE_RECORD', state, data: complete })).toMatchObject({ status: 'ok', id: 1 })
  })
})

describe('the state machine of the seed, in an engine', () => {
  const definition = { initial: 'draft', states: { draft: { on: { publish: 'published' } }, published: {} } }

  it('supports validation hooks: what they throw refuses the event', async () => {
    const engine = await openEngine({ shards: 0 })
    onTestFinished(() => engine.close())
    await engine.call({ cmd: 'CREATE_STATE', state: 'articles', kind: 'machine', definition })
    await engine.call({ cmd: 'CREATE_INSTANCE', state: 'articles', id: 'a' })
    const remove = engine.validate('articles', () => {
      throw new Error('not today')
    })
    const publish = { cmd: 'SEND_EVENT', state: 'articles', id: 'a', event: 'publish' }
    expect(await engine.call(publish)).toMatchObject({ code: 'REFUSED_BY_HOOK' })
    remove()
    expect(await engine.call(publish)).toMatchObject({ status: 'ok', from: 'draft', to: 'published' })
  })

  it('supports transition callbacks, which hear of what was committed', async () => {
    const engine = await openEngine({ shards: 0 })
    onTestFinished(() => engine.close())
    await engine.call({ cmd: 'CREATE_STATE', state: 'articles', kind: 'machine', definition })
    await engine.call({ cmd: 'CREATE_INSTANCE', state: 'articles', id: 'a' })
    const heard = new Promise((resolve) => void engine.onTransition('articles', resolve))
    await engine.call({ cmd: 'SEND_EVENT', state: 'articles', id: 'a', event: 'publish' })
    expect(await heard).toMatchObject({ state: 'articles', id: 'a', from: 'draft', to: 'published', event: 'publish' })
  })
})
