// Cached tables: what they show, at which version, and what becomes of them when their table is replaced, goes, or is not there.
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Client } from '../../src/client/index.ts'
import { openEngine } from '../../src/engine.ts'
import { clientAndServer } from '../support/clients.ts'
import { eventually } from '../support/eventually.ts'

type Lead = { name: string }

describe.each<[string, () => Promise<Pick<Client, 'cached' | 'table'>>]>([
  ['a client', async () => (await clientAndServer({ feed: true })).client],
  [
    'an engine',
    async () => {
      const engine = await openEngine({ shards: 0 })
      onTestFinished(() => engine.close())
      return engine
    },
  ],
])('a cached table of %s', (_who, open) => {
  it('shows the table at a version, and follows it', async () => {
    const owner = await open()
    const leads = owner.table<Lead>('leads')
    await leads.create()
    await leads.insert({ name: 'Ann' })
    await using cached = owner.cached<Lead>('leads')
    expect(cached.version).toBeUndefined()
    await cached.ready()
    expect([cached.version, cached.size, cached.get(1), cached.get(2)]).toEqual([1, 1, { id: 1, name: 'Ann' }, null])
    await leads.insert({ name: 'Bob' })
    await leads.patch(1, { name: 'Eve' })
    await cached.reaches((await leads.info()).version)
    expect([...cached.values()]).toEqual([
      { id: 1, name: 'Eve' },
      { id: 2, name: 'Bob' },
    ])
    await leads.delete(1)
    await cached.reaches(4)
    expect(cached.get(1)).toBeNull()
  })

  it('shows a table that is replaced as it was, and then as it is, never in part', async () => {
    const owner = await open()
    const leads = owner.table<Lead>('leads')
    await leads.create()
    const rows = (name: string): Lead[] => Array.from({ length: 500 }, () => ({ name }))
    await leads.replace(rows('a'))
    await using cached = owner.cached<Lead>('leads')
    await cached.ready()
    let isOver = false
    const looking = eventually('it is over', () => {
      const names = new Set([...cached.values()].map(({ name }) => name))
      expect([names.size, cached.size]).toEqual([1, 500])
      return isOver
    })
    for (const name of ['b', 'c', 'd']) {
      await leads.replace(rows(name))
      await cached.reaches((await leads.info()).version)
      expect(cached.get(500)).toEqual({ id: 500, name })
    }
    isOver = true
    await looking
  })

  it('is empty while there is no table, and cannot be read once it is closed', async () => {
    const owner = await open()
    const leads = owner.table<Lead>('leads')
    const cached = owner.cached<Lead>('leads')
    await cached.ready()
    expect(cached.size).toBe(0)
    await leads.create()
    await leads.insert({ name: 'Ann' })
    await cached.reaches(1)
    expect(cached.size).toBe(1)
    await leads.drop()
    await cached.reaches(2)
    expect(cached.size).toBe(0)
    await cached.close()
    await eventually('it is over', () => {
      try {
        return cached.get(1) !== null
      } catch {
        return true
      }
    })
    await expect(cached.ready()).rejects.toThrow("the copy of 'leads' is closed")
  })
})
