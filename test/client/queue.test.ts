// Queues of work, over a connection and over an engine in the same process: one suite, two callers.
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Client, Queue, QueueOptions } from '../../src/client/index.ts'
import { openEngine } from '../../src/engine.ts'
import { clientAndServer, clientOf } from '../support/clients.ts'
import { eventually } from '../support/eventually.ts'

type Keyspaces = Pick<Client, 'keys'>

async function embedded(shards: number): Promise<Keyspaces> {
  const engine = await openEngine({ shards })
  onTestFinished(() => engine.close())
  return engine
}

async function connected(): Promise<Keyspaces> {
  return (await clientAndServer()).client
}

interface Job {
  n: number
}

describe.each([
  ['a connection', connected],
  ['an embedded engine', () => embedded(0)],
  ['an embedded engine with a thread', () => embedded(1)],
])('a queue over %s', (_, open) => {
  async function jobs(count: number, options?: QueueOptions): Promise<Queue<Job>> {
    const queue = (await open()).keys('work').queue<Job>('jobs', options)
    for (let n = 1; n <= count; n += 1) await queue.push({ n })
    return queue
  }

  it('gives its items in the order in which they were pushed, each to one worker', async () => {
    const queue = await jobs(2)
    expect(await queue.push({ n: 3 })).toBe(3)
    const taken = await Promise.all([queue.take(), queue.take(), queue.take(), queue.take()])
    expect(taken.map((each) => each?.item)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }, undefined])
    expect(new Set(taken.map((each) => each?.token)).size).toBe(4)
    expect(await queue.length()).toBe(0)
  })

  it('forgets an item that is acknowledged, once', async () => {
    const queue = await jobs(1)
    const taken = await queue.take()
    expect(taken).toMatchObject({ item: { n: 1 }, deliveries: 1 })
    expect(await taken?.ack()).toBe(true)
    expect(await taken?.ack()).toBe(false)
    expect(await taken?.return()).toBe(false)
    expect(await queue.take()).toBeUndefined()
  })

  it('gives an item that is returned to the next worker, before all others', async () => {
    const queue = await jobs(2)
    const first = await queue.take()
    expect(await first?.return()).toBe(true)
    expect(await queue.length()).toBe(2)
    const again = await queue.take()
    expect(again).toMatchObject({ item: { n: 1 }, deliveries: 2 })
    expect(again?.token).not.toBe(first?.token)
    expect(await first?.ack()).toBe(false)
    expect(await again?.ack()).toBe(true)
  })

  it('gives an item to the next worker when its lease is over, and then no acknowledgement of the first counts', async () => {
    const queue = await jobs(1, { leaseMs: 20 })
    const slow = await queue.take()
    const next = await queue.take({ waitMs: 10_000, leaseMs: 60_000 })
    expect(next).toMatchObject({ item: { n: 1 }, deliveries: 2 })
    expect(await slow?.ack()).toBe(false)
    expect(await next?.ack()).toBe(true)
  })

  it('serves those who wait in the order in which they came', async () => {
    const queue = await jobs(0)
    const waiting = ['first', 'second'].map(async (name) => [name, (await queue.take({ waitMs: 10_000 }))?.item.n])
    await queue.push({ n: 1 })
    await queue.push({ n: 2 })
    expect(await Promise.all(waiting)).toEqual([
      ['first', 1],
      ['second', 2],
    ])
  })

  it('lets a worker wait no longer than it said, and other calls not at all', async () => {
    const queue = await jobs(0)
    const waiting = queue.take({ waitMs: 60_000, signal: AbortSignal.timeout(10_000) })
    const impatient = queue.take({ waitMs: 20 })
    expect(await queue.length()).toBe(0)
    expect(await impatient).toBeUndefined()
    await queue.push({ n: 1 })
    expect(await waiting).toMatchObject({ item: { n: 1 } })
  })

  it('waits beyond the time that a call may take', async () => {
    const queue = await jobs(0)
    expect(await queue.take({ waitMs: 600, timeoutMs: 500 })).toBeUndefined()
  })

  it('ends a wait by its signal, and gives an item that comes nevertheless back at once', async () => {
    const queue = await jobs(0)
    const controller = new AbortController()
    const reason = new Error('enough')
    const waiting = queue.take({ waitMs: 60_000, leaseMs: 3_600_000, signal: controller.signal })
    // Answered behind the one that waits, which therefore is parked.
    await queue.length()
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    await queue.push({ n: 1 })
    expect(await queue.take({ waitMs: 10_000 })).toMatchObject({ item: { n: 1 } })
    await expect(queue.take({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  it('shares its waiting line with plain pops', async () => {
    const keys = (await open()).keys('work')
    const popping = keys.listPop<Job>('jobs', { waitMs: 10_000 })
    await keys.listPush('jobs', { n: 1 })
    expect(await popping).toEqual({ n: 1 })
    expect(await keys.listPop('jobs', { waitMs: 10 })).toBeUndefined()
  })

  it('is the list of its key', async () => {
    const keys = (await open()).keys('work')
    await keys.set('jobs', [{ n: 1 }, { n: 2 }])
    const queue = keys.queue<Job>('jobs')
    expect(await queue.length()).toBe(2)
    expect((await queue.take())?.item).toEqual({ n: 1 })
    expect(await keys.get('jobs')).toEqual([{ n: 2 }])
    expect(await keys.listPop('jobs')).toEqual({ n: 2 })
  })
})

describe('an engine whose worker waits', () => {
  it.each([0, 1])('is closed without waiting for it, with %i threads', async (shards) => {
    const engine = await openEngine({ shards })
    const queue = engine.keys().queue('jobs')
    const waiting = queue.take({ waitMs: 60_000 })
    await queue.length()
    await Promise.all([engine.close(), expect(waiting).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })])
  })
})

describe('a client whose worker waits', () => {
  it('is closed at once when nobody waits any more', async () => {
    const { endpoint } = await clientAndServer()
    const client = await clientOf(endpoint)
    const controller = new AbortController()
    const queue = client.keys().queue('jobs')
    const waiting = queue.take({ waitMs: 60_000, signal: controller.signal }).catch(() => 'given up')
    await queue.length()
    controller.abort()
    expect(await waiting).toBe('given up')
    const start = performance.now()
    await client.close()
    expect(performance.now() - start).toBeLessThan(2_500)
  })

  it('loses nothing when it goes away, to whoever waits behind it', async () => {
    const { endpoint, client } = await clientAndServer()
    const gone = await clientOf(endpoint)
    const waiting = gone
      .keys()
      .queue('jobs', { leaseMs: 50 })
      .take({ waitMs: 60_000 })
      .catch(() => 'gone')
    await gone.keys().queue('jobs').length()
    await gone.close({ waitMs: 0 })
    expect(await waiting).toBe('gone')
    const queue = client.keys().queue('jobs')
    await queue.push('work')
    let item: unknown
    await eventually('the item is to be had', async () => {
      item ??= (await queue.take())?.item
      return item !== undefined
    })
    expect(item).toBe('work')
  })
})
