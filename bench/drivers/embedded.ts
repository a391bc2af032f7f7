// The engine inside the generator's own process, without threads and without a socket.
import { openEngine } from '../../src/engine.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import {
  expectSame,
  forEachNumber,
  getCommand,
  leadOf,
  patchCommand,
  randomNumbers,
  tableName,
} from '../support/workload.ts'
import type { Driver, DriverOptions } from './driver.ts'
import { keyOperations } from './key-operations.ts'
import { lockOperations } from './lock-operations.ts'
import { spreadOperations } from './spread-operations.ts'

export async function openEmbedded({ records, recordsUsed = records, ttlMs }: DriverOptions): Promise<Driver> {
  const engine = await openEngine({ shards: 0 })
  const nextId = randomNumbers(records)
  const call = async (command: JsonObject): Promise<JsonObject> => {
    const reply = await engine.call(command)
    if (reply.status !== 'ok') throw new Error(JSON.stringify(reply))
    return reply
  }
  return {
    operations: {
      ...lockOperations(engine, records),
      ...spreadOperations(engine, records),
      ...keyOperations(engine.keys('keys'), { records, recordsUsed, ttlMs }),
      async fill() {
        await call({ cmd: 'CREATE_STATE', state: tableName })
        await forEachNumber(records, 1_000, (id) =>
          call({ cmd: 'CREATE_RECORD', state: tableName, data: { id, ...leadOf(id) } }),
        )
        const { record } = await call(getCommand(tableName, 1))
        expectSame('a record', record, { id: 1, ...leadOf(1) })
      },
      patch: () => call(patchCommand(tableName, nextId())),
      get: () => call(getCommand(tableName, nextId())),
    },
    close: () => engine.close(),
  }
}
