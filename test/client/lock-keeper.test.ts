// What keeps a lock while a function runs, with a clock that the test moves and a server that answers when the test says
// so: when it extends, when its signal fires, and what it leaves behind.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Caller } from '../../src/client/caller.ts'
import { HoldfastError } from '../../src/client/error.ts'
import { LockMethods, type LockScope } from '../../src/client/lock-methods.ts'
import type { JsonObject } from '../../src/protocol/value.ts'

interface Asked {
  readonly name: string
  readonly args: JsonObject
  /** When it was asked, in milliseconds of the test's clock. */
  readonly at: number
}

type Answer = (asked: Asked) => JsonObject | Promise<JsonObject>

/** A server of one lock: it answers `answer` after `latencyMs` each way, and remembers what it was asked. */
class Scripted extends LockMethods {
  readonly asked: Asked[] = []
  answer: Answer = ({ name }) => granted[name] ?? {}
  latencyMs = 0

  protected override get caller(): Caller {
    return {
      run: async (name, _key, args, read, options) => {
        options?.signal?.throwIfAborted()
        const asked = { name, args, at: performance.now() }
        this.asked.push(asked)
        const replying = this.#reply(asked).then(read)
        const { signal } = options ?? {}
        if (signal === undefined) return replying
        const { end, whenAborted } = abortion(signal)
        return Promise.race([replying, whenAborted]).finally(end)
      },
    }
  }

  async #reply(asked: Asked): Promise<JsonObject> {
    if (this.latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, this.latencyMs))
    const reply = await this.answer(asked)
    if (this.latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, this.latencyMs))
    return reply
  }

  get names(): string[] {
    return this.asked.map(({ name }) => name)
  }
}

function abortion(signal: AbortSignal): { readonly whenAborted: Promise<never>; readonly end: () => void } {
  let end = (): void => {}
  const whenAborted = new Promise<never>((_, reject) => {
    const abort = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', abort)
    end = () => signal.removeEventListener('abort', abort)
  })
  return { whenAborted, end }
}

const granted: Record<string, JsonObject> = {
  TRY_LOCK: { acquired: true, owner: 'w', token: 7, expires_in: 30 },
  LOCK: { acquired: true, owner: 'w', token: 7, expires_in: 30 },
  EXTEND_LOCK: { extended: true },
  UNLOCK: { released: true },
}

const ttlMs = 3_000
const never = new Promise<JsonObject>(() => {})
const gone = (): HoldfastError => new HoldfastError('OUTCOME_UNKNOWN', 'the connection was lost', {})

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})

afterEach(() => {
  vi.useRealTimers()
})

/** Begins to run a function under the lock that ends when the test says so. */
async function begun(server: Scripted) {
  let end: (result: string) => void = () => {}
  let scope: LockScope | undefined
  const result = server.withLock(
    'deploy',
    (given) => {
      scope = given
      return new Promise<string>((resolve) => {
        end = resolve
      })
    },
    { ttlMs },
  )
  const outcome = result.then(String, String)
  await vi.advanceTimersByTimeAsync(server.latencyMs * 2)
  return { outcome, end: (text: string) => end(text), scope: scope as unknown as LockScope }
}

describe('a function under a lock', () => {
  it('is given the token and a signal, and its lock is extended at every third of its time', async () => {
    const server = new Scripted()
    const { scope, end, outcome } = await begun(server)
    expect(scope).toMatchObject({ lock: 'deploy', token: 7 })
    await vi.advanceTimersByTimeAsync(10 * ttlMs)
    expect(scope.signal.aborted).toBe(false)
    expect(server.asked.filter(({ name }) => name === 'EXTEND_LOCK').map(({ at }) => at % 1_000)).toHaveLength(30)
    expect(server.asked[1]?.args).toEqual({ owner: scope.owner, token: 7, ttl: 3 })
    end('done')
    expect(await outcome).toBe('done')
    expect(server.names.at(-1)).toBe('UNLOCK')
  })

  it('leaves nothing running, and asks nothing any more, once it is over', async () => {
    const server = new Scripted()
    const { end, outcome } = await begun(server)
    end('done')
    await outcome
    const asked = server.asked.length
    await vi.advanceTimersByTimeAsync(10 * ttlMs)
    expect(server.asked).toHaveLength(asked)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('gives its lock back when it throws, at once or later', async () => {
    for (const fn of [
      () => {
        throw new Error('broken')
      },
      () => Promise.reject(new Error('broken')),
    ]) {
      const server = new Scripted()
      await expect(server.withLock('deploy', fn, { ttlMs })).rejects.toThrow('broken')
      expect(server.names).toEqual(['TRY_LOCK', 'UNLOCK'])
      expect(vi.getTimerCount()).toBe(0)
    }
  })

  it('hears the signal before its lock can be lost, counted from before the last extension was asked for', async () => {
    const server = new Scripted()
    server.latencyMs = 400
    const start = performance.now()
    const { scope } = await begun(server)
    server.answer = ({ name }) => (name === 'EXTEND_LOCK' ? never : (granted[name] ?? {}))
    let firedAt = 0
    scope.signal.addEventListener('abort', () => {
      firedAt = performance.now()
    })
    await vi.advanceTimersByTimeAsync(10 * ttlMs)
    // The grant was on its way from 400 ms on, and so lasts until 3,400 ms at the earliest.
    expect(firedAt).toBeGreaterThan(start + ttlMs * 0.9)
    expect(firedAt).toBeLessThanOrEqual(start + ttlMs - 10)
  })

  it('hears the signal at once when somebody else has the lock', async () => {
    for (const lost of [
      () => ({ extended: false }),
      () => Promise.reject(new HoldfastError('LOCK_NOT_HELD', '', {})),
    ]) {
      const server = new Scripted()
      const { scope, end, outcome } = await begun(server)
      server.answer = ({ name }) => (name === 'EXTEND_LOCK' ? lost() : (granted[name] ?? {}))
      await vi.advanceTimersByTimeAsync(ttlMs / 3)
      expect(scope.signal.aborted).toBe(true)
      end('done')
      expect(await outcome).toBe('done')
      expect(vi.getTimerCount()).toBe(0)
    }
  })

  it('goes on when an extension fails and the next one succeeds', async () => {
    const server = new Scripted()
    const { scope, end, outcome } = await begun(server)
    let failures = 2
    server.answer = ({ name }) => {
      if (name === 'EXTEND_LOCK' && failures-- > 0) return Promise.reject(gone())
      return granted[name] ?? {}
    }
    await vi.advanceTimersByTimeAsync(2 * ttlMs)
    expect(scope.signal.aborted).toBe(false)
    end('done')
    expect(await outcome).toBe('done')
  })

  it('hears the signal first thing after it stood still, and nothing is extended that was over', async () => {
    const server = new Scripted()
    const { scope } = await begun(server)
    const asked = server.asked.length
    // All timers of the time in between fire late, as after SIGCONT: the clock is far ahead of them.
    vi.setSystemTime(0)
    const late = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 10 * ttlMs)
    await vi.advanceTimersByTimeAsync(ttlMs / 3)
    expect(scope.signal.aborted).toBe(true)
    expect(server.asked).toHaveLength(asked)
    late.mockRestore()
  })

  it('is not begun under a lock whose grant was long on its way, before that is extended', async () => {
    const server = new Scripted()
    server.latencyMs = 700
    const { scope, end, outcome } = await begun(server)
    expect(scope).toBeUndefined()
    await vi.advanceTimersByTimeAsync(1_400)
    expect(server.names).toEqual(['TRY_LOCK', 'EXTEND_LOCK'])
    end('done')
    await vi.advanceTimersByTimeAsync(2_800)
    expect(await outcome).toBe('done')
  })

  it('is not begun if the lock is not free in time', async () => {
    const server = new Scripted()
    server.answer = () => ({ acquired: false, owner: null, token: null, expires_in: 3 })
    const fn = vi.fn()
    await expect(server.withLock('deploy', fn, { ttlMs, waitMs: 0 })).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' })
    expect(fn).not.toHaveBeenCalled()
  })

  it('tries for a while to give its lock back, and leaves it to its own end then', async () => {
    const server = new Scripted()
    const { end, outcome } = await begun(server)
    let failures = 3
    server.answer = ({ name }) => {
      if (name === 'UNLOCK' && failures-- > 0) return Promise.reject(gone())
      return granted[name] ?? {}
    }
    end('done')
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await outcome).toBe('done')
    expect(server.names.filter((name) => name === 'UNLOCK')).toHaveLength(4)
    failures = Number.POSITIVE_INFINITY
    const other = await begun(server)
    other.end('done too')
    await vi.advanceTimersByTimeAsync(ttlMs + 1_000)
    expect(await other.outcome).toBe('done too')
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a lock that nobody waits for any more', () => {
  it('is given back when its grant comes late', async () => {
    const server = new Scripted()
    server.latencyMs = 100
    const controller = new AbortController()
    const asking = server.lock('deploy', { signal: controller.signal, ttlMs })
    const outcome = asking.catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(50)
    controller.abort(new Error('not needed'))
    expect(await outcome).toMatchObject({ message: 'not needed' })
    await vi.advanceTimersByTimeAsync(500)
    expect(server.names).toEqual(['TRY_LOCK', 'UNLOCK'])
  })

  it('is given back by its fresh owner when its grant was lost on the way, but not by one that was named', async () => {
    for (const [owner, names] of [
      [undefined, ['TRY_LOCK', 'UNLOCK']],
      ['w1', ['TRY_LOCK']],
    ] as const) {
      const server = new Scripted()
      server.answer = ({ name }) => (name === 'TRY_LOCK' ? Promise.reject(gone()) : (granted[name] ?? {}))
      await expect(server.tryLock('deploy', { owner })).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
      expect(server.names).toEqual(names)
      if (owner === undefined) expect(server.asked[1]?.args).toEqual({ owner: server.asked[0]?.args.owner })
    }
  })
})

describe('a name', () => {
  it('is enough to give back what was granted here, once', async () => {
    const server = new Scripted()
    await server.tryLock('deploy', 5)
    await server.unlock('other')
    expect(await server.extendLock('deploy', { ttlMs: 9_000 })).toBe(true)
    expect(await server.unlock('deploy')).toBe(true)
    expect(await server.unlock('deploy')).toBe(false)
    expect(await server.extendLock('deploy')).toBe(false)
    const owner = server.asked[0]?.args.owner
    expect(server.asked.map(({ name, args }) => [name, args])).toEqual([
      ['TRY_LOCK', { owner, ttl: 5 }],
      ['EXTEND_LOCK', { owner, token: 7, ttl: 9 }],
      ['UNLOCK', { owner, token: 7 }],
    ])
  })

  it('with an owner gives back what somebody else was granted', async () => {
    const server = new Scripted()
    await server.unlock('deploy', { owner: 'w9' })
    await server.extendLock('deploy', { owner: 'w9', token: 3, ttlMs: 1_000 })
    expect(server.asked.map(({ args }) => args)).toEqual([{ owner: 'w9' }, { owner: 'w9', token: 3, ttl: 1 }])
  })

  it('is remembered no longer than its lock lasts, however many there are', async () => {
    const server = new Scripted()
    for (let index = 0; index < 5_000; index += 1) {
      await server.tryLock(`n${index}`, { ttlMs: 10 })
      await vi.advanceTimersByTimeAsync(1)
    }
    const asked = server.asked.length
    for (let index = 0; index < 5_000; index += 1) await server.unlock(`n${index}`)
    expect(server.asked.length - asked).toBeLessThan(1_100)
  })
})
