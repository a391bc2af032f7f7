// Watches that are told by the feed: that they hardly ask, and what they do where it is silent, loses messages, or is slower
// than its reader; every event once and in order in any case.
import { describe, expect, it, onTestFinished } from 'vitest'
import { embeddedCaller } from '../../src/client/embedded.ts'
import { LiveChanges } from '../../src/client/live-changes.ts'
import { Watch } from '../../src/client/watch.ts'
import type { ChangeEvent } from '../../src/client/watch-events.ts'
import { WatchPlaces } from '../../src/client/watch-places.ts'
import { openEngine } from '../../src/engine.ts'
import { clientAndServer, clientOf } from '../support/clients.ts'
import { eventually } from '../support/eventually.ts'
import { Follower, told } from '../support/watching.ts'

describe.each([{ shards: 0 }, { shards: 2 }])('a watch with a feed ($shards threads)', ({ shards }) => {
  it('is told without asking', async () => {
    const { client } = await clientAndServer({ feed: true, shards })
    expect(client.server.feed).toMatch(/^tcp:/)
    const keys = client.keys('k')
    await keys.set('a', 1)
    await using watch = client.watch('k')
    expect(await told(watch, 2)).toEqual(['listed a', 'ready @1'])
    for (let n = 0; n < 200; n += 1) {
      const next = told(watch, 1)
      await keys.increment('a')
      expect(await next).toEqual(['updated a'])
    }
    expect(watch.reads).toBeLessThan(3)
  })
})

describe('watches with a feed', () => {
  it('are told, as many as there are, each of what it asked for', async () => {
    const { client } = await clientAndServer({ feed: true })
    const keys = client.keys('k')
    const prefixes = ['', 'a/', 'b/', 'c/']
    const end = new AbortController()
    const seen = prefixes.map(() => [] as string[])
    const watching = prefixes.map(async (prefix, index) => {
      for await (const event of client.watch('k', { prefix, since: -1, signal: end.signal })) {
        if ('key' in event) seen[index]?.push(event.key)
      }
    })
    for (let n = 0; n < 300; n += 1) await keys.set(`${'abd'[n % 3]}/${n}`, n)
    await eventually('all have come', () => (seen[0]?.length ?? 0) === 300 && (seen[2]?.length ?? 0) === 100)
    expect(seen.map((names) => names.length)).toEqual([300, 100, 100, 0])
    end.abort()
    await Promise.all(watching)
  })

  it('lose nothing in a burst that the feed cannot carry', async () => {
    const { client } = await clientAndServer({ feed: 1 })
    const other = await clientOf(client.server.endpoint)
    const keys = other.keys('k')
    const follower = new Follower(client.watch('k'))
    onTestFinished(() => client.close())
    await eventually('it is ready', () => follower.listings === 1)
    let version = 0
    for (let burst = 0; burst < 20; burst += 1) {
      const values = Array.from({ length: 500 }, (_, n) => keys.set(`${n % 50}`, 'x'.repeat(n)))
      await Promise.all(values)
      version += 500
    }
    await follower.reaches(version, 20_000)
    expect(follower.lagged).toBe(0)
  })
})

describe('a watch', () => {
  it('whose reader is slow asks for what the feed had said meanwhile', async () => {
    const { client } = await clientAndServer({ feed: true })
    const keys = client.keys('k')
    await using watch = client.watch('k', { since: -1 })
    await keys.set('n', 0)
    expect(await told(watch, 2)).toEqual(['state_created @0', 'created n'])
    await Promise.all(Array.from({ length: 6_000 }, () => keys.increment('n')))
    const events = await told(watch, 6_000)
    expect(new Set(events)).toEqual(new Set(['updated n']))
    expect(watch.version).toBe(6_001)
  })

  it('asks for what the feed has lost, even the last of it, when a position shows it', async () => {
    const engine = await openEngine({ shards: 0 })
    onTestFinished(() => engine.close())
    const live = new LiveChanges()
    const end = new AbortController()
    onTestFinished(() => end.abort())
    const watch = new Watch(
      {
        caller: embeddedCaller((command) => engine.call(command)),
        history: () => undefined,
        feed: { watch: () => live, unwatch: () => {} },
        places: new WatchPlaces(),
        closed: end.signal,
      },
      'k',
    )
    expect(await told(watch, 1)).toEqual(['ready @0'])
    const events: string[] = []
    const next = told(watch, 2).then((both) => events.push(...both))
    for (const key of ['a', 'b']) await engine.keys('k').set(key, 1)
    // Nothing but positions comes, as often as the feed says them.
    await eventually('both are told', () => {
      live.takePosition(2)
      return events.length === 2
    })
    await next
    expect(events).toEqual(['created a', 'created b'])
    expect(watch.reads).toBe(1)
  })

  it('says that it lags where other data was put in the place of what it knew, as a backup is', async () => {
    const engine = await openEngine({ shards: 0 })
    onTestFinished(() => engine.close())
    const end = new AbortController()
    onTestFinished(() => end.abort())
    let dataId = 'before'
    const caller = embeddedCaller((command) => engine.call(command))
    const watch = new Watch({ caller, history: () => dataId, closed: end.signal, places: new WatchPlaces() }, 'k')
    expect(await told(watch, 1)).toEqual(['ready @0'])
    await engine.keys('k').set('a', 1)
    expect(await told(watch, 1)).toEqual(['created a'])
    dataId = 'after'
    await engine.keys('k').set('b', 1)
    expect((await told(watch, 2))[0]).toContain('lagged')
  })

  it('of a server whose feed cannot be reached waits for the answer instead', async () => {
    const { client, engine } = await clientAndServer({ feed: true })
    engine.router.feedEndpoint = 'tcp://127.0.0.1:9'
    const other = await clientOf(client.server.endpoint)
    const keys = other.keys('k')
    await using watch = other.watch('k')
    expect(await told(watch, 1)).toEqual(['ready @0'])
    const next = told(watch, 1)
    await keys.set('a', 1)
    expect(await next).toEqual(['created a'])
  }, 15_000)
})

describe('watches without a feed', () => {
  it('are told by answers that wait, and where no place to wait is left, by asking again and again', async () => {
    const engine = await openEngine({ shards: 0 })
    onTestFinished(() => engine.close())
    const end = new AbortController()
    onTestFinished(() => end.abort())
    const caller = embeddedCaller((command) => engine.call(command))
    const source = { caller, history: () => undefined, places: new WatchPlaces(1), closed: end.signal }
    const watches = ['a', 'b', 'c'].map((state) => new Watch(source, state))
    for (const watch of watches) expect(await told(watch, 1)).toEqual(['ready @0'])
    const next = watches.map((watch) => told(watch, 2))
    for (const { state } of watches) for (const key of ['x', 'y']) await engine.keys(state).set(key, 1)
    expect(await Promise.all(next)).toEqual(watches.map(() => ['created x', 'created y']))
    for (const watch of watches) await watch.return()
    expect(source.places.takeWait()).toBe(true)
  })
})

describe('what the feed has said', () => {
  const change = (version: number): ChangeEvent => ({ type: 'updated', state: 'k', version, key: 'a', at: new Date(0) })
  const page = (first: number, last: number) => ({
    first,
    last,
    changes: Array.from({ length: last - first + 1 }, (_, index) => change(first + index)),
  })

  it('is handed out where it follows, cut where it overlaps, and dropped where it is known', () => {
    const live = new LiveChanges()
    for (const each of [page(1, 3), page(4, 6), page(9, 9)]) live.takePage(each)
    expect(live.after(4)?.changes.map(({ version }) => version)).toEqual([5, 6])
    expect(live.after(6)).toBeUndefined()
    expect(live.latest).toBe(9)
    expect(live.after(8)?.changes.map(({ version }) => version)).toEqual([9])
    expect(live.after(9)).toBeUndefined()
  })

  it('is held up to a bound, beyond which only the version is remembered', () => {
    const live = new LiveChanges()
    for (let first = 1; first < 100_000; first += 100) live.takePage(page(first, first + 99))
    expect(live.after(0)).toBeUndefined()
    expect(live.latest).toBe(100_000)
    live.takePage(page(100_001, 110_000))
    expect(live.after(100_000)).toBeUndefined()
    expect(live.latest).toBe(110_000)
  })
})
