// The same with Redis: a counter is INCR, a queue RPUSH and LPOP, and compare-and-set a script that Redis has compiled
// (EVALSHA), which compares the value itself: there is nothing shorter.
import type { Redis } from 'ioredis'
import type { Operation } from '../support/load.ts'
import { expectSame, forEachNumber, keyName, keyValue, listName, randomNumbers, Versions } from '../support/workload.ts'
import { fillingAtATime } from './redis-records.ts'

const itemsInList = 1_000
const script = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
`

type WithCommand = Redis & { benchCompareAndSet(key: string, old: string, next: string): Promise<number> }

export function ioredisKeyOperations(redis: Redis, records: number): Record<string, Operation> {
  redis.defineCommand('benchCompareAndSet', { numberOfKeys: 1, lua: script })
  const scripted = redis as WithCommand
  const nextId = randomNumbers(records)
  const versions = new Versions(records)
  let turn = 0
  return {
    async fillKeys() {
      await forEachNumber(records, fillingAtATime, (id) => redis.set(keyName(id), keyValue(id, 1)))
      await forEachNumber(itemsInList, fillingAtATime, (id) => redis.rpush(listName, keyValue(id, 1)))
      expectSame('a value', await redis.get(keyName(1)), keyValue(1, 1))
      expectSame('the length of the list', await redis.llen(listName), itemsInList)
    },
    increment: () => redis.incr(`counter:${nextId()}`),
    async compareAndSet() {
      const { id, version } = versions.next()
      const swapped = await scripted.benchCompareAndSet(keyName(id), keyValue(id, version), keyValue(id, version + 1))
      if (swapped !== 1) throw new Error('a value is not the one expected')
    },
    pushPop: () => {
      turn += 1
      return turn % 2 === 0 ? redis.lpop(listName) : redis.rpush(listName, keyValue(turn, 1))
    },
  }
}
