// Redis by the two clients that Node has for it. ioredis gets `enableAutoPipelining`, with which it is several times as
// fast when many calls are in flight; node-redis does that by itself, and speaks RESP3 by default, whose maps need no
// pairing. Keys are made beforehand, which spares Redis's clients the work. Records are hashes, so small that Redis keeps
// them as listpacks, its most compact and fastest form.
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { contactOf, expectSame, forEachNumber, leadOf, randomNumbers } from '../support/workload.ts'
import type { Driver, DriverOptions } from './driver.ts'

const fillingAtATime = 4_096

function keyOf(id: number): string {
  return `lead:${id}`
}

/** What HGETALL gives for a lead: Redis knows nothing but text. */
function textsOf(id: number): Record<string, string> {
  return Object.fromEntries(Object.entries(leadOf(id)).map(([field, value]) => [field, String(value)]))
}

function keysOf(count: number): string[] {
  return Array.from({ length: count + 1 }, (_, id) => keyOf(id))
}

export async function openIoredis({ endpoint, records }: DriverOptions): Promise<Driver> {
  const { hostname, port } = new URL(endpoint)
  const redis = new Redis({ host: hostname, port: Number(port), enableAutoPipelining: true })
  const nextId = randomNumbers(records)
  const keys = keysOf(records)
  return {
    operations: {
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
      await redis.quit()
    },
  }
}

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
