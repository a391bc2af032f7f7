// Calls on many names: one message for each shard where the server knows how, in the order of each name, whatever becomes of
// a message, a shard or a single call of it.
import { describe, expect, it } from 'vitest'
import { shardOf } from '../../src/base/placement.ts'
import type { Call } from '../../src/client/call.ts'
import { CallQueue, lanesAt } from '../../src/client/call-queue.ts'
import type { ServerInfo } from '../../src/client/server-info.ts'
import { clientAndServer, clientOf, outcomeOf } from '../support/clients.ts'
import { eventually } from '../support/eventually.ts'
import { ok, type ScriptedMessage, type ScriptedServer, scriptedServer } from '../support/scripted-server.ts'

const bounds = { commandsMax: 1_000, bytesMax: 100_000 }
const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `name ${n}`)

function messagesOf(calls: readonly string[], server: Partial<ServerInfo>): string[] {
  const queue = new CallQueue()
  for (const [sequence, text] of calls.entries()) {
    const [routingKey = '', alone] = text.split(':')
    queue.push({ routingKey, isAlone: alone === 'alone', bytes: 1, sequence, isOver: false } as Call)
  }
  const room = { messages: 1_000, commands: 1_000, bytes: 1_000 }
  const messages = queue.takeMessages(room, bounds, () => false, lanesAt(server as ServerInfo))
  return messages.map((message) => message.map(({ routingKey }) => routingKey).join(' '))
}

describe('a queue of calls', () => {
  it('puts all on the names of a shard into one message, and those for the router into another', () => {
    expect(messagesOf(['a', '', 'b', 'a', '', 'c'], { spreads: true, shards: 1 })).toEqual(['a b a c', ' '])
    const many = names(40)
    const messages = messagesOf(many, { spreads: true, shards: 4 })
    expect(messages).toHaveLength(4)
    for (const [index, message] of messages.entries()) {
      const shard = shardOf(message.slice(0, 'name 0'.length), 4)
      expect(message, `message ${index}`).toBe(many.filter((name) => shardOf(name, 4) === shard).join(' '))
    }
  })

  it('makes a message of each name for a server that does not know better', () => {
    expect(messagesOf(['a', 'b', 'a', ''], { spreads: false, shards: 1 })).toEqual(['a a', 'b', ''])
  })

  it('sends one that waits alone, behind what came before on its name, and before what came after', () => {
    const calls = ['a', 'b', 'a:alone', 'b', 'c', 'a', 'b']
    expect(messagesOf(calls, { spreads: true, shards: 1 })).toEqual(['a b b c', 'a', 'a b'])
    expect(messagesOf(['a:alone', 'b', 'a'], { spreads: true, shards: 1 })).toEqual(['a', 'b a'])
  })
})

async function spreading(answer: (message: ScriptedMessage) => void): Promise<ScriptedServer> {
  const server = await scriptedServer(answer)
  server.features = ['spread']
  return server
}

describe('calls on many names', () => {
  it('are one message, each answered with its own reply, whatever they are on', async () => {
    const { client, frontEnd } = await clientAndServer()
    const before = frontEnd.statistics().messagesReceived
    const locks = names(50).map((name) => client.lock(name))
    const counters = names(50).map((name, n) => client.keys(name).increment('n', n))
    const missing = names(10).map((name) => outcomeOf(client.table(`no ${name}`).get(1)))
    expect((await Promise.all(locks)).map((held) => held?.lock)).toEqual(names(50))
    expect(await Promise.all(counters)).toEqual(names(50).map((_, n) => n))
    expect(new Set(await Promise.all(missing))).toEqual(new Set(['STATE_NOT_FOUND']))
    expect(frontEnd.statistics().messagesReceived - before).toBe(1)
  })

  it('come in the form of one name each to a server that does not say that it knows the other', async () => {
    const server = await scriptedServer(ok)
    const client = await clientOf(server.endpoint)
    await Promise.all(names(3).map((name) => client.table(name).patch(1, {})))
    expect(server.messages.map(({ header, routingKey }) => [header.isSpread, routingKey])).toEqual(
      names(3).map((name) => [false, name]),
    )
  })

  it('wait together when their message is refused for a while, and others go on', async () => {
    let refusals = 1
    const server = await spreading((message) => {
      refusals -= 1
      if (refusals < 0) ok(message)
      else message.reply({ status: 'error', code: 'OVERLOADED', message: 'as planned' })
    })
    const client = await clientOf(server.endpoint)
    const done: string[] = []
    const patch = (name: string, id: number): Promise<void> =>
      client
        .table(name)
        .patch(id, {})
        .then(() => void done.push(`${name}${id}`))
    const first = [patch('a', 1), patch('b', 1)]
    await eventually('it was refused', () => refusals === 0)
    await client.ping()
    await Promise.all([...first, patch('b', 2), patch('c', 1), patch('a', 2)])
    expect(done.slice().sort()).toEqual(['a1', 'a2', 'b1', 'b2', 'c1'])
    for (const name of ['a', 'b']) expect(done.indexOf(`${name}1`)).toBeLessThan(done.indexOf(`${name}2`))
    const [refused, ...sent] = server.messages
    const again = sent.find(({ header }) => header.writeNumber === refused?.header.writeNumber)
    expect([again?.names, again?.header.isAgain]).toEqual([['a', 'b'], false])
  })

  it('are split anew for a server that has other shards by now, where they cannot have run', async () => {
    let isFull = true
    const server = await spreading((message) => {
      if (isFull) message.reply({ status: 'error', code: 'OVERLOADED', message: 'as planned' })
      else ok(message)
    })
    const client = await clientOf(server.endpoint)
    const patches = names(8).map((name) => client.table(name).patch(1, {}))
    // So often that they wait for long now: none is on its way when the server ends.
    await eventually('they were refused', () => server.messages.length === 8)
    server.stop()
    Object.assign(server, { shards: 4, instance: 2 })
    isFull = false
    const before = server.messages.length
    await server.start()
    expect(await Promise.all(patches)).toEqual(names(8).map(() => true))
    for (const { names: together = [] } of server.messages.slice(before)) {
      expect(new Set(together.map((name) => shardOf(name, 4))).size).toBeLessThan(2)
    }
  })

  it('are told that nobody knows, where they may have run on a server that had other shards', async () => {
    const server = await spreading(() => {})
    server.durability = 'strict'
    const client = await clientOf(server.endpoint)
    const patches = names(8).map((name) => outcomeOf(client.table(name).patch(1, {})))
    await eventually('they came', () => server.messages.length > 0)
    server.stop()
    Object.assign(server, { shards: 4, instance: 2 })
    await server.start()
    expect(new Set(await Promise.all(patches))).toEqual(new Set(['OUTCOME_UNKNOWN']))
  })

  it('are told early what ran, while others of their message wait, and once only', async () => {
    const waiting: ScriptedMessage[] = []
    const server = await spreading((message) => void waiting.push(message))
    const client = await clientOf(server.endpoint)
    const [held, free, refused] = ['held', 'free', 'refused'].map((name) => client.table(name).patch(1, {}))
    await eventually('it came', () => waiting.length === 1)
    const [message] = waiting as [ScriptedMessage]
    const fine = { status: 'ok', patched: true, version: 1 }
    const not = { status: 'error', code: 'STATE_NOT_FOUND', message: 'as planned' }
    message.early([1, 2, 77], [fine, not])
    expect(await free).toBe(true)
    let isTold = false
    const others = Promise.all([held, outcomeOf(refused as Promise<unknown>)]).finally(() => (isTold = true))
    await client.ping()
    expect(isTold).toBe(false)
    message.reply([fine, fine, not])
    expect(await others).toEqual([true, 'STATE_NOT_FOUND'])
  })

  it('fail only where they are on a shard that dies, and go on when it is back', async () => {
    const { client, engine } = await clientAndServer({ shards: 2, faultsEnabled: true }, { retry: false })
    const lost = names(40).find((name) => shardOf(name, 2) === 1)
    await Promise.all(names(40).map((name) => client.keys(name).increment('n')))
    await engine.injectFault(1, 'throw')
    const all = names(40)
    const outcomes = await Promise.all(all.map((name) => outcomeOf(client.keys(name).increment('n'))))
    const of = (shard: number) => new Set(outcomes.filter((_, n) => shardOf(all[n] as string, 2) === shard))
    expect(of(0)).toEqual(new Set(['ok']))
    expect(of(1)).toEqual(new Set(['OUTCOME_UNKNOWN']))
    const again = (): Promise<string> => outcomeOf(client.keys(lost).increment('n'))
    await eventually('the shard is back', async () => (await again()) === 'ok')
  })
})
