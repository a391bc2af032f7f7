// Watches over a connection and over an engine in this process: what they begin with, what they go on with, and what
// becomes of them when their reader is slow, the server goes, or what they need is forgotten.
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Client } from '../../src/client/index.ts'
import { type Engine, openEngine } from '../../src/engine.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { clientAndServer, clientOf } from '../support/clients.ts'
import { freePort } from '../support/ports.ts'
import { type RunningDaemon, startDaemon } from '../support/program.ts'
import { folderOfTest } from '../support/sqlite.ts'
import { Follower, take, told } from '../support/watching.ts'

type Watching = Pick<Client, 'watch' | 'watchAll' | 'table' | 'keys' | 'machine'>

async function overConnection(limits = {}): Promise<Watching> {
  return (await clientAndServer({ limits })).client
}

async function embedded(limits = {}): Promise<Engine> {
  const engine = await openEngine({ shards: 0, limits })
  onTestFinished(() => engine.close())
  return engine
}

const flow = { initial: 'a', states: { a: { on: { GO: 'b' } }, b: {} } }

describe.each([
  ['a client', overConnection],
  ['an engine', embedded],
] as const)('a watch of %s', (_who, open: (limits?: object) => Promise<Watching>) => {
  it('of a table tells what stands, and then what happens', async () => {
    const watching = await open()
    const leads = watching.table<{ n: number }>('leads')
    await leads.create()
    for (const n of [1, 2]) await leads.insert({ n })
    const watch = watching.watch('leads')
    expect(watch.version).toBeUndefined()
    expect(await take(watch, 3)).toEqual([
      { type: 'listed', state: 'leads', version: 2, id: 1, newValue: { id: 1, n: 1 } },
      { type: 'listed', state: 'leads', version: 2, id: 2, newValue: { id: 2, n: 2 } },
      { type: 'ready', state: 'leads', version: 2 },
    ])
    expect(watch.version).toBe(2)
    const next = take(watch, 2)
    await leads.patch(2, { n: 3 })
    await leads.delete(1)
    const at = expect.any(Date)
    const was = { id: 2, n: 2 }
    expect(await next).toEqual([
      { type: 'updated', state: 'leads', version: 3, id: 2, oldValue: was, newValue: { id: 2, n: 3 }, at },
      { type: 'deleted', state: 'leads', version: 4, id: 1, oldValue: { id: 1, n: 1 }, at },
    ])
    expect(watch.version).toBe(4)
    await watch.return()
  })

  it('of keys tells their values and what comes to their lists', async () => {
    const watching = await open()
    const keys = watching.keys()
    await keys.set('list', [1])
    await keys.set('other', 'text')
    await using watch = watching.watch('default', { prefix: 'l' })
    expect(await take(watch, 2)).toMatchObject([{ type: 'listed', key: 'list', newValue: [1] }, { type: 'ready' }])
    const next = take(watch, 2)
    await keys.listPush('list', 2)
    await keys.set('other', 'more')
    await keys.listPop('list', { end: 'first' })
    expect(await next).toMatchObject([
      { type: 'pushed', key: 'list', end: 'last', newValue: 2 },
      { type: 'popped', key: 'list', end: 'first', oldValue: 1 },
    ])
  })

  it('of a machine tells where its instances stand and go', async () => {
    const watching = await open()
    const machine = watching.machine('m')
    await machine.define(flow)
    await machine.create('i', { n: 1 })
    await using watch = watching.watch('m')
    expect(await take(watch, 2)).toMatchObject([
      { type: 'listed', id: 'i', newValue: { value: 'a', context: { n: 1 }, done: false } },
      { type: 'ready' },
    ])
    const next = take(watch, 1)
    await machine.send('i', 'GO')
    expect(await next).toMatchObject([{ type: 'updated', id: 'i', newValue: { value: 'b' } }])
  })

  it('since a version tells what happened after it, without a listing', async () => {
    const watching = await open()
    const keys = watching.keys('k')
    for (const key of ['a', 'b', 'c']) await keys.set(key, 1)
    await using watch = watching.watch('k', { since: 1 })
    expect(await told(watch, 2)).toEqual(['created b', 'created c'])
    const next = told(watch, 1)
    await keys.set('d', 1)
    expect(await next).toEqual(['created d'])
  })

  it('of a name without a state hears of it when it comes, and over its end', async () => {
    const watching = await open()
    await using keysWatch = watching.watch('k')
    expect(await told(keysWatch, 1)).toEqual(['ready @0'])
    await using tableWatch = watching.watch('t', { since: -1 })
    const next = told(tableWatch, 5)
    const leads = watching.table('t')
    await leads.create()
    await leads.insert({ n: 1 })
    await leads.drop()
    await leads.create()
    await leads.insert({ n: 1 })
    expect(await next).toEqual(['state_created @0', 'created 1', 'state_deleted @2', 'state_created @3', 'created 1'])
    const first = told(keysWatch, 1)
    await watching.keys('k').set('a', 1)
    expect(await first).toEqual(['created a'])
  })

  it('lists anew what was exchanged as a whole, unless it began at a version', async () => {
    const watching = await open()
    const leads = watching.table('leads')
    await leads.create()
    await using watch = watching.watch('leads')
    await using sinceThen = watching.watch('leads', { since: 0 })
    expect(await told(watch, 1)).toEqual(['ready @0'])
    await leads.replace([{ n: 1 }, { n: 2 }])
    expect(await told(watch, 4)).toEqual(['replaced @1', 'listed 1', 'listed 2', 'ready @1'])
    await leads.insert({ n: 3 })
    expect(await told(watch, 1)).toEqual(['created 3'])
    expect(await told(sinceThen, 2)).toEqual(['replaced @1', 'created 3'])
  })

  it('whose reader is too slow says from where it goes on, and loses nothing without a word', async () => {
    const watching = await open({ changesLoggedPerShardMax: 10 })
    const keys = watching.keys('k')
    await keys.set('n', 0)
    await using watch = watching.watch('k')
    await using sinceThen = watching.watch('k', { since: 1 })
    expect(await told(watch, 2)).toEqual(['listed n', 'ready @1'])
    for (let n = 1; n <= 50; n += 1) await keys.increment('n')
    expect(await take(watch, 3)).toMatchObject([
      { type: 'lagged', version: 51 },
      { type: 'listed', key: 'n', newValue: 50 },
      { type: 'ready', version: 51 },
    ])
    expect(await told(sinceThen, 1)).toEqual(['lagged @51'])
    const next = Promise.all([told(watch, 1), told(sinceThen, 1)])
    await keys.increment('n')
    expect(await next).toEqual([['updated n'], ['updated n']])
  })

  it('since a version that never was says so, and goes on from the one that stands', async () => {
    const watching = await open()
    await watching.keys('k').set('n', 0)
    await using watch = watching.watch('k', { since: 1_000 })
    expect(await told(watch, 1)).toEqual(['lagged @1'])
  })

  it('ends with its loop, its signal, or when it is told to, also while nothing happens', async () => {
    const watching = await open()
    await watching.keys('k').set('n', 0)
    for await (const event of watching.watch('k')) if (event.type === 'ready') break
    const controller = new AbortController()
    const bySignal = watching.watch('k', { since: 1, signal: controller.signal })
    const waiting = [bySignal.next()]
    controller.abort()
    const byReturn = watching.watch('k', { since: 1 })
    waiting.push(byReturn.next())
    await byReturn.return()
    expect(await Promise.all(waiting)).toEqual([
      { done: true, value: undefined },
      { done: true, value: undefined },
    ])
    expect(await byReturn.next()).toEqual({ done: true, value: undefined })
  })

  it('ends with what can never be answered', async () => {
    const watching = await open()
    expect(() => watching.watch('')).toThrow('Invalid request')
    await expect(watching.watch('k', { since: 0.5 }).next()).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
  })

  it.each([1_050, 10])('lists exactly one version of %i things that many are writing to', async (count) => {
    const watching = await open()
    const [keys, leads] = [watching.keys('k'), watching.table<{ n: number }>('t')]
    await leads.create()
    const numbers = Array.from({ length: count }, (_, n) => n)
    await Promise.all(numbers.flatMap((n) => [keys.set(`${n % 7}/${n}`, n % 5 === 0 ? [n] : n), leads.insert({ n })]))
    let isOver = false
    const write = async (): Promise<void> => {
      for (let n = 0; !isOver; n += 1) {
        const key = `${n % 7}/${n % count}`
        const change =
          n % 11 === 0
            ? keys.delete(key)
            : n % 5 === 0
              ? keys.listPush(key, n).catch(() => keys.set(key, [n]))
              : keys.set(key, n % 3 === 0 ? [n, n] : n)
        if (n === 40) await keys.clear()
        await Promise.all([change, leads.patch((n % count) + 1, { n }), n % 9 === 0 && leads.delete((n % count) + 1)])
      }
    }
    const writing = Promise.all([write(), write()])
    const followers: Follower[] = []
    const end = new AbortController()
    for (const state of ['k', 't', 'k', 't']) {
      const follower = new Follower(watching.watch(state, { signal: end.signal }))
      followers.push(follower)
      while (follower.listings === 0) await keys.get('none')
    }
    isOver = true
    await writing
    const versions = { k: (await keys.keys().pages().next()).value?.version ?? 0, t: (await leads.info()).version }
    const expected = await leads.all()
    for (const [index, follower] of followers.entries()) {
      await follower.reaches(index % 2 === 0 ? versions.k : versions.t)
      if (index % 2 === 1) {
        const records = [...(follower.replica?.contents.values() ?? [])] as JsonObject[]
        expect(records.toSorted((a, b) => Number(a.id) - Number(b.id))).toEqual(
          expected.toSorted((a, b) => Number(a.id) - Number(b.id)),
        )
      } else {
        for (const [key, value] of follower.replica?.contents ?? []) expect(await keys.get(key)).toEqual(value)
        expect([...(follower.replica?.contents.keys() ?? [])].sort()).toEqual(
          (await keys.keys({ pageSize: 10_000 }).pages().next()).value?.keys,
        )
      }
    }
    end.abort()
    await Promise.all(followers.map(({ over }) => over))
  })
})

describe('a watch of several states', () => {
  it('tells of each in its order, and goes on from its cursor', async () => {
    const { client } = await clientAndServer()
    const [a, b] = [client.keys('a'), client.keys('b')]
    await a.set('x', 1)
    const watch = client.watchAll(['a', 'b', 'a'])
    expect(watch.cursor).toEqual({})
    expect((await told(watch, 3)).sort()).toEqual(['listed x', 'ready @0', 'ready @1'])
    const next = told(watch, 2)
    await a.set('y', 1)
    await b.set('z', 1)
    expect((await next).sort()).toEqual(['created y', 'created z'])
    const { cursor } = watch
    expect(cursor).toEqual({ a: 2, b: 1 })
    await watch.return()
    await Promise.all([a.set('y', 2), b.set('z', 2), b.set('w', 2)])
    await using again = client.watchAll(['a', 'b', 'c'], { cursor })
    expect((await told(again, 4)).sort()).toEqual(['created w', 'ready @0', 'updated y', 'updated z'])
  })

  it('has no place to go on from for a state that is being listed', async () => {
    const { client } = await clientAndServer()
    await Promise.all([client.keys('a').set('x', 1), client.keys('a').set('y', 1)])
    await using watch = client.watchAll(['a'])
    expect(await told(watch, 1)).toEqual(['listed x'])
    expect(watch.cursor).toEqual({})
  })
})

describe('a watch over the end of a daemon', () => {
  async function restarted(
    args: readonly string[],
    use: (client: Client, restart: () => Promise<void>) => Promise<void>,
  ) {
    const endpoint = `tcp://127.0.0.1:${await freePort()}`
    const bind = ['--bind', endpoint, ...args]
    let daemon: RunningDaemon = await startDaemon(bind)
    try {
      const client = await clientOf(endpoint)
      await use(client, async () => {
        daemon.program.child.kill('SIGKILL')
        await daemon.program.over
        daemon = await startDaemon(bind)
      })
    } finally {
      await daemon.program.end()
    }
  }

  it('goes on as if nothing had been, where the states are kept', async () => {
    await restarted(['--data', folderOfTest()], async (client, restart) => {
      const keys = client.keys('k')
      await keys.set('a', 1)
      await using watch = client.watch('k')
      expect(await told(watch, 2)).toEqual(['listed a', 'ready @1'])
      await keys.set('b', 1)
      const next = told(watch, 2)
      await restart()
      await keys.set('c', 1)
      expect(await next).toEqual(['created b', 'created c'])
    })
  })

  it('says that it has missed something, where they are not, even at the same version', async () => {
    await restarted([], async (client, restart) => {
      const keys = client.keys('k')
      await keys.set('a', 1)
      await using watch = client.watch('k')
      expect(await told(watch, 2)).toEqual(['listed a', 'ready @1'])
      await restart()
      await keys.set('b', 1)
      await keys.set('c', 1)
      expect((await told(watch, 4)).slice(0, 4)).toEqual(['lagged @2', 'listed b', 'listed c', 'ready @2'])
    })
  })
})
