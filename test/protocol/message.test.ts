// A plain message taken apart: one command or many, each with a good envelope or a refusal of its own, and long lists of
// rows cut into slices.
import { describe, expect, it } from 'vitest'
import type { Refusal } from '../../src/protocol/errors.ts'
import type { SlicedBody } from '../../src/protocol/mailbox.ts'
import { type Message, type MessageElement, readMessage } from '../../src/protocol/message.ts'
import { SlicedRows } from '../../src/protocol/rows.ts'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'

function read(text: string | Buffer, options = {}): Message | Refusal {
  return readMessage(Buffer.from(text as string), { commandsMax: 1_000, sliceRows: false, ...options })
}

function elementsOf(value: JsonValue, options = {}): readonly MessageElement[] {
  const message = read(JSON.stringify(value), options)
  if ('code' in message) throw new Error(message.message)
  return message.elements
}

describe('a message of one command', () => {
  it('is for the shard of its state, which gets the text as it came', () => {
    const text = ' {"cmd":"get_record", "state":"a","id":1, "request_id":"r"} '
    expect(read(text)).toEqual({
      isArray: false,
      elements: [
        {
          name: 'GET_RECORD',
          routingKey: 'a',
          requestId: { request_id: 'r' },
          command: {},
          body: text,
          bytes: text.length,
        },
      ],
    })
  })

  it('is whole where the router has to run it, or to ask every shard', () => {
    expect(elementsOf({ cmd: 'LIST_STATES', limit: 5 })).toEqual([
      {
        name: 'LIST_STATES',
        routingKey: '',
        requestId: {},
        command: { cmd: 'LIST_STATES', limit: 5 },
        body: '',
        bytes: 0,
      },
    ])
  })

  it('leaves the arguments of a command on a state to its shard', () => {
    expect(elementsOf({ cmd: 'GET_RECORD', state: 'a', id: {}, strange: 1 })).toMatchObject([{ name: 'GET_RECORD' }])
  })

  it('has the arguments of any other command checked', () => {
    expect(elementsOf({ cmd: 'LIST_STATES', limit: 0, request_id: 4 })).toEqual([
      {
        refusal: expect.objectContaining({ message: expect.stringContaining("'limit' of LIST_STATES must be") }),
        requestId: { request_id: 4 },
      },
    ])
  })

  it.each<[JsonValue, string]>([
    [null, 'Invalid request: a command must be an object'],
    [5, 'Invalid request: a command must be an object'],
    ['PING', 'Invalid request: a command must be an object'],
    [{}, "Invalid request: 'cmd' must be a string"],
    [{ cmd: 'FLY' }, "Unknown command 'FLY'"],
    [{ cmd: 'GET_RECORD', id: 1 }, "Invalid request: GET_RECORD needs 'state'"],
    [{ cmd: 'GET_RECORD', state: '', id: 1 }, "Invalid request: 'state' must not be empty"],
    [
      { cmd: 'PING', request_id: {} },
      "Invalid request: 'request_id' must be a finite number, or a well-formed string of at most 255 characters",
    ],
  ])('is refused: %j', (command, message) => {
    expect(elementsOf(command)).toEqual([{ refusal: expect.objectContaining({ message }), requestId: {} }])
  })
})

describe('a message of many commands', () => {
  const first = { cmd: 'GET_RECORD', state: 'a', id: 1 }
  const second = { cmd: 'GET_SCHEMA', state: 'b', request_id: 2 }

  it('is taken apart in its order, a bad element with a refusal of its own', () => {
    const message = read(JSON.stringify([first, 7, { cmd: 'PING' }, second]))
    expect(message).toMatchObject({ isArray: true })
    expect((message as Message).elements).toEqual([
      { name: 'GET_RECORD', routingKey: 'a', requestId: {}, command: {}, body: JSON.stringify(first), bytes: 39 },
      { refusal: expect.objectContaining({ code: 'INVALID_REQUEST' }), requestId: {} },
      { name: 'PING', routingKey: '', requestId: {}, command: { cmd: 'PING' }, body: '', bytes: 0 },
      {
        name: 'GET_SCHEMA',
        routingKey: 'b',
        requestId: { request_id: 2 },
        command: {},
        body: JSON.stringify(second),
        bytes: 47,
      },
    ])
  })

  it('may be one', () => {
    expect(read(JSON.stringify([first]))).toMatchObject({ isArray: true, elements: [{ name: 'GET_RECORD' }] })
  })

  it('is refused as a whole where it is empty, or more than may be', () => {
    expect(read('[]')).toMatchObject({
      code: 'INVALID_REQUEST',
      message: 'Invalid request: a message needs at least one command',
    })
    expect(read('[1,2]', { commandsMax: 2 })).toMatchObject({ isArray: true })
    expect(read('[1,2,3]', { commandsMax: 2 })).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: 'The number of commands in a message exceeds the limit (2)',
    })
    expect(read(JSON.stringify(Array.from({ length: 1_001 }, () => 0)))).toMatchObject({ code: 'LIMIT_EXCEEDED' })
  })

  it('is no message inside another', () => {
    expect(elementsOf([[first]])).toEqual([
      { refusal: expect.objectContaining({ message: 'Invalid request: a command must be an object' }), requestId: {} },
    ])
  })

  it.each(['__proto__', 'a\ud800'])('keeps an element out that could not be passed on: a field named %j', (field) => {
    const text = `[{"cmd":"CREATE_RECORD","state":"a","data":{${JSON.stringify(field)}:1}}]`
    expect(read(text)).toMatchObject({ elements: [{ refusal: { code: 'INVALID_REQUEST' } }] })
  })

  it('keeps an element out that is nested without end', () => {
    const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`
    expect(read(`[{"cmd":"CREATE_RECORD","state":"a","data":{"x":${deep}}}]`)).toMatchObject({
      elements: [{ refusal: { message: 'Invalid request: a value is nested deeper than 64' } }],
    })
  })
})

describe('a message that is none', () => {
  it.each<[string, string | Buffer, string]>([
    ['is empty', '', 'INVALID_JSON'],
    ['is only white space', ' \n ', 'INVALID_JSON'],
    ['is not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'INVALID_JSON'],
    ['begins with a byte-order mark', '\ufeff{"cmd":"PING"}', 'INVALID_JSON'],
    ['is cut off', '{"cmd":"PING"', 'INVALID_JSON'],
    ['goes on behind its end', '{"cmd":"PING"}}', 'INVALID_JSON'],
    ['is two documents', '{"cmd":"PING"} {"cmd":"PING"}', 'INVALID_JSON'],
    [
      'holds an integer that would be rounded',
      '{"cmd":"GET_RECORD","state":"a","id":9007199254740993}',
      'INVALID_REQUEST',
    ],
  ])('is refused as a whole where it %s', (_what, frame, code) => {
    expect(read(frame)).toMatchObject({ code })
  })
})

describe('a long list of rows', () => {
  const rows = (count: number): JsonObject[] =>
    Array.from({ length: count }, (_, n) => ({ n, text: `\u20ac${n}`, deep: [{ a: null }] }))
  const command = (data: JsonValue): JsonObject => ({ cmd: 'SET_STATE', state: 'a', data, request_id: 'r' })

  it.each([1_001, 1_024, 1_025, 5_000])('of %i is cut into slices that hold the same rows', (count) => {
    const data = rows(count)
    const [element] = elementsOf(command(data), { sliceRows: true })
    const { command: rest, rowCount, slices } = (element as { body: SlicedBody }).body
    expect(element).toMatchObject({ name: 'SET_STATE', routingKey: 'a', requestId: { request_id: 'r' } })
    // What else the command held is passed on, for the shard to check.
    expect(rest).toEqual(command([]))
    // Whatever else stood in the element would be cloned twice on its way.
    expect(element).toMatchObject({ command: {} })
    expect(Object.keys((element as { command: object }).command)).toEqual([])
    expect(rowCount).toBe(count)
    expect(slices.ends.length).toBe(Math.ceil(count / 256))
    expect([...new SlicedRows(rowCount, slices)]).toEqual(data)
    expect(element).toMatchObject({ bytes: slices.text.length })
    expect(slices.ends.at(-1)).toBe(slices.text.length)
  })

  it('is cut inside an array of commands, too', () => {
    const [ping, element] = elementsOf([{ cmd: 'PING' }, command(rows(2_000))], { sliceRows: true })
    expect(ping).toMatchObject({ name: 'PING' })
    expect(element).toMatchObject({ body: { rowCount: 2_000 } })
  })

  it('stays whole where it is not longer than a thousand, or where slices are not asked for', () => {
    expect(elementsOf(command(rows(1_000)), { sliceRows: true })).toMatchObject([{ body: expect.any(String) }])
    expect(elementsOf(command(rows(5_000)))).toMatchObject([{ body: expect.any(String) }])
  })

  it('is held against the JSON model before it is cut, for nobody does so after', () => {
    const text = JSON.stringify(command(rows(2_000))).replace('"n":1999', '"__proto__":1999')
    expect(read(text, { sliceRows: true })).toMatchObject({
      elements: [
        {
          refusal: { message: "Invalid request: the field name '__proto__' is not allowed" },
          requestId: { request_id: 'r' },
        },
      ],
    })
    const infinite = JSON.stringify(command(rows(2_000))).replace('"n":1999', '"n":1e400')
    expect(read(infinite, { sliceRows: true })).toMatchObject({
      elements: [{ refusal: { message: 'Invalid request: a number is not finite' } }],
    })
  })

  it('may be the data of a command that takes no list: its shard refuses it all the same', () => {
    const [element] = elementsOf({ cmd: 'CREATE_RECORD', state: 'a', data: rows(2_000) }, { sliceRows: true })
    expect(element).toMatchObject({ body: { command: { cmd: 'CREATE_RECORD', state: 'a', data: [] } } })
  })
})
