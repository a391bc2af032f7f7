// The front end as clients in any language meet it: plain and routed messages over real sockets, to a real engine.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Request } from 'zeromq'
import { ZmqFrontEnd } from '../../src/frontend/zmq.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { eventually } from '../support/eventually.ts'
import { ask, askRouted, dealer, nextReply, nextRoutedReply, requestHeader, serve } from '../support/sockets.ts'

const pong = { status: 'ok', pong: true }
const rows = (count: number): JsonObject[] =>
  Array.from({ length: count }, (_, row) => ({ name: `row ${row}`, n: row }))

describe('a plain message', () => {
  it('of a REQ socket is answered behind the empty frame that REQ expects', async () => {
    const { endpoint } = await serve()
    const socket = new Request({ linger: 0 })
    onTestFinished(() => socket.close())
    socket.connect(endpoint)
    for (const id of [1, 2]) {
      await socket.send(JSON.stringify({ cmd: 'PING', request_id: id }))
      const frames = await socket.receive()
      expect(frames.map(String).map((frame) => JSON.parse(frame) as JsonObject)).toEqual([{ ...pong, request_id: id }])
    }
  })

  it('of a DEALER is answered in the form in which it came', async () => {
    const { endpoint } = await serve()
    const socket = dealer(endpoint)
    await socket.send(['', '{"cmd":"PING"}'])
    expect((await socket.receive()).map(String)).toEqual(['', JSON.stringify(pong)])
    await socket.send('{"cmd":"PING"}')
    expect((await socket.receive()).map(String)).toEqual([JSON.stringify(pong)])
  })

  it.each([{ shards: 0 }, { shards: 2 }])(
    'of many commands gets all replies in its order, each with its request_id ($shards threads)',
    async ({ shards }) => {
      const { endpoint } = await serve({ shards })
      const commands = ['one', 'two', 'three'].flatMap((state) => [
        { cmd: 'CREATE_STATE', state, request_id: `create ${state}` },
        { cmd: 'CREATE_RECORD', state, data: { n: 1 }, request_id: `record ${state}` },
      ])
      const message = [...commands, { cmd: 'NONSENSE', request_id: 9 }, { cmd: 'LIST_STATES' }, { cmd: 'PING' }]
      const replies = await ask<JsonObject[]>(dealer(endpoint), message)
      expect(replies.map((reply) => reply.request_id)).toEqual([
        'create one',
        'record one',
        'create two',
        'record two',
        'create three',
        'record three',
        9,
        undefined,
        undefined,
      ])
      expect(replies.map((reply) => reply.code ?? reply.status)).toEqual(
        message.map((command) => (command.cmd === 'NONSENSE' ? 'UNKNOWN_COMMAND' : 'ok')),
      )
      expect(replies[7]).toEqual({ status: 'ok', states: ['one', 'three', 'two'] })
    },
  )

  it('may ask for more than fits into a reply: what does not fit is refused, and what was written is not', async () => {
    const { endpoint } = await serve({ limits: { replyBytesMax: 60_000 } })
    const socket = dealer(endpoint)
    await ask(socket, [
      { cmd: 'CREATE_STATE', state: 'a' },
      { cmd: 'SET_STATE', state: 'a', data: rows(1_000) },
    ])
    const list = { cmd: 'LIST_RECORDS', state: 'a', request_id: 'list' }
    const write = { cmd: 'CREATE_RECORD', state: 'a', data: { name: 'x', n: 0 } }
    const replies = await ask<JsonObject[]>(socket, [list, list, write, { cmd: 'GET_RECORD', state: 'a', id: 1_001 }])
    const [first, second, ...others] = replies.map((reply) => reply.code ?? reply.status)
    // The lists are encoded in steps, so either may be the one that comes too late to fit.
    expect(new Set([first, second])).toEqual(new Set(['ok', 'LIMIT_EXCEEDED']))
    expect(others).toEqual(['ok', 'ok'])
    expect(replies.find(({ code }) => code !== undefined)).toMatchObject({ limit: 60_000, request_id: 'list' })
    expect(replies[3]).toMatchObject({ record: { id: 1_001 } })
  })

  it('has its reply put together from many chunks, alone and in an array', async () => {
    const { endpoint } = await serve({ shards: 2, parser: 'pool' })
    const socket = dealer(endpoint)
    await ask(socket, { cmd: 'CREATE_STATE', state: 'a' })
    expect(await ask(socket, { cmd: 'SET_STATE', state: 'a', data: rows(30_000) })).toMatchObject({ accepted: 30_000 })
    const list = { cmd: 'LIST_RECORDS', state: 'a' }
    const alone = await ask(socket, list)
    expect(alone.records).toHaveLength(30_000)
    const together = await ask<JsonObject[]>(socket, [{ cmd: 'PING' }, list, { cmd: 'PING' }, list])
    expect(together).toEqual([pong, alone, pong, alone])
  })
})

describe('a message of one client', () => {
  it.each([
    ['the parser threads', 'pool' as const],
    ['the thread of the front end', 'here' as const],
  ])('is taken up after a large one that came before it, which %s parses', async (_who, parser) => {
    const { endpoint, frontEnd } = await serve({ shards: 2, parser })
    const socket = dealer(endpoint)
    await ask(socket, { cmd: 'CREATE_STATE', state: 'a' })
    const sent = [
      { cmd: 'SET_STATE', state: 'a', data: rows(20_000) },
      { cmd: 'PATCH_RECORD', state: 'a', id: 20_000, data: { n: -1 } },
      { cmd: 'SET_STATE', state: 'a', data: rows(10_000) },
      { cmd: 'CREATE_RECORD', state: 'a', data: { name: 'x', n: 0 } },
      ...Array.from({ length: 300 }, () => ({ cmd: 'PATCH_RECORD', state: 'a', id: 10_001, data: { n: 1 } })),
    ]
    for (const [index, command] of sent.entries()) {
      await socket.send(JSON.stringify({ ...command, request_id: index }))
    }
    const replies = new Map<unknown, JsonObject>()
    for (const _ of sent) {
      const reply = await nextReply(socket)
      replies.set(reply.request_id, reply)
    }
    const versions = sent.map((_, index) => Number(replies.get(index)?.version))
    expect(versions).toEqual(sent.map((_, index) => index + 1))
    expect(replies.get(1)).toMatchObject({ patched: true })
    expect(replies.get(3)).toMatchObject({ id: 10_001 })
    expect(frontEnd.statistics()).toMatchObject({ largeMessages: 0, repliesQueued: 0 })
  })

  it('on one state is run in the order of its sending, whatever other clients do', { timeout: 30_000 }, async () => {
    const { endpoint, engine } = await serve({ shards: 2 })
    const [clients, commands] = [50, 200]
    const run = async (client: number): Promise<void> => {
      const socket = dealer(endpoint)
      const state = `state ${client}`
      await ask(socket, [
        { cmd: 'CREATE_STATE', state },
        { cmd: 'CREATE_RECORD', state, data: { sequence: 0 } },
      ])
      const versions: unknown[] = []
      const read = async (): Promise<void> => {
        for (let count = 0; count < commands; count += 1) versions.push((await nextReply(socket)).version)
      }
      const reading = read()
      for (let sequence = 1; sequence <= commands; sequence += 1) {
        await socket.send(JSON.stringify({ cmd: 'PATCH_RECORD', state, id: 1, data: { sequence } }))
      }
      await reading
      expect(versions).toEqual(Array.from({ length: commands }, (_, index) => index + 2))
      const { record } = await engine.call({ cmd: 'GET_RECORD', state, id: 1 })
      expect(record).toEqual({ id: 1, sequence: commands })
    }
    await Promise.all(Array.from({ length: clients }, (_, client) => run(client)))
  })
})

describe('a routed message', () => {
  it.each([{ shards: 0 }, { shards: 2 }])(
    'is run by the shard of its routing key, with or without an empty frame ($shards threads)',
    async ({ shards }) => {
      const { endpoint, engine } = await serve({ shards })
      const socket = dealer(endpoint)
      const created = await askRouted(socket, 'é', [{ cmd: 'CREATE_STATE' }, { cmd: 'PING', request_id: 3 }])
      expect(created.header).toEqual({
        version: 1,
        codec: 1,
        requestNumber: 7,
        isError: false,
        isEarly: false,
        instance: engine.router.instance,
      })
      expect(created.body).toMatchObject([{ created: true }, { code: 'INVALID_REQUEST', request_id: 3 }])
      await socket.send(['', requestHeader({ trace: Buffer.alloc(26, 1) }), 'é', '[{"cmd":"GET_STATE_INFO"}]'])
      expect((await socket.receive()).map((frame) => frame.length)).toEqual([0, 16, expect.any(Number)])
    },
  )

  it('without a routing key is run by the router', async () => {
    const { endpoint } = await serve({ shards: 2 })
    const socket = dealer(endpoint)
    const { header, body } = await askRouted(socket, '', [
      { cmd: 'HELLO' },
      { cmd: 'CREATE_STATE', state: 'a' },
      { cmd: 'LIST_STATES' },
      { cmd: 'CREATE_STATE' },
    ])
    expect(header.isError).toBe(false)
    expect(body).toMatchObject([
      { status: 'ok', protocol: 1, instance: header.instance },
      { created: true },
      { states: ['a'] },
      { code: 'INVALID_REQUEST' },
    ])
  })

  it.each([
    ['of no array', 'a', '{"cmd":"GET_STATE_INFO"}', 'INVALID_REQUEST'],
    ['of no array, for the router', '', '{"cmd":"PING"}', 'INVALID_REQUEST'],
    ['of no JSON', 'a', 'hello', 'INVALID_JSON'],
    ['of no JSON in an array', 'a', '[hello]', 'INVALID_JSON'],
    ['of no JSON, for the router', '', '[hello]', 'INVALID_JSON'],
    ['of no UTF-8', 'a', Buffer.from([0x5b, 0xff, 0x5d]), 'INVALID_JSON'],
    ['of no command', 'a', '[]', 'INVALID_REQUEST'],
    ['of no command, for the router', '', '[]', 'INVALID_REQUEST'],
    ['of too many commands', 'a', `[${'{},'.repeat(1_000)}{}]`, 'LIMIT_EXCEEDED'],
    ['of nothing', 'a', '', 'INVALID_JSON'],
  ])('with a body %s is refused as a whole: one object, flagged as an error', async (_what, key, body, code) => {
    const { endpoint } = await serve()
    const reply = await askRouted(dealer(endpoint), key, body)
    expect(reply.header).toMatchObject({ isError: true, requestNumber: 7 })
    expect(reply.body).toMatchObject({ status: 'error', code })
  })

  it.each([
    ['protocol version', 1, 200],
    ['codec', 2, 77],
  ])('of an unknown %s is refused in JSON, with its own numbers echoed', async (what, index, value) => {
    const { endpoint, frontEnd } = await serve()
    const socket = dealer(endpoint)
    const header = requestHeader()
    header[index] = value
    await socket.send([header, 'a', 'whatever'])
    const reply = await nextRoutedReply(socket)
    expect(reply.header).toMatchObject({
      isError: true,
      requestNumber: 7,
      [what === 'codec' ? 'codec' : 'version']: value,
    })
    expect(reply.body).toMatchObject({ code: 'UNSUPPORTED', message: `Unsupported: ${what} ${value}` })
    expect(frontEnd.statistics().messagesRefused).toBe(1)
  })

  it.each([{ state: 'a' }, {}])(
    'with a long list is answered as an array, before what came after it (%j)',
    async (extra) => {
      const { endpoint } = await serve({ shards: 2, parser: 'pool' })
      const socket = dealer(endpoint)
      await askRouted(socket, 'a', [{ cmd: 'CREATE_STATE' }])
      await socket.send([
        requestHeader({ requestNumber: 1 }),
        'a',
        JSON.stringify([{ cmd: 'SET_STATE', ...extra, data: rows(20_000) }]),
      ])
      await socket.send([requestHeader({ requestNumber: 2 }), 'a', '[{"cmd":"GET_STATE_INFO"}]'])
      const [set, info] = [await nextRoutedReply(socket), await nextRoutedReply(socket)]
      expect(set.header).toMatchObject({ requestNumber: 1, isError: false })
      expect(set.body).toMatchObject([{ accepted: 20_000, version: 1 }])
      expect(info.body).toMatchObject([{ current_length: 20_000, version: 1 }])
    },
  )

  it('with a long list for another state than its routing key is refused', async () => {
    const { endpoint } = await serve({ parser: 'pool' })
    const socket = dealer(endpoint)
    await ask(socket, [
      { cmd: 'CREATE_STATE', state: 'a' },
      { cmd: 'CREATE_STATE', state: 'b' },
    ])
    const { body } = await askRouted(socket, 'a', [{ cmd: 'SET_STATE', state: 'b', data: rows(20_000) }])
    expect(body).toMatchObject([{ code: 'INVALID_REQUEST', message: expect.stringContaining('routing key') }])
    expect(await ask(socket, { cmd: 'GET_STATE_INFO', state: 'b' })).toMatchObject({ version: 0 })
  })
})

describe('a message that is too large', () => {
  const limits = { messageBytesMax: 200_000 }

  it('is refused in words up to twice the limit', async () => {
    const { endpoint } = await serve({ limits })
    const socket = dealer(endpoint)
    const refused = {
      status: 'error',
      code: 'LIMIT_EXCEEDED',
      message: 'The size of the message in bytes exceeds the limit (200000)',
      what: 'The size of the message in bytes',
      limit: 200_000,
    }
    expect(await ask(socket, ' '.repeat(200_001))).toEqual(refused)
    const routed = await askRouted(socket, 'a', ' '.repeat(200_001))
    expect(routed).toMatchObject({ header: { isError: true, requestNumber: 7 }, body: refused })
    expect(await ask(socket, `${' '.repeat(199_986)}{"cmd":"PING"}`)).toEqual(pong)
  })

  it('ends the connection beyond that, and nobody else notices', async () => {
    const { endpoint, frontEnd } = await serve({ limits })
    const [offender, other] = [dealer(endpoint), dealer(endpoint)]
    await ask(offender, { cmd: 'PING' })
    await ask(other, { cmd: 'PING' })
    expect(frontEnd.statistics().peers).toBe(2)
    await offender.send(' '.repeat(500_000))
    await eventually('the offender is cut off', () => frontEnd.statistics().peers === 1)
    expect(await ask(other, { cmd: 'PING' })).toEqual(pong)
    // The socket connects again by itself.
    expect(await ask(offender, { cmd: 'PING' })).toEqual(pong)
  })
})

describe('the endpoints', () => {
  it('may be several, of several kinds, and are named with their real ports', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const path = `ipc://${folder}/socket`
    const { frontEnd } = await serve({ endpoints: ['tcp://127.0.0.1:0', path, 'tcp://127.0.0.1:0'] })
    const [first = '', second = '', third = ''] = frontEnd.endpoints
    expect(second).toBe(path)
    for (const endpoint of [first, third]) expect(endpoint).toMatch(/^tcp:\/\/127\.0\.0\.1:[1-9]\d*$/)
    expect(first).not.toBe(third)
    for (const endpoint of frontEnd.endpoints) expect(await ask(dealer(endpoint), { cmd: 'PING' })).toEqual(pong)
    expect(frontEnd.statistics().peers).toBe(3)
  })

  it('are had all or none', async () => {
    const { endpoint: taken, engine } = await serve()
    const other = await serve()
    await other.close()
    const options = { router: engine.router, limits: engine.limits, log: { info() {}, warn() {}, error() {} } }
    const bind = (...endpoints: string[]): Promise<ZmqFrontEnd> => ZmqFrontEnd.bind({ ...options, endpoints })
    await expect(bind(other.endpoint, taken)).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await eventually('the first one is free again', async () => {
      const frontEnd = await bind(other.endpoint).catch(() => undefined)
      await frontEnd?.close()
      return frontEnd !== undefined
    })
  })
})

describe('closing', () => {
  it.each([{ shards: 0 }, { shards: 2 }])(
    'sends the answers to all that was read before it closes the socket ($shards threads)',
    async ({ shards }) => {
      const server = await serve({ shards, parser: 'pool' })
      const socket = dealer(server.endpoint)
      await ask(socket, [
        { cmd: 'CREATE_STATE', state: 'a' },
        { cmd: 'SET_STATE', state: 'a', data: rows(20) },
      ])
      const count = 1_000
      const list = JSON.stringify({ cmd: 'LIST_RECORDS', state: 'a' })
      for (let sent = 0; sent < count; sent += 1) await socket.send(list)
      await eventually('all is read', () => server.frontEnd.statistics().messagesReceived === count + 1)
      const closed = server.close()
      for (let received = 0; received < count; received += 1) {
        expect(await nextReply(socket)).toMatchObject({ status: 'ok', version: 1 })
      }
      await closed
      expect(server.frontEnd.statistics()).toMatchObject({ repliesQueued: 0, repliesSent: count + 1 })
      await server.frontEnd.close()
    },
  )

  it('waits two seconds for a client that does not read, and then gives up on it', async () => {
    const server = await serve()
    const deaf = dealer(server.endpoint, { receiveHighWaterMark: 1, receiveBufferSize: 4_096 })
    await deaf.send(
      JSON.stringify([
        { cmd: 'CREATE_STATE', state: 'a' },
        { cmd: 'SET_STATE', state: 'a', data: rows(250) },
      ]),
    )
    const list = JSON.stringify({ cmd: 'LIST_RECORDS', state: 'a' })
    while (server.frontEnd.statistics().repliesQueued === 0) {
      await deaf.send(list)
      await new Promise(setImmediate)
    }
    const startedAt = performance.now()
    await server.close()
    expect(performance.now() - startedAt).toBeLessThan(4_000)
  })
})
