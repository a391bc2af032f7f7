// Redis by node-redis, which pipelines by itself, and speaks RESP3 by default, whose maps need no pairing.
import { createClient } from 'redis'
import { expectSame, forEachNumber, leadOf, randomNumbers } from '../support/workload.ts'
import type { Driver, DriverOptions } from './driver.ts'
import { fillingAtATime, keyOf, keysOf, textsOf } from './redis-records.ts'

export async function openNodeRedis({ endpoint, records }: DriverOptions): Promise<Driver> {
  const client = createClient({ url: endpoint })
  await client.connect()
  const nextId = randomNumbers(records)
  const keys = keysOf(records)
  return {
    operations: {
      async fill() {
        await forEachNumber(records, fillingAtATime, (id) => client.hSet(keyOf(id), leadOf(id)))
        expectSame('a record', await client.hGetAll(keyOf(1)), textsOf(1))
      },
      patch: () => {
        const id = nextId()
        return client.hSet(keys[id] as string, 'score', id % 1_000)
      },
      get: () => client.hGetAll(keys[nextId()] as string),
    },
    async close() {
      await client.close()
    },
  }
}
