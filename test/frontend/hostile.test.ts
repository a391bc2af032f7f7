// Any bytes on the port: each gets a clear refusal, or is counted and cut off; the states stay as they were, and whoever
// asks next is answered. A row for each input, and the code that it is refused with.
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import { eventually } from '../support/eventually.ts'
import { ask, dealer, nextReply, openServer, rawConnection, type Server } from '../support/sockets.ts'

const pong = { status: 'ok', pong: true }
const setRecord = (data: string, id = '1', state = 'leads'): string =>
  `{"cmd":"SET_RECORD","state":"${state}","id":${id},"data":${data}}`
const createState = (name: string): string => `{"cmd":"CREATE_STATE","state":${name}}`
const fields = (count: number, prefix: string): string =>
  JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index}`, index])))
const nested = (depth: number, inner = '1'): string => '['.repeat(depth) + inner + ']'.repeat(depth)

let server: Server
let before: JsonObject[]

const stateOf = async (): Promise<JsonObject[]> => [
  await server.engine.call({ cmd: 'GET_STATE_INFO', state: 'leads' }),
  await server.engine.call({ cmd: 'LIST_RECORDS', state: 'leads' }),
  await server.engine.call({ cmd: 'GET_STATE_INFO', state: 'empty' }),
  await server.engine.call({ cmd: 'LIST_STATES' }),
]

beforeAll(async () => {
  server = await openServer({ parser: 'pool', limits: { messageBytesMax: 4 * 1024 * 1024 } })
  await server.engine.call({ cmd: 'CREATE_STATE', state: 'leads' })
  await server.engine.call({ cmd: 'CREATE_STATE', state: 'empty' })
  await server.engine.call({ cmd: 'CREATE_RECORD', state: 'leads', data: { name: 'Ann', value: null } })
})
afterAll(() => server.close())

beforeEach(async () => {
  before = await stateOf()
})
afterEach(async () => {
  expect(await stateOf()).toEqual(before)
  expect(await ask(dealer(server.endpoint), { cmd: 'PING' })).toEqual(pong)
})

describe('bytes of no client', () => {
  it.each<[string, Buffer | string]>([
    ['an HTTP request', 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['a TLS greeting', Buffer.from('16030100a5010000a10303', 'hex')],
    ['random bytes', randomBytes(4_096)],
    ['zeros', Buffer.alloc(4_096)],
    [
      'a frame that claims to be endless',
      Buffer.concat([Buffer.from('ff00000000000000017f', 'hex'), Buffer.alloc(100, 0xff)]),
    ],
    ['half a greeting and silence', Buffer.from('ff00000000000000017f03', 'hex')],
    ['nothing at all', ''],
  ])('%s: disturb nobody', async (_what, bytes) => {
    const earlier = server.frontEnd.statistics()
    const sockets: Socket[] = Array.from({ length: 5 }, () => rawConnection(server.endpoint))
    for (const socket of sockets) {
      await new Promise((resolve) => socket.once('connect', resolve))
      socket.write(bytes)
    }
    expect(await ask(dealer(server.endpoint), { cmd: 'PING' })).toEqual(pong)
    for (const socket of sockets) socket.destroy()
    await eventually('no client is left of them', () => server.frontEnd.statistics().peers <= earlier.peers + 1)
    // ZeroMQ finds messages of its first protocol in them, which had no greeting; none of them is good.
    const { messagesReceived, messagesRefused } = server.frontEnd.statistics()
    expect(messagesRefused - earlier.messagesRefused).toBe(messagesReceived - earlier.messagesReceived - 1)
  })
})

describe('frames that are no message', () => {
  it.each<[string, (string | Buffer)[]]>([
    ['an empty frame', ['']],
    ['two empty frames', ['', '']],
    ['three empty frames', ['', '', '']],
    ['two commands in two frames', ['{"cmd":"PING"}', '{"cmd":"PING"}']],
    ['ten thousand parts', Array.from({ length: 10_000 }, () => '{"cmd":"PING"}')],
    ['the mark of a routed message alone', [Buffer.from([0xc1])]],
    ['a routed message without a header', [Buffer.from([0xc1, 1, 1]), 'leads', '[]']],
  ])('%s: refused as a request', async (_what, frames) => {
    const socket = dealer(server.endpoint)
    await socket.send(frames)
    const reply = (await socket.receive()).at(-1)
    expect(JSON.parse(String(reply))).toMatchObject({ status: 'error', code: 'INVALID_REQUEST' })
  })
})

describe('text that is not JSON', () => {
  it.each<[string, string | Buffer]>([
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d])],
    ['UTF-16', Buffer.from('{"cmd":"PING"}', 'utf16le')],
    ['a surrogate in UTF-8', Buffer.from('{"cmd":"\uFFFD"}').fill(Buffer.from([0xed, 0xa0, 0x80]), 8, 11)],
    ['a byte-order mark', '\uFEFF{"cmd":"PING"}'],
    ['a word', 'PING'],
    ['white space', ' \n\t '],
    ['a truncated object', '{"cmd":"PING"'],
    ['a truncated string', '{"cmd":"PI'],
    ['trailing garbage', '{"cmd":"PING"}x'],
    ['two documents', '{"cmd":"PING"}{"cmd":"PING"}'],
    ['two lines', '{"cmd":"PING"}\n{"cmd":"PING"}'],
    ['a comment', '{"cmd":"PING"} // hello'],
    ['a trailing comma', '{"cmd":"PING",}'],
    ['single quotes', "{'cmd':'PING'}"],
    ['NaN', setRecord('{"name":"x","value":NaN}')],
    ['Infinity', setRecord('{"name":"x","value":-Infinity}')],
    ['a hexadecimal number', setRecord('{"name":"x","value":0x10}')],
    ['a leading zero', setRecord('{"name":"x","value":010}')],
    ['a raw control character', setRecord('{"name":"\u0001","value":1}')],
    ['a long truncated list', `[${'{"cmd":"PING"},'.repeat(20_000)}`],
    ['a list that only opens', '['.repeat(1_000_000)],
  ])('%s: refused as such', async (_what, text) => {
    expect(await ask(dealer(server.endpoint), text)).toMatchObject({ status: 'error', code: 'INVALID_JSON' })
  })
})

describe('JSON that is no message', () => {
  it.each<[string, string, string]>([
    ['null', 'null', 'INVALID_REQUEST'],
    ['a number', '42', 'INVALID_REQUEST'],
    ['a string', '"PING"', 'INVALID_REQUEST'],
    ['an empty object', '{}', 'INVALID_REQUEST'],
    ['an empty array', '[]', 'INVALID_REQUEST'],
    ['1,001 commands', `[${'{"cmd":"PING"},'.repeat(1_000)}{"cmd":"PING"}]`, 'LIMIT_EXCEEDED'],
    ['a million elements', `[${'1,'.repeat(1_000_000)}1]`, 'LIMIT_EXCEEDED'],
    ['an integer that no double holds', setRecord('{"name":"x","value":9007199254740993}'), 'INVALID_REQUEST'],
    ['the same far down', `[${nested(50, '9007199254740993')}]`, 'INVALID_REQUEST'],
    ['an integer without end', setRecord(`{"name":"x","value":${'9'.repeat(100_000)}}`), 'INVALID_REQUEST'],
  ])('%s: refused as a whole', async (_what, text, code) => {
    expect(await ask(dealer(server.endpoint), text)).toMatchObject({ status: 'error', code })
  })

  it.each<[string, string]>([
    ['commands that are none', '[null, 1, "x", [], [{"cmd":"PING"}], {}]'],
    ['arrays in arrays, 65 deep', nested(65)],
    ['arrays in arrays, 5,000 deep', nested(5_000)],
    ['arrays in arrays, a million deep', nested(1_000_000)],
  ])('%s: each refused for itself', async (_what, text) => {
    const replies = await ask<JsonObject[]>(dealer(server.endpoint), text)
    expect(replies.length).toBeGreaterThan(0)
    for (const reply of replies) expect(reply).toMatchObject({ status: 'error', code: 'INVALID_REQUEST' })
  })
})

describe('a command that is refused', () => {
  const rows: [string, string, string][] = [
    ['cmd is missing', '{"state":"leads"}', 'INVALID_REQUEST'],
    ['cmd is a list', '{"cmd":[]}', 'INVALID_REQUEST'],
    ['cmd is a list of a name', '{"cmd":["PING"]}', 'INVALID_REQUEST'],
    ['cmd is an object', '{"cmd":{"toString":"PING"}}', 'INVALID_REQUEST'],
    ['cmd is a number', '{"cmd":1}', 'INVALID_REQUEST'],
    ['cmd is empty', '{"cmd":""}', 'UNKNOWN_COMMAND'],
    ['cmd is toString', '{"cmd":"toString"}', 'UNKNOWN_COMMAND'],
    ['cmd is __proto__', '{"cmd":"__proto__"}', 'UNKNOWN_COMMAND'],
    ['cmd is constructor', '{"cmd":"constructor"}', 'UNKNOWN_COMMAND'],
    ['cmd is unknown', '{"cmd":"DROP_TABLE"}', 'UNKNOWN_COMMAND'],
    ['cmd is a megabyte', `{"cmd":"${'x'.repeat(1_000_000)}"}`, 'UNKNOWN_COMMAND'],
    ['an unknown field', '{"cmd":"GET_RECORD","state":"leads","id":1,"idd":1}', 'INVALID_REQUEST'],
    ['an unknown field of a command for the router', '{"cmd":"PING","state":"leads"}', 'INVALID_REQUEST'],
    ['a missing field', '{"cmd":"GET_RECORD","state":"leads"}', 'INVALID_REQUEST'],
    ['request_id is an object', '{"cmd":"PING","request_id":{}}', 'INVALID_REQUEST'],
    ['request_id is too long', `{"cmd":"PING","request_id":"${'x'.repeat(300)}"}`, 'INVALID_REQUEST'],
    ['request_id is infinite', '{"cmd":"PING","request_id":1e400}', 'INVALID_REQUEST'],
    ['state is a number', createState('5'), 'INVALID_REQUEST'],
    ['state is null', createState('null'), 'INVALID_REQUEST'],
    ['state is empty', createState('""'), 'INVALID_REQUEST'],
    ['state is too long', createState(`"${'é'.repeat(128)}"`), 'INVALID_REQUEST'],
    ['state holds NUL', createState('"a\\u0000b"'), 'INVALID_REQUEST'],
    ['state holds a line feed', createState('"a\\nb"'), 'INVALID_REQUEST'],
    ['state holds a control that turns the text around', createState('"a\\u202eb"'), 'INVALID_REQUEST'],
    ['state holds half a character', createState('"\\ud800"'), 'INVALID_REQUEST'],
    ['state is unknown', '{"cmd":"GET_STATE_INFO","state":"leads2"}', 'STATE_NOT_FOUND'],
    ['state is a path that is no state', '{"cmd":"GET_STATE_INFO","state":"../../etc/passwd"}', 'STATE_NOT_FOUND'],
    ['state is __proto__', '{"cmd":"GET_STATE_INFO","state":"__proto__"}', 'STATE_NOT_FOUND'],
    ['id is a fraction', setRecord('{"name":"x","value":1}', '1.5'), 'INVALID_REQUEST'],
    ['id is an object', setRecord('{"name":"x","value":1}', '{}'), 'INVALID_REQUEST'],
    ['id is null', setRecord('{"name":"x","value":1}', 'null'), 'INVALID_REQUEST'],
    ['id is 2^53', setRecord('{"name":"x","value":1}', '9007199254740992'), 'INVALID_REQUEST'],
    ['id is empty', setRecord('{"name":"x","value":1}', '""'), 'INVALID_REQUEST'],
    ['max_length is 0', '{"cmd":"CREATE_STATE","state":"x","max_length":0}', 'INVALID_REQUEST'],
    ['max_length is negative', '{"cmd":"CREATE_STATE","state":"x","max_length":-1}', 'INVALID_REQUEST'],
    ['max_length is a string', '{"cmd":"CREATE_STATE","state":"x","max_length":"10"}', 'INVALID_REQUEST'],
    ['data is a list', setRecord('[]'), 'INVALID_REQUEST'],
    ['data is a string', setRecord('"x"'), 'INVALID_REQUEST'],
    ['a number is infinite', setRecord('{"name":"x","value":1e400}'), 'INVALID_REQUEST'],
    ['half a character in a value', setRecord('{"name":"\\udc00","value":1}'), 'INVALID_REQUEST'],
    ['half a character in a field', setRecord('{"name":"x","\\udc00":1}'), 'INVALID_REQUEST'],
    ['__proto__ as a field', setRecord('{"name":"x","__proto__":{"value":1}}'), 'INVALID_REQUEST'],
    ['__proto__ escaped', setRecord('{"name":"x","\\u005f_proto__":1}'), 'INVALID_REQUEST'],
    ['__proto__ far down', setRecord('{"name":[{"a":[{"__proto__":1}]}],"value":1}'), 'INVALID_REQUEST'],
    ['__proto__ beside cmd', '{"cmd":"PING","__proto__":{"cmd":"PING"}}', 'INVALID_REQUEST'],
    ['constructor.prototype as fields', setRecord('{"constructor":{"prototype":{"x":1}}}'), 'SCHEMA_MISMATCH'],
    ['values nested 65 deep', setRecord(`{"name":${nested(64)},"value":1}`), 'INVALID_REQUEST'],
    ['values nested 5,000 deep', setRecord(`{"name":${nested(5_000)},"value":1}`), 'INVALID_REQUEST'],
    ['values nested a million deep', setRecord(`{"name":${nested(1_000_000)},"value":1}`), 'INVALID_REQUEST'],
    ['a record that is too large', setRecord(`{"name":"${'x'.repeat(300_000)}","value":1}`), 'LIMIT_EXCEEDED'],
    ['a record of 100,000 fields', setRecord(fields(100_000, 'f')), 'SCHEMA_MISMATCH'],
    ['a first record of 100,000 fields', setRecord(fields(100_000, 'f'), '1', 'empty'), 'LIMIT_EXCEEDED'],
    ['a first record of 2^17 numbered fields', setRecord(fields(2 ** 17, ''), '1', 'empty'), 'LIMIT_EXCEEDED'],
    ['a first record of 1,025 fields', setRecord(fields(1_025, ''), '1', 'empty'), 'LIMIT_EXCEEDED'],
    [
      'a list whose last row is bad',
      JSON.stringify({
        cmd: 'SET_STATE',
        state: 'leads',
        data: [...Array.from({ length: 9_998 }, () => ({ name: 'x', value: 1 })), { nam: 'x' }],
      }),
      'SCHEMA_MISMATCH',
    ],
    [
      'a list that repeats an id',
      JSON.stringify({
        cmd: 'SET_STATE',
        state: 'leads',
        data: Array.from({ length: 2_000 }, (_, row) => ({ id: row % 1_999, name: 'x', value: 1 })),
      }),
      'DUPLICATE_ID',
    ],
  ]

  it.each(rows)('%s', async (_what, text, code) => {
    const socket = dealer(server.endpoint)
    const reply = await ask(socket, text)
    expect(reply).toMatchObject({ status: 'error', code })
    expect(JSON.stringify(reply).length).toBeLessThan(2_000)
  })

  it.each(rows)('%s, in an array', async (_what, text, code) => {
    const replies = await ask<JsonObject[]>(dealer(server.endpoint), `[{"cmd":"PING"},${text},{"cmd":"PING"}]`)
    expect(replies).toMatchObject([pong, { status: 'error', code }, pong])
  })
})

describe('odd, but good', () => {
  it.each<[string, string]>([
    ['a name that looks like a path', '../../x'],
    ['a name that is a method of every object', 'toString'],
    ['a name that is __proto__', '__proto__'],
    ['a name in other letters', '数据 😀'],
  ])('%s: names a state like any other', async (_what, state) => {
    const socket = dealer(server.endpoint)
    expect(await ask(socket, { cmd: 'CREATE_STATE', state })).toMatchObject({ created: true })
    expect(await ask(socket, { cmd: 'CREATE_RECORD', state, data: { constructor: { prototype: 1 } } })).toMatchObject({
      id: 1,
    })
    expect(await ask(socket, { cmd: 'GET_RECORD', state, id: 1 })).toMatchObject({
      record: { id: 1, constructor: { prototype: 1 } },
    })
    expect(await ask(socket, { cmd: 'DELETE_STATE', state })).toMatchObject({ status: 'ok' })
    expect(Object.hasOwn(Object.prototype, 'x')).toBe(false)
  })

  it('names in any case, white space around, ids below zero, values 63 deep', async () => {
    const socket = dealer(server.endpoint)
    expect(await ask(socket, ' \r\n\t{"cmd":"ping"} \n')).toEqual(pong)
    const commands = [
      createState('"deep"'),
      `{"cmd":"SET_RECORD","state":"deep","id":-1,"data":{"value":${nested(63)}}}`,
      '{"cmd":"GET_RECORD","state":"deep","id":-1}',
      '{"cmd":"DELETE_STATE","state":"deep"}',
    ]
    const [, , get] = await ask<JsonObject[]>(socket, `[${commands.join(',')}]`)
    expect(get).toMatchObject({ record: { id: -1, value: JSON.parse(nested(63)) as never } })
  })
})

it('a flood of random messages from many clients: each is answered once, and nothing else happens', async () => {
  const bytes = (): Buffer => randomBytes(1 + Math.floor(Math.random() * 200))
  const soup = '{}[]",:cmdPINGstate\\u0123456789e+-. '
  const text = (): string => Array.from({ length: 40 }, () => soup[Math.floor(Math.random() * soup.length)]).join('')
  const run = async (): Promise<void> => {
    const socket = dealer(server.endpoint)
    for (let count = 0; count < 200; count += 1) {
      const frame = count % 2 === 0 ? bytes() : text()
      await socket.send(frame)
      expect(JSON.parse(String((await socket.receive()).at(-1)))).toMatchObject({ status: 'error' })
    }
    await socket.send('{"cmd":"PING"}')
    expect(await nextReply(socket)).toEqual(pong)
  }
  await Promise.all(Array.from({ length: 10 }, run))
})
