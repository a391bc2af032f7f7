// The rows of the lock table of the state module, as a program of the seed has them: by seconds and by names alone. Each
// function is called here as it stands there, with `await` before it, and beside it in plain JSON.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/client/index.ts'
import { suiteDaemon } from '../support/suite-daemon.ts'

describe('the state module, locks', () => {
  const daemon = suiteDaemon()
  let names = 0
  const fresh = (): string => {
    names += 1
    return `lock ${names}`
  }
  const plain = (command: JsonObject): Promise<JsonObject> => daemon.ask(command)

  it('has try_lock(name, ttl): success, without waiting', async () => {
    const [lock, other] = [fresh(), fresh()]
    const state = daemon.client
    expect(Boolean(await state.tryLock(lock, 30))).toBe(true)
    expect(Boolean(await state.tryLock(lock, 30))).toBe(false)
    const { expires_in: left } = await plain({ cmd: 'GET_LOCK', lock })
    expect(left).toBeGreaterThan(20)
    expect(left).toBeLessThanOrEqual(30)
    expect(await plain({ cmd: 'TRY_LOCK', lock: other, ttl: 30 })).toMatchObject({ acquired: true, expires_in: 30 })
    expect(await plain({ cmd: 'TRY_LOCK', lock: other, ttl: 30 })).toMatchObject({ acquired: false })
  })

  it('has lock(name, timeout?): success, after a wait', async () => {
    const [lock, other] = [fresh(), fresh()]
    const state = daemon.client
    expect(Boolean(await state.lock(lock, 60))).toBe(true)
    expect(Boolean(await state.lock(lock, 0.02))).toBe(false)
    const waiting = state.lock(lock)
    await state.unlock(lock)
    expect(Boolean(await waiting)).toBe(true)
    expect(await plain({ cmd: 'LOCK', lock: other, timeout: 60 })).toMatchObject({ acquired: true })
    expect(await plain({ cmd: 'LOCK', lock: other, timeout: 0.02 })).toMatchObject({ acquired: false })
  })

  it('has unlock(name): success', async () => {
    const [lock, other] = [fresh(), fresh()]
    const state = daemon.client
    await state.lock(lock, 60)
    expect(await state.unlock(lock)).toBe(true)
    expect(await state.unlock(lock)).toBe(false)
    expect(await plain({ cmd: 'GET_LOCK', lock })).toMatchObject({ held: false })
    const { owner } = await plain({ cmd: 'TRY_LOCK', lock: other })
    expect(await plain({ cmd: 'UNLOCK', lock: other, owner: owner ?? '' })).toMatchObject({ released: true })
    expect(await plain({ cmd: 'UNLOCK', lock: other, owner: owner ?? '' })).toMatchObject({ released: false })
  })

  it('has with_lock(name, fn, timeout?): the result of the function, under a lock that is released by itself', async () => {
    const lock = fresh()
    const state = daemon.client
    const keys = state.keys(lock)
    const result = await state.withLock(
      lock,
      async () => {
        expect(Boolean(await state.tryLock(lock, 30))).toBe(false)
        await keys.increment('global_counter', 1)
        return 'operation_success'
      },
      15,
    )
    expect(result).toBe('operation_success')
    expect(await keys.get('global_counter')).toBe(1)
    expect(await plain({ cmd: 'GET_LOCK', lock })).toMatchObject({ held: false })
  })

  it('cleans up locks whose time is over by itself', async () => {
    const lock = fresh()
    const state = daemon.client
    await state.tryLock(lock, 0.02)
    expect(Boolean(await state.lock(lock, 5))).toBe(true)
  })
})
