// The state store, snapshots and state manager of HyperShimmy (seed 004): each capability of its completion checklist, by
// the methods that a program has for it here.
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { type Engine, openEngine } from '../../src/engine.ts'

let engine: Engine

beforeEach(async () => {
  engine = await openEngine({ shards: 0, limits: { snapshotsMax: 3 } })
  onTestFinished(() => engine.close())
})

const store = () => engine.keys<string>('store')
const labels = async (): Promise<string[]> => (await engine.snapshots.list()).map(({ label }) => label)

describe('State Store', () => {
  it('Implement save operation', async () => {
    expect(await store().set('user_id', '12345')).toBe(1)
  })

  it('Implement load operation', async () => {
    await store().set('user_id', '12345')
    expect(await store().get('user_id')).toBe('12345')
    expect(await store().get('nobody')).toBeUndefined()
  })

  it('Implement delete operation', async () => {
    await store().set('user_id', '12345')
    expect(await store().delete('user_id')).toBe(true)
    expect(await store().delete('user_id')).toBe(false)
  })

  it('Add exists check', async () => {
    await store().set('user_id', '12345')
    expect([await store().exists('user_id'), await store().exists('nobody')]).toEqual([true, false])
  })

  it('Add keys listing', async () => {
    for (const key of ['theme', 'language']) await store().set(key, 'x')
    expect(await store().list()).toEqual(['language', 'theme'])
  })

  it('Add clear operation', async () => {
    for (const key of ['theme', 'language']) await store().set(key, 'x')
    expect(await store().clear()).toBe(2)
    expect(await store().list()).toEqual([])
  })
})

describe('State Snapshot', () => {
  it('Add snapshot labeling', async () => {
    expect(await engine.snapshots.create('before_update')).toMatchObject({ label: 'before_update' })
    expect(await labels()).toEqual(['before_update'])
  })

  it('Add timestamp tracking', async () => {
    const before = Date.now()
    const { createdAt } = await engine.snapshots.create('before_update')
    expect(createdAt.getTime()).toBeGreaterThanOrEqual(before)
    expect(createdAt.getTime()).toBeLessThanOrEqual(Date.now())
  })

  it('Implement state capture', async () => {
    await store().set('step', '1')
    await store().set('data', 'initial')
    expect(await engine.snapshots.create('step1_complete')).toMatchObject({ states: 1, records: 2 })
  })

  it('Implement state restoration', async () => {
    await store().set('step', '1')
    await engine.snapshots.create('step1_complete')
    await store().set('step', '2')
    await store().set('more', 'x')
    expect(await engine.snapshots.restore('step1_complete')).toMatchObject({ states: 1, records: 1 })
    expect([await store().get('step'), await store().exists('more')]).toEqual(['1', false])
  })

  it('Memory-safe operations: what changes later does not change the snapshot', async () => {
    const list = engine.keys<string[]>('store')
    await list.set('log', ['a'])
    await engine.snapshots.create('one')
    await engine.keys<string>('store').listPush('log', 'b')
    await engine.snapshots.restore('one')
    expect(await list.get('log')).toEqual(['a'])
  })
})

describe('State Manager', () => {
  it('Integrate StateStore', async () => {
    await store().set('step', '1')
    await engine.snapshots.create('one', { states: ['store'] })
    await store().clear()
    await engine.snapshots.restore('one')
    expect(await store().get('step')).toBe('1')
  })

  it('Implement createSnapshot', async () => {
    await engine.snapshots.create('before_operation')
    await engine.snapshots.create('after_operation')
    expect(await labels()).toEqual(['before_operation', 'after_operation'])
  })

  it('Implement restoreLatest', async () => {
    for (const step of ['1', '2']) {
      await store().set('step', step)
      await engine.snapshots.create(`step${step}_complete`)
    }
    await store().set('step', '3')
    expect(await engine.snapshots.restore()).toMatchObject({ label: 'step2_complete' })
    expect(await store().get('step')).toBe('2')
  })

  it('Implement restoreSnapshot', async () => {
    for (const step of ['1', '2']) {
      await store().set('step', step)
      await engine.snapshots.create(`step${step}_complete`)
    }
    await engine.snapshots.restore('step1_complete')
    expect(await store().get('step')).toBe('1')
    await expect(engine.snapshots.restore('step9_complete')).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' })
  })

  it('Add snapshot limit enforcement', async () => {
    for (const label of ['a', 'b', 'c']) await engine.snapshots.create(label)
    expect(await engine.snapshots.create('d')).toMatchObject({ dropped: ['a'] })
    expect(await labels()).toEqual(['b', 'c', 'd'])
  })

  it('Add snapshot counting', async () => {
    expect(await labels()).toHaveLength(0)
    for (const label of ['a', 'b']) await engine.snapshots.create(label)
    expect(await labels()).toHaveLength(2)
    await engine.snapshots.delete('a')
    expect(await labels()).toHaveLength(1)
  })
})
