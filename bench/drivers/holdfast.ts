// Holdfast's own client, over ZeroMQ, with its defaults: it gathers the calls of a turn by itself.
import { connect } from '../../src/client/index.ts'
import { contactOf, expectSame, forEachNumber, leadOf, randomNumbers, tableName } from '../support/workload.ts'
import { watchingHoldfast } from './deliveries.ts'
import type { Driver, DriverOptions } from './driver.ts'
import { keyOperations } from './key-operations.ts'
import { lockOperations } from './lock-operations.ts'
import { machineOperations } from './machine-operations.ts'
import { spreadOperations, transactionOperations } from './spread-operations.ts'

/** Calls that are in flight while a table is filled. */
const fillingAtATime = 4_096

export async function openHoldfast(options: DriverOptions): Promise<Driver> {
  const { endpoint, records, recordsUsed = records, tables = [tableName], ttlMs, watchers } = options
  const client = await connect(endpoint, { timeoutMs: 300_000 })
  const leads = tables.map((name) => client.table<{ name: string; status: string; score: number }>(name))
  const watching = watchingHoldfast(client, endpoint, watchers)
  const nextId = randomNumbers(recordsUsed)
  let turn = 0
  const next = () => leads[(turn = (turn + 1) % leads.length)] as (typeof leads)[number]
  const contacts = client.table<ReturnType<typeof contactOf>>('contacts')
  const small = client.table<ReturnType<typeof smallOf>>('small')
  return {
    operations: {
      ...machineOperations(client, records),
      ...lockOperations(client, records),
      ...spreadOperations(client, records),
      ...transactionOperations(client),
      fillWatchers: () => watching.fillWatchers(),
      deliver: () => watching.deliver(),
      write: () => watching.write(),
      ...keyOperations(client.keys('keys'), { records, recordsUsed, ttlMs }),
      async fill() {
        for (const table of leads) {
          await table.create()
          await forEachNumber(records, fillingAtATime, (id) => table.insert({ id, ...leadOf(id) }))
          expectSame('a record', await table.get(1), { id: 1, ...leadOf(1) })
        }
      },
      patch: () => {
        const id = nextId()
        return next().patch(id, { score: id % 1_000 })
      },
      get: () => next().get(nextId()),
      async fillContacts() {
        await contacts.create()
        await forEachNumber(records, fillingAtATime, (id) => contacts.insert({ id, ...contactOf(id) }))
        expectSame('the number of records', (await contacts.info()).currentLength, records)
      },
      fillStates: () => forEachNumber(records, fillingAtATime, (id) => client.keys(`s${id}`).set('a', id)),
      async fillSmall() {
        await small.create()
        await forEachNumber(records, fillingAtATime, (id) => small.insert({ id, ...smallOf(id) }))
      },
      async listSmall() {
        expectSame('the number of records', (await small.all()).length, records)
      },
      async replaceSmall() {
        const rows = rowsOfLargestMessage(client.server.limits.messageBytesMax)
        expectSame('the number of records', (await small.replace(rows)).accepted, rows.length)
      },
    },
    async close() {
      await watching.close()
      await client.close()
    },
  }
}

function smallOf(id: number): { n: number; tag: string } {
  return { n: id % 100, tag: 'abc' }
}

/** As many rows as nearly fill a message, however it is encoded. */
function rowsOfLargestMessage(bytesMax: number): { id: number; n: number; tag: string }[] {
  const bytesPerRow = JSON.stringify({ id: 9_999_999, ...smallOf(99) }).length + 1
  const length = Math.floor((bytesMax * 0.98) / bytesPerRow)
  return Array.from({ length }, (_, index) => ({ id: index + 1, ...smallOf(index + 1) }))
}
