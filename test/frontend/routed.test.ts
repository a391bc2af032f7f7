// Routed messages over a real socket, in both codecs: what goes in as JSON or MessagePack comes out the same.
import { describe, expect, it } from 'vitest'
import { type Codec, type CodecCommand, jsonCodec } from '../../src/protocol/codec.ts'
import { readReplyHeader, writeRequestHeader } from '../../src/protocol/frames.ts'
import { encodePacked, messagePackCodec } from '../../src/protocol/message-pack.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { dealer, serve } from '../support/sockets.ts'

type Socket = ReturnType<typeof dealer>

interface Reply {
  readonly isError: boolean
  readonly body: Buffer
}

async function send(socket: Socket, codec: number, key: string, body: Uint8Array, wantsMaps = false): Promise<Reply> {
  const session = Buffer.alloc(16, 7)
  const numbers = { requestNumber: 77, writeNumber: 0, settled: 0, isAgain: false, isSpread: false, trace: undefined }
  await socket.send([writeRequestHeader({ codec, wantsMaps, session, ...numbers }), key, Buffer.from(body)])
  const [header, reply] = (await socket.receive()) as [Buffer, Buffer]
  const read = readReplyHeader(header)
  expect(read).toMatchObject({ codec, requestNumber: 77 })
  return { isError: read?.isError ?? false, body: reply }
}

async function run(socket: Socket, codec: Codec, key: string, ...commands: CodecCommand[]): Promise<JsonObject[]> {
  const { isError, body } = await send(socket, codec.number, key, codec.encodeCommands(commands))
  if (isError) return [JSON.parse(body.toString()) as JsonObject]
  return codec.decodeReplies(body, commands)
}

const rows = (count: number): JsonObject[] => Array.from({ length: count }, (_, n) => ({ name: `row ${n}`, n }))

describe.each([
  ['JSON', jsonCodec],
  ['MessagePack', messagePackCodec],
])('a routed message in %s', (_name, codec) => {
  it('answers each command with its documented reply', async () => {
    const { endpoint } = await serve({})
    const socket = dealer(endpoint)
    const replies = await run(
      socket,
      codec,
      's',
      { name: 'CREATE_STATE', args: { max_length: 3 } },
      { name: 'SET_STATE', args: { data: rows(2) } },
      { name: 'CREATE_RECORD', args: { data: { name: 'x', n: 9 } } },
      { name: 'PATCH_RECORD', args: { id: 3, data: { z: 1 } } },
      { name: 'PATCH_RECORD', args: { id: 3, data: { n: 10 } } },
      { name: 'GET_RECORD', args: { id: 3 } },
      { name: 'GET_RECORD', args: { id: 'none' } },
      { name: 'LIST_RECORDS', args: { limit: 2 } },
      { name: 'GET_SCHEMA', args: {} },
      { name: 'DELETE_STATE', args: {} },
      { name: 'GET_SCHEMA', args: {} },
    )
    expect(replies).toEqual([
      { status: 'ok', created: true, max_length: 3, version: 0 },
      { status: 'ok', accepted: 2, dropped: 0, version: 1 },
      { status: 'ok', id: 3, version: 2 },
      { status: 'error', code: 'UNKNOWN_FIELDS', message: "PATCH contains unknown fields: {'z'}", fields: ['z'] },
      { status: 'ok', patched: true, version: 3 },
      { status: 'ok', record: { id: 3, name: 'x', n: 10 }, revision: 3, version: 3 },
      { status: 'ok', record: null, revision: 0, version: 3 },
      {
        status: 'ok',
        records: [
          { id: 1, name: 'row 0', n: 0 },
          { id: 2, name: 'row 1', n: 1 },
        ],
        next: 'r2',
        version: 3,
      },
      { status: 'ok', schema: ['id', 'n', 'name'], version: 3 },
      { status: 'ok', version: 4 },
      { status: 'error', code: 'STATE_NOT_FOUND', message: "State 's' not found", state: 's' },
    ])
  })

  it('has its commands run by the router where the routing key is empty', async () => {
    const { endpoint } = await serve({})
    const socket = dealer(endpoint)
    await run(socket, codec, 's', { name: 'CREATE_STATE', args: {} })
    const [ping, hello, list] = await run(
      socket,
      codec,
      '',
      { name: 'PING', args: {} },
      { name: 'HELLO', args: {} },
      { name: 'LIST_STATES', args: { prefix: 's' } },
    )
    expect(ping).toEqual({ status: 'ok', pong: true })
    expect(hello).toMatchObject({ status: 'ok', name: 'holdfast', codecs: ['json', 'msgpack'] })
    expect(list).toEqual({ status: 'ok', states: ['s'] })
  })

  it('may bring and fetch lists that travel in slices', async () => {
    const { endpoint } = await serve({ shards: 1, parser: 'pool' })
    const socket = dealer(endpoint)
    await run(socket, codec, 'big', { name: 'CREATE_STATE', args: {} })
    const [set] = await run(socket, codec, 'big', { name: 'SET_STATE', args: { data: rows(40_000) } })
    expect(set).toEqual({ status: 'ok', accepted: 40_000, dropped: 0, version: 1 })
    const [info, list] = await run(
      socket,
      codec,
      'big',
      { name: 'GET_STATE_INFO', args: {} },
      { name: 'LIST_RECORDS', args: {} },
    )
    expect(info).toMatchObject({ current_length: 40_000 })
    expect((list as { records: JsonObject[] }).records).toEqual(rows(40_000).map((row, n) => ({ id: n + 1, ...row })))
    const bad = [...rows(40_000), { name: 'no n' }]
    expect(await run(socket, codec, 'big', { name: 'SET_STATE', args: { data: bad } })).toMatchObject([
      { code: 'SCHEMA_MISMATCH', row: 40_000 },
    ])
  }, 20_000)

  it('tells of every write that ran, even where a long list leaves no room for it', async () => {
    const { endpoint } = await serve({ limits: { replyBytesMax: 20_000 } })
    const socket = dealer(endpoint)
    await run(socket, codec, 's', { name: 'CREATE_STATE', args: {} })
    await run(socket, codec, 's', { name: 'SET_STATE', args: { data: rows(240) } })
    const commands: CodecCommand[] = [
      ...Array.from({ length: 8 }, (): CodecCommand => ({ name: 'LIST_RECORDS', args: {} })),
      { name: 'CREATE_RECORD', args: { data: { name: 'x', n: 1 } } },
    ]
    const replies = await run(socket, codec, 's', ...commands)
    expect(replies[0]).toMatchObject({ status: 'ok' })
    expect(replies[7]).toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 20_000 })
    expect(replies.at(-1)).toMatchObject({ status: 'ok', id: 241 })
  })
})

describe('a routed message in MessagePack', () => {
  const nested = (depth: number): Buffer => Buffer.concat([Buffer.alloc(depth, 0x91), Buffer.from([0xc0])])
  const patch = (data: Buffer): Buffer => Buffer.concat([Buffer.from([0x91, 0x92, 12, 0x92, 1]), data])
  const field = (name: string): Buffer => Buffer.from([0x81, 0xa0 | name.length, ...Buffer.from(name), 1])

  it.each<[string, Buffer]>([
    ['is empty', Buffer.alloc(0)],
    ['is cut off', Buffer.from([0x92, 0x92])],
    ['has something behind it', Buffer.from([0x90, 0x90])],
    ['is no array', Buffer.from([0x81, 0xa1, 0x61, 1])],
    ['has no commands', Buffer.from([0x90])],
    ['announces more than it has', Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff])],
    ['is nested without end', nested(100_000)],
    ['names a field __proto__', patch(field('__proto__'))],
    ['is JSON', Buffer.from('[{"cmd":"PING"}]')],
  ])('is refused as a whole where its body %s', async (_what, body) => {
    const { endpoint } = await serve({})
    const socket = dealer(endpoint)
    const { isError, body: reply } = await send(socket, 2, 's', body)
    expect(isError).toBe(true)
    expect(JSON.parse(reply.toString())).toMatchObject({ status: 'error', code: 'INVALID_REQUEST' })
  })

  it.each<[string, Buffer]>([
    ['an opcode that nobody has', Buffer.from([0x91, 0x92, 99, 0x90])],
    ['too few arguments', Buffer.from([0x91, 0x92, 12, 0x91, 1])],
    ['an unknown option', Buffer.concat([Buffer.from([0x91, 0x93, 4, 0x90]), field('size')])],
    ['a command for the router', Buffer.from([0x91, 0x92, 1, 0x90])],
    ['a value nested too deep', patch(Buffer.concat([Buffer.from([0x81, 0xa1, 0x61]), nested(64)]))],
    ['a date', patch(Buffer.from([0x81, 0xa1, 0x61, 0xd6, 0xff, 0, 0, 0, 1]))],
    ['bytes', patch(Buffer.from([0x81, 0xa1, 0x61, 0xc4, 1, 1]))],
    ['an integer that a double cannot hold', patch(Buffer.from([0x81, 0xa1, 0x61, 0xcf, 0, 0x20, 0, 0, 0, 0, 0, 1]))],
    ['a number that is none', patch(Buffer.from([0x81, 0xa1, 0x61, 0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]))],
  ])('is refused, command by command, for %s', async (_what, body) => {
    const { endpoint } = await serve({})
    const socket = dealer(endpoint)
    await run(socket, messagePackCodec, 's', { name: 'CREATE_STATE', args: {} })
    await run(socket, messagePackCodec, 's', { name: 'CREATE_RECORD', args: { data: { a: 1 } } })
    const { isError, body: reply } = await send(socket, 2, 's', body)
    expect(isError).toBe(false)
    const replies = messagePackCodec.decodeReplies(reply, [{ name: 'PING', args: {} }])
    expect(replies).toMatchObject([{ status: 'error', code: 'INVALID_REQUEST' }])
    const info = await run(socket, messagePackCodec, 's', { name: 'GET_STATE_INFO', args: {} })
    expect(info).toMatchObject([{ version: 1 }])
  })

  it('is answered without record structures where the header asks for that', async () => {
    const { endpoint } = await serve({})
    const socket = dealer(endpoint)
    await run(socket, messagePackCodec, 's', { name: 'CREATE_STATE', args: {} })
    await run(socket, messagePackCodec, 's', { name: 'SET_STATE', args: { data: rows(300) } })
    const commands: CodecCommand[] = [{ name: 'LIST_RECORDS', args: {} }]
    const body = messagePackCodec.encodeCommands(commands)
    const withMaps = await send(socket, 2, 's', body, true)
    const withRecords = await send(socket, 2, 's', body, false)
    expect(withMaps.body.includes(Buffer.from([0xd4, 0x72]))).toBe(false)
    expect(withRecords.body.includes(Buffer.from([0xd4, 0x72]))).toBe(true)
    const [reply] = messagePackCodec.decodeReplies(withMaps.body, commands)
    expect(messagePackCodec.decodeReplies(withRecords.body, commands)).toEqual([reply])
    expect(withMaps.body.equals(encodePacked([[reply?.records as never, 1]], false))).toBe(true)
  })
})
