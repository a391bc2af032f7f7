// Locks as a program uses them, over a connection and in process: taken, waited for, lost, and shown as the fence of writes.
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Client } from '../../src/client/index.ts'
import { type Engine, openEngine } from '../../src/engine.ts'
import { clientAndServer, clientOf, errorOf } from '../support/clients.ts'
import { eventually } from '../support/eventually.ts'

type Holder = Client | Engine

async function embedded(): Promise<Engine> {
  const engine = await openEngine({ shards: 0 })
  onTestFinished(() => engine.close())
  return engine
}

async function waiters(holder: Holder, lock: string): Promise<unknown> {
  return (await holder.call({ cmd: 'GET_LOCK', lock })).waiters
}

describe.each<[string, () => Promise<Holder>]>([
  ['over a connection', async () => (await clientAndServer()).client],
  ['in process', embedded],
])('locks %s', (_where, start) => {
  it('are taken once, waited for in order, and given back by their name as by themselves', async () => {
    const holder = await start()
    const first = await holder.tryLock('deploy')
    expect(first).toMatchObject({ lock: 'deploy', ttlMs: 30_000 })
    expect(await holder.tryLock('deploy')).toBeUndefined()
    const second = holder.lock('deploy', { ttlMs: 5_000 })
    await eventually('it waits', async () => (await waiters(holder, 'deploy')) === 1)
    expect(await first?.extend({ ttlMs: 1_000 })).toBe(true)
    expect(await first?.release()).toBe(true)
    expect((await second)?.token).toBeGreaterThan(first?.token ?? 0)
    expect(await first?.release()).toBe(false)
    expect(await first?.extend()).toBe(false)
    expect(await holder.unlock('deploy')).toBe(true)
    expect((await holder.call({ cmd: 'GET_LOCK', lock: 'deploy' })).held).toBe(false)
  })

  it('are refused to whoever is not their owner', async () => {
    const holder = await start()
    await holder.tryLock('deploy', { owner: 'w1' })
    expect(await errorOf(holder.unlock('deploy', { owner: 'w2' }))).toMatchObject({ code: 'LOCK_NOT_HELD' })
    expect(await errorOf(holder.extendLock('deploy', { owner: 'w2' }))).toMatchObject({ code: 'LOCK_NOT_HELD' })
    expect(await holder.unlock('deploy', { owner: 'w1' })).toBe(true)
    expect(await errorOf(holder.tryLock(''))).toMatchObject({ code: 'INVALID_REQUEST' })
  })

  it('resolve to nothing when their turn has not come in time, seconds standing for the wait alone', async () => {
    const holder = await start()
    await holder.lock('deploy', 60)
    expect(await holder.lock('deploy', 0.02)).toBeUndefined()
    expect(await holder.lock('deploy', { waitMs: 20 })).toBeUndefined()
    expect(await holder.unlock('deploy')).toBe(true)
  })

  it('keep functions apart, and are free after each of them', async () => {
    const holder = await start()
    let inside = 0
    let most = 0
    const tokens: number[] = []
    const work = (): Promise<void> =>
      holder.withLock('deploy', async ({ token }) => {
        inside += 1
        most = Math.max(most, inside)
        tokens.push(token)
        await new Promise((resolve) => setImmediate(resolve))
        inside -= 1
      })
    await Promise.all(Array.from({ length: 50 }, work))
    expect(most).toBe(1)
    expect(tokens).toEqual(tokens.toSorted((a, b) => a - b))
    expect(new Set(tokens).size).toBe(50)
    expect((await holder.call({ cmd: 'GET_LOCK', lock: 'deploy' })).held).toBe(false)
  })

  it('are held for as long as a function runs, though that is longer than their time', async () => {
    const holder = await start()
    const seen = await holder.withLock(
      'deploy',
      async ({ signal }) => {
        const until = performance.now() + 500
        const others: unknown[] = []
        while (performance.now() < until) {
          others.push(await holder.tryLock('deploy'))
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
        return { others: others.filter((other) => other !== undefined), isLost: signal.aborted }
      },
      { ttlMs: 150 },
    )
    expect(seen).toEqual({ others: [], isLost: false })
  })

  it('are given back when the wait for them is aborted and they come nevertheless', async () => {
    const holder = await start()
    const first = await holder.tryLock('deploy')
    const controller = new AbortController()
    const second = holder.lock('deploy', { signal: controller.signal })
    await eventually('it waits', async () => (await waiters(holder, 'deploy')) === 1)
    controller.abort(new Error('not needed'))
    await expect(second).rejects.toThrow('not needed')
    await first?.release()
    await eventually('it is free', async () => (await holder.call({ cmd: 'GET_LOCK', lock: 'deploy' })).held === false)
  })

  it('stand as the fence of every write, which an older one does not come through', async () => {
    const holder = await start()
    const leads = holder.table<{ name: string }>('{x}leads')
    const keys = holder.keys<number>('{x}keys')
    const machine = holder.machine('{x}flow')
    const jobs = keys.queue<string>('jobs')
    const old = await holder.tryLock('{x}', 30)
    await leads.create({}, { fence: old })
    await machine.define({ initial: 'a', states: { a: { on: { GO: 'b' } }, b: {} } }, { fence: old })
    const id = await leads.insert({ name: 'Ann' }, { fence: old })
    await keys.set('n', 1, { fence: old })
    await keys.update('n', (n = 0) => n + 1, { fence: old })
    await jobs.push('work', { fence: old })
    const item = await jobs.take({ fence: old })
    await machine.create('i', {}, { fence: old })
    await holder.unlock('{x}')
    expect(await keys.increment('n', 1, { fence: old })).toBe(3)
    const fence = old
    const newer = await holder.tryLock('{x}')
    const writes: (() => Promise<unknown>)[] = [
      () => leads.create({}, { fence }),
      () => leads.drop({ fence }),
      () => leads.alter({ maxLength: 5 }, { fence }),
      () => leads.replace([], { fence }),
      () => leads.insert({ name: 'Bob' }, { fence }),
      () => leads.set(id, { name: 'Bob' }, { fence }),
      () => leads.patch(id, { name: 'Bob' }, { fence }),
      () => leads.delete(id, { fence }),
      () => keys.set('n', 9, { fence }),
      () => keys.setJson('n', 9, { fence }),
      () => keys.delete('n', { fence }),
      () => keys.clear('*', { fence }),
      () => keys.setTtl('n', 1_000, { fence }),
      () => keys.increment('n', 1, { fence }),
      () => keys.decrement('n', 1, { fence }),
      () => keys.append('n', 'x', { fence }),
      () => keys.compareSwap('n', 3, 9, { fence }),
      () => keys.compareAndSet('n', 3, 9, { fence }),
      () => keys.createIfNotExists('m', 9, { fence }),
      () => keys.update('n', () => 9, { fence }),
      () => keys.listPush('jobs', 'x', { fence }),
      () => keys.listPop('jobs', { fence }),
      () => jobs.push('x', { fence }),
      () => jobs.take({ fence }),
      () => item?.ack({ fence }) ?? Promise.resolve(),
      () => item?.return({ fence }) ?? Promise.resolve(),
      () => machine.define({ initial: 'b', states: { b: {} } }, { fence }),
      () => machine.create('j', {}, { fence }),
      () => machine.send('i', 'GO', {}, { fence }),
      () => machine.delete('i', { fence }),
      () => machine.drop({ fence }),
    ]
    for (const [index, write] of writes.entries()) {
      expect((await errorOf(write())).code, `write ${index}`).toBe('FENCED')
    }
    expect(await leads.get(id)).toEqual({ id, name: 'Ann' })
    expect(await keys.get('n')).toBe(3)
    expect(await keys.set('n', 4, { fence: newer })).toBeGreaterThan(0)
  })
})

describe('a client that goes away', () => {
  it('leaves the queue of a lock, and the next one is served', async () => {
    const { client, endpoint } = await clientAndServer()
    const held = await client.tryLock('deploy')
    const gone = await clientOf(endpoint)
    const lost = gone.lock('deploy').catch((error: unknown) => error)
    await eventually('it waits', async () => (await waiters(client, 'deploy')) === 1)
    const next = client.lock('deploy')
    await eventually('both wait', async () => (await waiters(client, 'deploy')) === 2)
    await gone.close({ waitMs: 0 })
    expect(await lost).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    await eventually('one is left', async () => (await waiters(client, 'deploy')) === 1)
    await held?.release()
    expect((await next)?.token).toBe((held?.token ?? 0) + 1)
  })
})
