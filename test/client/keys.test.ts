// Keyspaces with methods, over a connection and over an engine in the same process: one suite, two callers.
import { describe, expect, it, onTestFinished } from 'vitest'
import type { JsonValue, Keys } from '../../src/client/index.ts'
import { openEngine } from '../../src/engine.ts'
import { clientAndServer, errorOf } from '../support/clients.ts'
import { eventually } from '../support/eventually.ts'

interface Keyspaces {
  keys<Value = JsonValue>(name?: string): Keys<Value>
}

async function embedded(): Promise<Keyspaces> {
  const engine = await openEngine({ shards: 0 })
  onTestFinished(() => engine.close())
  return engine
}

async function connected(): Promise<Keyspaces> {
  return (await clientAndServer()).client
}

describe.each([
  ['a connection', connected],
  ['an embedded engine', embedded],
])('a keyspace over %s', (_, open) => {
  async function keyspace<Value = JsonValue>(name?: string): Promise<Keys<Value>> {
    return (await open()).keys<Value>(name)
  }

  it('is called default if it has no other name, and reads as empty before the first write', async () => {
    const keys = await keyspace()
    expect(keys.name).toBe('default')
    expect(await keys.get('a')).toBeUndefined()
    expect(await keys.entry('a')).toBeUndefined()
    expect(await keys.version('a')).toBe(0)
    expect(await keys.exists('a')).toBe(false)
    expect(await keys.delete('a')).toBe(false)
    expect(await keys.getTtl('a')).toBeUndefined()
    expect(await keys.listLength('a')).toBe(0)
    expect(await keys.list()).toEqual([])
  })

  it('is apart from every other keyspace', async () => {
    const engine = await open()
    await engine.keys('one').set('a', 1)
    await engine.keys('other').set('a', 2)
    expect([await engine.keys('one').get('a'), await engine.keys('other').get('a')]).toEqual([1, 2])
    expect(() => engine.keys('')).toThrow("'state' must not be empty")
  })

  it.each<[string, JsonValue]>([
    ['text', 'v1.2.3'],
    ['a number', 1_000],
    ['false', false],
    ['null', null],
    ['an empty text', ''],
    ['a list', [1, [2], { three: null }]],
    ['an object', { debug: true, limits: { connections: 100 } }],
  ])('keeps %s as it is', async (_what, value) => {
    const keys = await keyspace()
    expect(await keys.set('key', value)).toBe(1)
    expect(await keys.get('key')).toEqual(value)
    expect(await keys.get('key', { default: 'another' })).toEqual(value)
    expect(await keys.getJson('key')).toEqual(value)
    expect(await keys.exists('key')).toBe(true)
  })

  it('resolves to the default where a key is missing', async () => {
    const keys = await keyspace<string>()
    expect(await keys.get('theme', { default: 'dark' })).toBe('dark')
    expect(await keys.exists('theme')).toBe(false)
  })

  it('keeps bytes as bytes, whatever stands in them', async () => {
    const keys = await keyspace<Uint8Array>()
    const bytes = Uint8Array.from({ length: 256 }, (_unused, index) => index)
    await keys.set('all', bytes)
    await keys.set('part', Buffer.from(bytes.buffer, 250, 6))
    await keys.set('none', new Uint8Array())
    expect(await keys.get('all')).toStrictEqual(bytes)
    expect(await keys.get('part')).toStrictEqual(new Uint8Array([250, 251, 252, 253, 254, 255]))
    expect(await keys.get('none')).toStrictEqual(new Uint8Array())
    expect((await keys.entry('all'))?.value).toStrictEqual(bytes)
  })

  it('reads JSON that was stored as bytes', async () => {
    const keys = await keyspace<Uint8Array>()
    await keys.set('/config', Buffer.from('{"replicas": 3}'))
    expect(await keys.getJson<{ replicas: number }>('/config')).toEqual({ replicas: 3 })
    await keys.set('/config', Buffer.from('{"repl'))
    await expect(keys.getJson('/config')).rejects.toThrow(SyntaxError)
    expect(await keys.setJson('/config', { replicas: 4 })).toBe(3)
    expect(await keys.getJson('/config')).toEqual({ replicas: 4 })
    expect(await keys.getJson('/missing')).toBeUndefined()
  })

  it('counts the writes of each key, and tells when they were', async () => {
    const keys = await keyspace()
    const start = Date.now()
    expect([await keys.set('a', 1), await keys.set('b', 1), await keys.set('a', 2)]).toEqual([1, 1, 2])
    expect(await keys.version('a')).toBe(2)
    const entry = await keys.entry('a')
    expect(entry).toEqual({
      value: 2,
      version: 2,
      revision: 3,
      createdAt: expect.any(Date),
      updatedAt: expect.any(Date),
    })
    const [createdAt = 0, updatedAt = 0] = [entry?.createdAt.getTime(), entry?.updatedAt.getTime()]
    expect(createdAt).toBeGreaterThanOrEqual(start - 1)
    expect(updatedAt).toBeGreaterThanOrEqual(createdAt)
    expect(updatedAt).toBeLessThanOrEqual(Date.now() + 1)
  })

  it('deletes a key, and all that a pattern matches', async () => {
    const keys = await keyspace()
    for (const key of ['/a/1', '/a/2', '/b/1', 'c']) await keys.set(key, 0)
    expect(await keys.delete('/a/1')).toBe(true)
    expect(await keys.clear('/a/*')).toBe(1)
    expect(await keys.list()).toEqual(['/b/1', 'c'])
    expect(await keys.clear()).toBe(2)
    expect(await keys.list()).toEqual([])
  })

  it('forgets a key at the end of its time to live', async () => {
    const keys = await keyspace()
    await keys.set('token', 'abc', { ttlMs: 20 })
    await eventually('the key is gone', async () => !(await keys.exists('token')))
    await keys.set('token', 'abc', { ttlMs: 60_000 })
    const left = await keys.getTtl('token')
    expect(left).toBeGreaterThan(50_000)
    expect(left).toBeLessThanOrEqual(60_000)
    expect(await keys.setTtl('token', 1_000_000)).toBe(true)
    expect(await keys.getTtl('token')).toBeGreaterThan(900_000)
    expect(await keys.setTtl('token', null)).toBe(true)
    expect(await keys.getTtl('token')).toBeNull()
    expect(await keys.setTtl('other', 1_000)).toBe(false)
  })

  it('counts up and down, each step once, however many count', async () => {
    const keys = await keyspace()
    expect(await keys.increment('views')).toBe(1)
    expect(await keys.increment('views', 50)).toBe(51)
    expect(await keys.decrement('views', 11)).toBe(40)
    expect(await keys.decrement('views')).toBe(39)
    const counts = await Promise.all(Array.from({ length: 500 }, () => keys.increment('many')))
    expect(new Set(counts)).toEqual(new Set(Array.from({ length: 500 }, (_unused, index) => index + 1)))
  })

  it('gives a counter its time to live only when it begins', async () => {
    const keys = await keyspace()
    await keys.increment('window', 1, { ttlMs: 60_000 })
    await keys.increment('window', 1, { ttlMs: 3_600_000 })
    expect(await keys.getTtl('window')).toBeLessThanOrEqual(60_000)
  })

  it('appends to a text, and to nothing else', async () => {
    const keys = await keyspace()
    expect(await keys.append('log', 'Start')).toBe(5)
    expect(await keys.append('log', ' -> end')).toBe(12)
    expect(await keys.get('log')).toBe('Start -> end')
    await keys.set('n', 1)
    expect(await errorOf(keys.append('n', 'x'))).toMatchObject({ code: 'WRONG_TYPE', details: { key: 'n' } })
  })

  it('swaps a value for another only if it is the one expected', async () => {
    const keys = await keyspace()
    expect(await keys.compareSwap('config', null, { a: [1] })).toBe(true)
    expect(await keys.compareSwap('config', { a: [2] }, 'no')).toBe(false)
    expect(await keys.compareSwap('config', { a: [1] }, 'yes')).toBe(true)
    expect(await keys.get('config')).toBe('yes')
  })

  it('writes over a known version or revision, and says which other one it found', async () => {
    const keys = await keyspace()
    expect(await keys.compareAndSet('key', 0, 'first')).toBe(1)
    expect(await keys.compareAndSet('key', 1, 'second')).toBe(2)
    expect(await errorOf(keys.compareAndSet('key', 1, 'third'))).toMatchObject({
      code: 'VERSION_CONFLICT',
      message: 'Conflict: expected version 1, found 2',
      details: { expected: 1, found: 2 },
      mayHaveRun: false,
    })
    const { revision = 0 } = (await keys.entry('key')) ?? {}
    expect(await keys.compareAndSet('key', { revision }, 'third')).toBe(3)
    expect(await errorOf(keys.compareAndSet('key', { revision }, 'fourth'))).toMatchObject({ code: 'VERSION_CONFLICT' })
    expect(await keys.get('key')).toBe('third')
  })

  it('creates a key for one of many only', async () => {
    const keys = await keyspace()
    const creating = Array.from({ length: 50 }, (_unused, index) =>
      keys.createIfNotExists('leader', index, { ttlMs: 60_000 }).catch((error: unknown) => error),
    )
    const outcomes = await Promise.all(creating)
    expect(outcomes[0]).toBe(1)
    for (const outcome of outcomes.slice(1)) expect(outcome).toMatchObject({ code: 'KEY_EXISTS' })
    expect(await keys.get('leader')).toBe(0)
    expect(await keys.getTtl('leader')).toBeGreaterThan(50_000)
  })

  it('writes bytes on conditions too, but compares JSON only', async () => {
    const keys = await keyspace<Uint8Array>()
    const bytes = new Uint8Array([1, 2])
    await keys.createIfNotExists('created', bytes)
    expect(await keys.get('created')).toStrictEqual(bytes)
    await keys.compareAndSet('set', 0, bytes)
    expect(await keys.get('set')).toStrictEqual(bytes)
    await keys.update('set', (before) => Uint8Array.from([...(before ?? []), 3]))
    expect(await keys.get('set')).toStrictEqual(new Uint8Array([1, 2, 3]))
    const json = await keyspace<object>()
    expect(await errorOf(json.compareSwap('key', null, bytes))).toMatchObject({ code: 'INVALID_REQUEST' })
    expect(await json.exists('key')).toBe(false)
  })

  it('has lists, which are stacks or queues', async () => {
    const keys = await keyspace()
    for (const item of ['a', 'b', 'c']) await keys.listPush('jobs', item)
    expect(await keys.listPush('jobs', 'urgent', { end: 'first' })).toBe(4)
    expect(await keys.listLength('jobs')).toBe(4)
    expect(await keys.listPop('jobs')).toBe('c')
    expect(await keys.listPop('jobs', { end: 'first' })).toBe('urgent')
    expect(await keys.get('jobs')).toEqual(['a', 'b'])
    expect([await keys.listPop('jobs'), await keys.listPop('jobs'), await keys.listPop('jobs')]).toEqual([
      'b',
      'a',
      undefined,
    ])
    expect(await keys.get('jobs')).toEqual([])
  })

  it('tells what every shard holds', async () => {
    const keys = await keyspace()
    await keys.set('a', 1)
    expect(await keys.stats()).toMatchObject({ durability: 'memory', totals: { states: { keys: 1 } } })
  })

  describe('that is listed', () => {
    const names = Array.from({ length: 25 }, (_unused, index) => `/nodes/${String(index).padStart(2, '0')}`)

    async function filled(): Promise<Keys> {
      const keys = await keyspace()
      await Promise.all([...names, 'other'].map((name) => keys.set(name, 0)))
      return keys
    }

    it('names its keys in the order of their bytes, all or those that begin so or match', async () => {
      const keys = await filled()
      await keys.set('/nodes/0\u{1f600}', 0)
      await keys.set('/nodes/0\ufb01', 0)
      expect(await keys.list('/nodes/0')).toEqual([...names.slice(0, 10), '/nodes/0\ufb01', '/nodes/0\u{1f600}'])
      expect(await keys.list()).toHaveLength(28)
      const found: string[] = []
      for await (const key of keys.keys({ pattern: '/nodes/[1-2][0-2]', pageSize: 2 })) found.push(key)
      expect(found).toEqual(['10', '11', '12', '20', '21', '22'].map((number) => `/nodes/${number}`))
    })

    it('gives them page by page, each with the version that it shows', async () => {
      const keys = await filled()
      const list = keys.keys({ prefix: '/nodes/', pageSize: 10 })
      const pages: unknown[] = []
      for await (const page of list.pages()) {
        pages.push([page.keys.length, page.version])
        await keys.set('other', 1)
      }
      expect(pages).toEqual([
        [10, 26],
        [10, 27],
        [5, 28],
      ])
      expect(list).toMatchObject({ version: 26, changed: true })
    })

    it('ends when it changes meanwhile, if that is asked for', async () => {
      const keys = await filled()
      const read = async (): Promise<void> => {
        for await (const key of keys.keys({ pageSize: 10, onChange: 'throw' })) await keys.delete(key)
      }
      expect(await errorOf(read())).toMatchObject({ code: 'LIST_CHANGED', retryable: true })
    })
  })

  describe('that is updated', () => {
    it('makes a new value of the old one, and of none', async () => {
      const keys = await keyspace<{ n: number }>()
      const next = (value: { n: number } | undefined) => ({ n: (value?.n ?? 0) + 1 })
      expect(await keys.update('key', next)).toEqual({ n: 1 })
      expect(await keys.update('key', async (value) => next(value), { ttlMs: 60_000 })).toEqual({ n: 2 })
      expect(await keys.getTtl('key')).toBeLessThanOrEqual(60_000)
      expect(await keys.get('key')).toEqual({ n: 2 })
    })

    it('writes nothing where nothing is made of the value', async () => {
      const keys = await keyspace()
      expect(await keys.update('missing', () => undefined)).toBeUndefined()
      expect(await keys.exists('missing')).toBe(false)
      await keys.set('key', 'old')
      expect(await keys.update('key', () => undefined)).toBe('old')
      expect(await keys.version('key')).toBe(1)
    })

    it('loses no change of many that are made at once', async () => {
      const keys = await keyspace<number[]>()
      const numbers = Array.from({ length: 40 }, (_unused, index) => index)
      await Promise.all(numbers.map((number) => keys.update('list', (list = []) => [...list, number])))
      expect((await keys.get('list'))?.toSorted((one, other) => one - other)).toEqual(numbers)
    })

    it('notices that a key was deleted and made anew, even at the same version', async () => {
      const keys = await keyspace<string>()
      await keys.set('key', 'old')
      const seen: unknown[] = []
      const result = await keys.update('key', async (value) => {
        seen.push(value)
        if (seen.length === 1) {
          await keys.delete('key')
          await keys.set('key', 'new')
        }
        return `${value}!`
      })
      expect({ seen, result }).toEqual({ seen: ['old', 'new'], result: 'new!' })
    })

    it('gives up after so many attempts', async () => {
      const keys = await keyspace<number>()
      let attempts = 0
      const updating = keys.update(
        'key',
        async (value = 0) => {
          attempts += 1
          await keys.increment('key')
          return value
        },
        { attemptsMax: 3 },
      )
      expect(await errorOf(updating)).toMatchObject({ code: 'VERSION_CONFLICT' })
      expect(attempts).toBe(3)
    })

    it('is ended by its signal, and by what is thrown', async () => {
      const keys = await keyspace<number>()
      const controller = new AbortController()
      const reason = new Error('enough')
      const updating = keys.update(
        'key',
        () => {
          controller.abort(reason)
          return 1
        },
        { signal: controller.signal },
      )
      await expect(updating).rejects.toBe(reason)
      await expect(keys.update('key', () => Promise.reject(reason))).rejects.toBe(reason)
      expect(await keys.exists('key')).toBe(false)
    })
  })
})
