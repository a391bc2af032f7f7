// How calls become messages: what travels together and what does not, and the bounds within which it does.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { clientAndServer, clientOf, errorOf, outcomeOf } from '../support/clients.ts'
import { eventually } from '../support/eventually.ts'
import { ok, type ScriptedMessage, scriptedServer } from '../support/scripted-server.ts'
import type { Server } from '../support/sockets.ts'

const rows = (count: number): { id: number; n: number }[] => Array.from({ length: count }, (_, id) => ({ id, n: 0 }))

/** How many messages the server received while `run` ran. */
async function messagesDuring({ frontEnd }: Server, run: () => Promise<unknown>): Promise<number> {
  const before = frontEnd.statistics().messagesReceived
  await run()
  return frontEnd.statistics().messagesReceived - before
}

describe('calls', () => {
  it('of one turn of the event loop are one message for each shard and one for the router, and a large burst two', async () => {
    const { client, ...server } = await clientAndServer()
    const names = ['one', 'two', 'three']
    const tables = names.map((name) => client.table(name))
    expect(await messagesDuring(server, () => Promise.all(tables.map((table) => table.create())))).toBe(1)
    await Promise.all(tables.map((table) => table.replace(rows(512))))
    const [one, two] = tables as [(typeof tables)[0], (typeof tables)[0]]
    const patches = (count: number) => (): Promise<boolean[]> =>
      Promise.all(rows(count).map(({ id }) => one.patch(id, { n: id })))
    expect(await messagesDuring(server, patches(128))).toBe(1)
    expect(await messagesDuring(server, patches(512))).toBe(2)
    const mixed = () =>
      Promise.all(rows(100).flatMap(({ id }) => [one.get(id), two.patch(id, { n: 1 }), client.ping()]))
    expect(await messagesDuring(server, mixed)).toBe(3)
  })

  it('that follow each other leave one by one, without waiting for a timer', async () => {
    const { client, ...server } = await clientAndServer()
    const table = client.table('leads')
    await table.create()
    await table.insert({ n: 0 })
    const chain = async (): Promise<void> => {
      for (let n = 1; n <= 20; n += 1) await table.patch(1, { n })
    }
    expect(await messagesDuring(server, chain)).toBe(20)
    expect(await table.get(1)).toEqual({ id: 1, n: 20 })
  })

  it('that are many more than may be on their way wait for each other, in order, and leave no memory behind', async () => {
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    const heapMegabytes = (): number => {
      collectGarbage()
      return process.memoryUsage().heapUsed / 1e6
    }
    const { client, engine } = await clientAndServer()
    const table = client.table<{ id: number; n: number }>('leads')
    await table.create()
    await table.replace(rows(1_000))
    const patchAll = async (): Promise<void> => {
      const numbers = Array.from({ length: 100_000 }, (_, n) => n)
      const patched = await Promise.all(numbers.map((n) => table.patch(n % 1_000, { n })))
      expect(patched.every(Boolean)).toBe(true)
    }
    await patchAll()
    const before = heapMegabytes()
    await patchAll()
    expect(heapMegabytes() - before).toBeLessThan(5)
    expect((await table.all()).every(({ id, n }) => n === 99_000 + id)).toBe(true)
    expect(await engine.call({ cmd: 'GET_STATE_INFO', state: 'leads' })).toMatchObject({ version: 200_001 })
  })

  it('never hold more on its way than the limits of the server and the own bound', async () => {
    const waiting: ScriptedMessage[] = []
    const limits = { commands_per_message_max: 100, requests_in_flight_per_peer_max: 7, message_bytes_max: 20_000 }
    const server = await scriptedServer((message) => void waiting.push(message), limits)
    const client = await clientOf(server.endpoint)
    const calls = Array.from({ length: 2_000 }, (_, id) => client.table(`table ${id % 10}`).patch(id, { id }))
    let [mostWaiting, isOver] = [0, false]
    const all = Promise.all(calls).then(() => (isOver = true))
    await eventually('all are answered', () => {
      mostWaiting = Math.max(mostWaiting, waiting.length)
      for (const message of waiting.splice(0)) ok(message)
      return isOver
    })
    await all
    expect(mostWaiting).toBe(7)
    for (const { commands, routingKey } of server.messages) {
      expect(commands.length).toBeLessThanOrEqual(100)
      expect(commands.every(({ id }) => `table ${Number(id) % 10}` === routingKey)).toBe(true)
    }
    const sent = server.messages.filter(({ routingKey }) => routingKey === 'table 3')
    const ids = sent.flatMap(({ commands }) => commands.map(({ id }) => id as number))
    expect(ids).toEqual(ids.toSorted((one, other) => one - other))
    expect(ids).toHaveLength(200)
  })

  it('are at most 16,384 on their way, however many messages the server would take', async () => {
    const waiting: ScriptedMessage[] = []
    const server = await scriptedServer((message) => void waiting.push(message))
    const client = await clientOf(server.endpoint)
    const table = client.table('leads')
    const calls = Array.from({ length: 40_000 }, () => table.get(1))
    let [mostWaiting, isOver] = [0, false]
    const all = Promise.all(calls).then(() => (isOver = true))
    await eventually('all are answered', () => {
      const commands = waiting.reduce((sum, message) => sum + message.commands.length, 0)
      mostWaiting = Math.max(mostWaiting, commands)
      // Nothing is answered before the client has sent all that it may.
      if (mostWaiting >= 16_384) for (const message of waiting.splice(0)) ok(message)
      return isOver
    })
    await all
    expect(mostWaiting).toBe(16_384)
  })
})

describe('a big command', () => {
  it('travels alone, those before and behind it together', async () => {
    const { client, ...server } = await clientAndServer()
    const table = client.table<{ id: number; n: number }>('leads')
    await table.create()
    const calls = (): Promise<unknown> =>
      Promise.all([
        table.replace(rows(10)),
        table.get(1),
        table.replace(rows(1_001)),
        table.get(1_000),
        table.get(1_001),
        table.all(),
        table.get(5),
      ]).then(([, , , last, none]) => expect([last, none]).toEqual([{ id: 1_000, n: 0 }, null]))
    expect(await messagesDuring(server, calls)).toBe(5)
  })

  it('is refused in words if it is longer than the server takes', async () => {
    const { client } = await clientAndServer({ limits: { messageBytesMax: 100_000 } })
    const table = client.table('leads')
    await table.create()
    const text = 'x'.repeat(100_001)
    const [big, small] = await Promise.all([errorOf(table.insert({ text })), table.insert({ text: 'short' })])
    expect(big).toMatchObject({ code: 'LIMIT_EXCEEDED', details: { limit: 100_000 }, mayHaveRun: false })
    expect(small).toBe(1)
  })
})

describe('long records', () => {
  it('are sent in as many messages as it takes', async () => {
    const { client, engine } = await clientAndServer({ limits: { messageBytesMax: 100_000 } })
    const table = client.table<{ text: string }>('leads')
    await table.create()
    // Their length is told in characters, and each of these takes three bytes.
    const text = '€'.repeat(2_000)
    await Promise.all(rows(200).map(() => table.insert({ text })))
    expect(await engine.call({ cmd: 'GET_STATE_INFO', state: 'leads' })).toMatchObject({ current_length: 200 })
  })

  it('are read one by one where their replies do not fit into one message', async () => {
    const { client } = await clientAndServer({ limits: { replyBytesMax: 100_000 } })
    const table = client.table<{ text: string }>('leads')
    await table.create()
    const text = 'x'.repeat(30_000)
    await Promise.all(rows(10).map(() => table.insert({ text })))
    const read = await Promise.all(rows(10).map(({ id }) => table.get(id + 1)))
    expect(read.map((record) => record?.text.length)).toEqual(Array.from({ length: 10 }, () => 30_000))
    expect(await outcomeOf(table.all())).toBe('LIMIT_EXCEEDED')
  })
})

describe('the header of a message', () => {
  it('carries the session, counts the messages that write, and tells which of them are settled', async () => {
    const waiting: ScriptedMessage[] = []
    const server = await scriptedServer((message) => void waiting.push(message))
    const client = await clientOf(server.endpoint)
    const calls = ['one', 'two', 'three'].map((name) => client.table(name).patch(1, { n: 1 }))
    calls.push(client.table('one').get(1) as Promise<never>)
    await eventually('the writes are there', () => waiting.length === 3)
    const read = client.table('four').get(1)
    await eventually('the read is there', () => waiting.length === 4)
    // The second answer comes first: the first write is not settled by it.
    for (const index of [1, 3, 0]) ok(waiting[index] as ScriptedMessage)
    await Promise.all([calls[0], calls[1], read])
    const last = client.table('five').delete(1)
    await eventually('the last write is there', () => waiting.length === 5)
    waiting.slice(2).forEach(ok)
    await Promise.all([...calls, last])

    const headers = server.messages.map(({ header }) => header)
    expect(headers.map(({ writeNumber }) => Number(writeNumber))).toEqual([1, 2, 3, 0, 4])
    expect(headers.map(({ settled }) => Number(settled))).toEqual([1, 1, 1, 1, 3])
    expect(new Set(headers.map(({ session }) => session.toString('hex'))).size).toBe(1)
    expect(new Set(headers.map(({ requestNumber }) => requestNumber)).size).toBe(5)
  })
})
