// What a message is, by its frames: every form that is served, and every one that is not.
import { describe, expect, it } from 'vitest'
import { type Incoming, readFrames } from '../../src/frontend/incoming.ts'
import { requestHeader } from '../support/sockets.ts'

const identity = Buffer.from('me')

function read(...frames: (string | Buffer)[]): Incoming {
  return readFrames([identity, ...frames.map((frame) => Buffer.from(frame as string))], 1_000)
}

function changed(header: Buffer, index: number, value: number): Buffer {
  const copy = Buffer.from(header)
  copy[index] = value
  return copy
}

const header = requestHeader()
const prefix = { version: 1, codec: 1, requestNumber: 7 }

describe('a plain message', () => {
  it('is one frame', () => {
    expect(read('{}')).toEqual({
      kind: 'plain',
      isDelimited: false,
      prefix: undefined,
      bytes: 2,
      body: Buffer.from('{}'),
    })
  })

  it('may come after an empty frame, as from a REQ socket', () => {
    expect(read('', '{}')).toMatchObject({ kind: 'plain', isDelimited: true, bytes: 2, body: Buffer.from('{}') })
  })
})

describe('a routed message', () => {
  it('is a header, a routing key and a body', () => {
    const bytes = header.length + 3
    const routed = {
      kind: 'routed',
      prefix,
      bytes,
      routingKey: 'é',
      body: Buffer.from('x'),
      sentAs: 'json',
      isSpread: false,
    }
    expect(read(header, 'é', 'x')).toEqual({ ...routed, isDelimited: false })
    expect(read('', header, 'é', 'x')).toEqual({ ...routed, isDelimited: true })
  })

  it('may have no routing key, and a trace context', () => {
    expect(read(requestHeader({ trace: Buffer.alloc(26) }), '', '[]')).toMatchObject({ kind: 'routed', routingKey: '' })
  })
})

describe('a message is refused', () => {
  it.each<[string, Incoming, string, string]>([
    ['without any content', read(''), 'INVALID_REQUEST', 'the message is empty'],
    ['without any content after the empty frame', read('', ''), 'INVALID_REQUEST', 'the message is empty'],
    ['of two plain frames', read('{}', '{}'), 'INVALID_REQUEST', 'one frame, this one 2'],
    ['of two empty frames and a plain one', read('', '', '{}'), 'INVALID_REQUEST', 'the message is empty'],
    ['whose frame is over the limit', read('x'.repeat(1_001)), 'LIMIT_EXCEEDED', '(1000)'],
    ['of a routed mark alone', read(Buffer.from([0xc1])), 'INVALID_REQUEST', 'cut off'],
    ['whose header is cut off', read(Buffer.from([0xc1, 1]), 'a', '[]'), 'INVALID_REQUEST', 'cut off'],
  ])('%s, in the plain form', (_what, incoming, code, words) => {
    expect(incoming).toMatchObject({ kind: 'refused', prefix: undefined, refusal: { code } })
    expect(incoming.kind === 'refused' && incoming.refusal.message).toContain(words)
  })

  it.each<[string, Incoming, string, string]>([
    ['of another protocol version', read(changed(header, 1, 2), 'a', '[]'), 'UNSUPPORTED', 'protocol version 2'],
    ['of an unknown codec', read(changed(header, 2, 9), 'a', '[]'), 'UNSUPPORTED', 'codec 9'],
    ['of another version and number of frames', read(changed(header, 1, 2)), 'UNSUPPORTED', 'protocol version 2'],
    ['with an unknown flag', read(changed(header, 3, 2), 'a', '[]'), 'INVALID_REQUEST', 'unknown flags'],
    ['without the trace that is flagged', read(changed(header, 3, 1), 'a', '[]'), 'INVALID_REQUEST', 'wrong length'],
    ['with a header too long', read(Buffer.concat([header, header]), 'a', '[]'), 'INVALID_REQUEST', 'wrong length'],
    ['with a header too short', read(header.subarray(0, 39), 'a', '[]'), 'INVALID_REQUEST', 'wrong length'],
    ['without a body', read(header, 'a'), 'INVALID_REQUEST', 'three frames, this one 2'],
    ['of four frames', read(header, 'a', '[]', '[]'), 'INVALID_REQUEST', 'three frames, this one 4'],
    ['whose key is not UTF-8', read(header, Buffer.from([0xff]), '[]'), 'INVALID_REQUEST', 'must be UTF-8'],
    ['whose key is no name', read(header, 'a\u0000', '[]'), 'INVALID_REQUEST', "'routing key' must not hold control"],
    ['whose key is too long', read(header, 'é'.repeat(128), '[]'), 'INVALID_REQUEST', 'at most 255 bytes'],
    ['whose body is over the limit', read(header, 'a', 'x'.repeat(1_001)), 'LIMIT_EXCEEDED', '(1000)'],
  ])('%s, in the routed form', (_what, incoming, code, words) => {
    expect(incoming).toMatchObject({ kind: 'refused', refusal: { code } })
    expect(incoming.prefix).toMatchObject({ requestNumber: 7 })
    expect(incoming.kind === 'refused' && incoming.refusal.message).toContain(words)
  })
})
