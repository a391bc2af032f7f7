// A lock that is taken and given back, one after the other of so many, so that nobody waits for anybody: over whatever has
// locks, and by Redis in the way that its documents show for one server.
import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Client } from '../../src/client/index.ts'
import type { Operation } from '../support/load.ts'

const ttlMs = 30_000
const releaseScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`

type WithCommand = Redis & { benchRelease(key: string, owner: string): Promise<number> }

/** Names in turns: there are more of them than calls in flight. */
function namesInTurns(count: number): () => string {
  let turn = 0
  return () => {
    turn = (turn + 1) % count
    return `lock:${turn}`
  }
}

function expectDone(isDone: boolean): void {
  if (!isDone) throw new Error('a lock was not to be had, or not to be given back')
}

export function lockOperations(holder: Pick<Client, 'tryLock'>, locks: number): Record<string, Operation> {
  const next = namesInTurns(locks)
  return {
    fillLocks: () => Promise.resolve(),
    async lockUnlock() {
      const held = await holder.tryLock(next(), { ttlMs })
      expectDone((await held?.release()) === true)
    },
  }
}

/** SET with NX and PX, an owner that nobody else has, and a compiled script that looks at the owner before it deletes. */
export function ioredisLockOperations(redis: Redis, locks: number): Record<string, Operation> {
  redis.defineCommand('benchRelease', { numberOfKeys: 1, lua: releaseScript })
  const scripted = redis as WithCommand
  const next = namesInTurns(locks)
  return {
    fillLocks: () => Promise.resolve(),
    async lockUnlock() {
      const name = next()
      const owner = randomUUID()
      expectDone((await redis.set(name, owner, 'PX', ttlMs, 'NX')) === 'OK')
      expectDone((await scripted.benchRelease(name, owner)) === 1)
    },
  }
}
