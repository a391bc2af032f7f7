// Machines with methods, over a connection, over an engine in this thread and over one with threads: one suite, three callers.
import { describe, expect, it, onTestFinished } from 'vitest'
import type { JsonObject, Machine, RecordId } from '../../src/client/index.ts'
import type { JsonFields } from '../../src/client/rows.ts'
import { openEngine } from '../../src/engine.ts'
import { clientAndServer, errorOf } from '../support/clients.ts'
import { eventually } from '../support/eventually.ts'

interface Machines {
  machine<Context extends JsonFields<Context> = JsonObject>(name: string): Machine<Context>
}

async function embedded(shards: number): Promise<Machines> {
  const engine = await openEngine({ shards })
  onTestFinished(() => engine.close())
  return engine
}

const sourceDefinition = {
  initial: 'pending',
  states: {
    pending: { on: { process: 'processing' } },
    processing: { on: { complete: 'indexed', fail: 'failed', note: 'processing' } },
    indexed: { type: 'final' },
    failed: { on: { retry: 'pending' } },
  },
}

const player = {
  type: 'parallel',
  states: {
    sound: { initial: 'on', states: { on: { on: { mute: 'off' } }, off: { on: { unmute: 'on' } } } },
    tape: { initial: 'stopped', states: { stopped: { on: { play: 'playing' } }, playing: { on: { '*': 'stopped' } } } },
  },
}

interface Source {
  url: string
  worker?: string
  pages?: number
}

describe.each([
  ['a connection', async (): Promise<Machines> => (await clientAndServer()).client],
  ['an engine without threads', () => embedded(0)],
  ['an engine with threads', () => embedded(1)],
])('a machine over %s', (_, open) => {
  async function defined(definition: JsonObject = sourceDefinition): Promise<Machine<Source>> {
    const machine = (await open()).machine<Source>('sources')
    await machine.define(definition)
    return machine
  }

  it('is defined once, knows its definition, and goes with all its instances', async () => {
    const machine = await defined()
    expect(await machine.definition()).toEqual(sourceDefinition)
    expect(await errorOf(machine.define(player))).toMatchObject({ code: 'STATE_EXISTS' })
    await machine.create('a', { url: '/' })
    await machine.drop()
    expect(await errorOf(machine.get('a'))).toMatchObject({ code: 'STATE_NOT_FOUND' })
    await machine.define(player)
    expect(await errorOf(machine.get('a'))).toMatchObject({ code: 'INSTANCE_NOT_FOUND', details: { id: 'a' } })
  })

  it('is refused with the path to what is wrong', async () => {
    const engine = await open()
    const machine = engine.machine('broken')
    expect(await errorOf(machine.define({ initial: 'a', states: {} }))).toMatchObject({ code: 'INVALID_DEFINITION' })
    const lost = { initial: 'a', states: { a: { on: { go: 'nowhere' } } } }
    expect(await errorOf(machine.define(lost))).toMatchObject({
      code: 'INVALID_DEFINITION',
      details: { path: '/states/a/on/go' },
    })
    const guarded = { initial: 'a', states: { a: { on: { go: { target: 'a', guard: 'isOpen' } } } } }
    expect(await errorOf(machine.define(guarded))).toMatchObject({
      code: 'UNSUPPORTED',
      details: { path: '/states/a/on/go/guard' },
    })
    expect(() => engine.machine('')).toThrow("'state' must not be empty")
  })

  it('creates instances under ids of their own or the next number', async () => {
    const machine = await defined()
    expect(await machine.create(undefined, { url: '/1' })).toBe(1)
    expect(await machine.create('a', { url: '/a' })).toBe('a')
    expect(await machine.create(undefined, { url: '/2' })).toBe(2)
    expect(await errorOf(machine.create('a', { url: '/b' }))).toMatchObject({ code: 'INSTANCE_EXISTS' })
    expect((await machine.get('a')).context).toEqual({ url: '/a' })
  })

  it('creates instances with an empty context where none is given', async () => {
    const machine = (await open()).machine('plain')
    await machine.define(sourceDefinition)
    expect((await machine.get(await machine.create())).context).toEqual({})
  })

  it('moves an instance by events, and tells all that is known of it', async () => {
    const machine = await defined()
    const start = Date.now()
    const id = await machine.create(undefined, { url: '/' })
    expect(await machine.send(id, 'process', { worker: 'w1' })).toEqual({
      from: 'pending',
      to: 'processing',
      changed: true,
    })
    expect(await machine.send(id, 'note', { pages: 2 })).toMatchObject({ to: 'processing', changed: false })
    const instance = await machine.get(id)
    expect(instance).toEqual({
      value: 'processing',
      context: { url: '/', worker: 'w1', pages: 2 },
      done: false,
      can: ['complete', 'fail', 'note'],
      revision: 3,
      createdAt: expect.any(Date),
      updatedAt: expect.any(Date),
    })
    expect(instance.createdAt.getTime()).toBeGreaterThanOrEqual(start - 1)
    expect(instance.updatedAt.getTime()).toBeGreaterThanOrEqual(instance.createdAt.getTime())
    expect(instance.updatedAt.getTime()).toBeLessThanOrEqual(Date.now() + 1)
    await machine.send(id, 'complete')
    expect(await machine.get(id)).toMatchObject({ value: 'indexed', done: true, can: [] })
  })

  it('refuses an event that is not possible, and leaves the instance as it was', async () => {
    const machine = await defined()
    const id = await machine.create(undefined, { url: '/' })
    expect(await errorOf(machine.send(id, 'complete', { pages: 5 }))).toMatchObject({
      code: 'INVALID_TRANSITION',
      details: { event: 'complete', value: 'pending', can: ['process'] },
      mayHaveRun: false,
    })
    expect(await machine.get(id)).toMatchObject({ value: 'pending', context: { url: '/' }, revision: 1 })
    expect(await errorOf(machine.send('nobody', 'process'))).toMatchObject({ code: 'INSTANCE_NOT_FOUND' })
  })

  it('sends an event only if the expected state is active', async () => {
    const machine = await defined()
    const id = await machine.create(undefined, { url: '/' })
    const taking = ['w1', 'w2', 'w3'].map((worker) => machine.send(id, 'process', { worker }, { expected: 'pending' }))
    const [first, ...others] = await Promise.allSettled(taking)
    expect(first).toMatchObject({ status: 'fulfilled' })
    for (const other of others) {
      expect(other).toMatchObject({
        reason: { code: 'VERSION_CONFLICT', details: { expected: 'pending', found: 'processing' } },
      })
    }
    expect((await machine.get(id)).context).toEqual({ url: '/', worker: 'w1' })
  })

  it('asks what can happen, and what is active', async () => {
    const machine = await defined(player)
    const id = await machine.create('deck', { url: '/' })
    expect(await machine.can(id)).toEqual(['mute', 'play'])
    expect(await machine.is(id, 'tape.stopped')).toBe(true)
    await machine.send(id, 'play', {}, { expected: { sound: 'on', tape: 'stopped' } })
    expect((await machine.get(id)).value).toEqual({ sound: 'on', tape: 'playing' })
    expect(await machine.can(id)).toEqual(['*', 'mute'])
    const paths = ['tape', 'tape.playing', 'sound.on', 'tape.stopped', 'sound.off', 'playing', 'none']
    const active = await Promise.all(paths.map((path) => machine.is(id, path)))
    expect(paths.filter((_path, index) => active[index])).toEqual(['tape', 'tape.playing', 'sound.on'])
    expect(await errorOf(machine.is('nobody', 'tape'))).toMatchObject({ code: 'INSTANCE_NOT_FOUND' })
    expect(await errorOf(machine.can('nobody'))).toMatchObject({ code: 'INSTANCE_NOT_FOUND' })
  })

  it('remembers what happened to an instance, as far back as it was told to', async () => {
    const machine = (await open()).machine<Source>('short')
    await machine.define(sourceDefinition, { historyLimit: 2 })
    const id = await machine.create(undefined, { url: '/' })
    expect(await machine.history(id)).toEqual([])
    for (const event of ['process', 'fail', 'retry']) await machine.send(id, event)
    const at = expect.any(Date)
    expect(await machine.history(id)).toEqual([
      { from: 'processing', to: 'failed', event: 'fail', at, version: 3 },
      { from: 'failed', to: 'pending', event: 'retry', at, version: 4 },
    ])
    expect((await machine.history(id))[1]?.at).toEqual((await machine.get(id)).updatedAt)
  })

  it('moves by itself when a timer is due', async () => {
    const waiting = { initial: 'open', states: { open: { after: { 20: 'over' } }, over: { type: 'final' } } }
    const machine = await defined(waiting)
    const id = await machine.create('session', { url: '/' })
    await eventually('the timer fires', () => machine.is(id, 'over'))
    expect(await machine.history(id)).toMatchObject([
      { from: 'open', to: 'over', event: expect.stringMatching(/^xstate\.after\.20/) },
    ])
  })

  it('removes an instance', async () => {
    const machine = await defined()
    const id = await machine.create(undefined, { url: '/' })
    expect(await machine.delete(id)).toBe(true)
    expect(await machine.delete(id)).toBe(false)
  })

  it('takes another definition with all its instances, or none', async () => {
    const machine = await defined()
    const id = await machine.create(undefined, { url: '/' })
    await machine.create('b', { url: '/b' })
    await machine.send(id, 'process')
    const next = {
      initial: 'pending',
      states: { pending: { on: { process: 'reading' } }, reading: { on: { read: 'indexed' } }, indexed: {} },
    }
    expect(await errorOf(machine.redefine(next))).toMatchObject({
      code: 'INVALID_DEFINITION',
      details: { path: '/migrate' },
    })
    expect(await machine.definition()).toEqual(sourceDefinition)
    expect(await machine.redefine(next, { migrate: { processing: 'reading' }, historyLimit: 1 })).toBe(2)
    expect(await machine.definition()).toEqual(next)
    expect(await machine.can(id)).toEqual(['read'])
    await machine.send(id, 'read')
    expect(await machine.history(id)).toHaveLength(1)
  })

  it('keeps its words apart from those of tables', async () => {
    const engine = await openEngine({ shards: 0 })
    onTestFinished(() => engine.close())
    await engine.table('leads').create()
    const details = { state: 'leads', kind: 'table', expected: 'machine' }
    expect(await errorOf(engine.machine('leads').definition())).toMatchObject({ code: 'WRONG_KIND', details })
    expect(await errorOf(engine.machine('leads').create())).toMatchObject({ code: 'WRONG_KIND', details })
  })

  describe('that is listed', () => {
    async function filled(): Promise<Machine<Source>> {
      const machine = await defined()
      const ids = Array.from({ length: 25 }, (_unused, index) => `source ${index}`)
      await Promise.all(ids.map((id) => machine.create(id, { url: `/${id}` })))
      await Promise.all(ids.filter((_id, index) => index % 5 === 0).map((id) => machine.send(id, 'process')))
      return machine
    }

    it('names its instances in the order of their creation, all or those in one state', async () => {
      const machine = await filled()
      const all: RecordId[] = []
      for await (const { id } of machine.list({ pageSize: 4 })) all.push(id)
      expect(all).toEqual(Array.from({ length: 25 }, (_unused, index) => `source ${index}`))
      const found: unknown[] = []
      for await (const each of machine.list({ inState: 'processing', pageSize: 2 })) found.push(each)
      const listed = (index: number) => {
        const id = `source ${index}`
        return { id, value: 'processing', context: { url: `/${id}` }, done: false }
      }
      expect(found).toEqual([0, 5, 10, 15, 20].map(listed))
      const read = async (): Promise<void> => {
        for await (const _instance of machine.list({ inState: 'nowhere' })) expect.fail('there is no such state')
      }
      expect(await errorOf(read())).toMatchObject({ code: 'INVALID_REQUEST' })
    })

    it('gives them page by page, each with the version that it shows', async () => {
      const machine = await filled()
      const list = machine.list({ pageSize: 10 })
      const pages: unknown[] = []
      for await (const page of list.pages()) {
        pages.push([page.instances.length, page.version])
        await machine.send('source 1', pages.length === 1 ? 'process' : 'note')
      }
      expect(pages).toEqual([
        [10, 30],
        [10, 31],
        [5, 32],
      ])
      expect(list).toMatchObject({ version: 30, changed: true })
    })
  })
})

it('a table binds a field to a machine', async () => {
  const { client } = await clientAndServer()
  const tickets = client.table<{ title: string; status?: string }>('tickets')
  const definition = { initial: 'open', states: { open: { on: { close: 'closed' } }, closed: { type: 'final' } } }
  await tickets.create({ machine: { field: 'status', definition } })
  const id = await tickets.insert({ title: 'a' })
  expect(await tickets.get(id)).toMatchObject({ status: 'open' })
  await tickets.patch(id, { status: 'closed' })
  expect(await errorOf(tickets.patch(id, { status: 'open' }))).toMatchObject({ code: 'INVALID_TRANSITION' })
})
