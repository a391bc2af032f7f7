// Redis by ioredis with `enableAutoPipelining`, with which it is several times as fast when many calls are in flight.
import { Redis } from 'ioredis'
import { contactOf, expectSame, forEachNumber, leadOf, randomNumbers } from '../support/workload.ts'
import { watchingRedis } from './deliveries.ts'
import type { Driver, DriverOptions } from './driver.ts'
import { ioredisKeyOperations } from './ioredis-keys.ts'
import { ioredisLockOperations } from './lock-operations.ts'
import { fillingAtATime, keyOf, keysOf, textsOf } from './redis-records.ts'
import { ioredisSpreadOperations } from './spread-operations.ts'

export async function openIoredis({ endpoint, records }: DriverOptions): Promise<Driver> {
  const { hostname, port } = new URL(endpoint)
  const redis = new Redis({ host: hostname, port: Number(port), enableAutoPipelining: true })
  const watching = watchingRedis(redis)
  const nextId = randomNumbers(records)
  const keys = keysOf(records)
  const keyOperations = ioredisKeyOperations(redis, records)
  return {
    operations: {
      ...keyOperations,
      ...ioredisSpreadOperations(redis, keyOperations),
      ...ioredisLockOperations(redis, records),
      fillWatchers: () => watching.fillWatchers(),
      deliver: () => watching.deliver(),
      async fill() {
        await forEachNumber(records, fillingAtATime, (id) => redis.hset(keyOf(id), leadOf(id)))
        expectSame('a record', await redis.hgetall(keyOf(1)), textsOf(1))
      },
      patch: () => {
        const id = nextId()
        return redis.hset(keys[id] as string, 'score', id % 1_000)
      },
      get: () => redis.hgetall(keys[nextId()] as string),
      async fillContacts() {
        await forEachNumber(records, fillingAtATime, (id) => redis.hset(keyOf(id), contactOf(id)))
        expectSame('the number of records', await redis.dbsize(), records)
      },
    },
    async close() {
      await watching.close()
      await redis.quit()
    },
  }
}
