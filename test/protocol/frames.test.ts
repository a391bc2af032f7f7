// The headers of routed messages, byte by byte. Clients in other languages are written against these bytes.
import { describe, expect, it } from 'vitest'
import {
  isRouted,
  readPlaces,
  readPrefix,
  readReplyHeader,
  readRequestHeader,
  writePlaces,
  writeReplyHeader,
  writeRequestHeader,
} from '../../src/protocol/frames.ts'

function bytes(...parts: string[]): Buffer {
  return Buffer.from(parts.join('').replaceAll(' ', ''), 'hex')
}

const session = bytes('00112233445566778899aabbccddeeff')
const trace = bytes('00 4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7 01')

const request = {
  version: 1,
  codec: 1,
  requestNumber: 0xdeadbeef,
  wantsMaps: false,
  session,
  writeNumber: 0x0002030405060708,
  settled: 0x001ffffffffffffe,
  isAgain: false,
  isSpread: false,
  trace: undefined,
}
const requestBytes = bytes(
  'c1 01 01 00',
  'deadbeef',
  '00112233445566778899aabbccddeeff',
  '0002030405060708',
  '001ffffffffffffe',
)

describe('the header of a request', () => {
  it('is these 40 bytes', () => {
    expect(writeRequestHeader(request).toString('hex')).toBe(requestBytes.toString('hex'))
    expect(readRequestHeader(requestBytes)).toEqual(request)
  })

  it('is 26 bytes longer with a trace context, which a flag announces', () => {
    const traced = Buffer.concat([bytes('c1 01 01 01'), requestBytes.subarray(4), trace])
    expect(writeRequestHeader({ ...request, trace }).toString('hex')).toBe(traced.toString('hex'))
    expect(readRequestHeader(traced)).toEqual({ ...request, trace })
  })

  it('says with a flag, in codec 2 only, that replies are to come without record structures', () => {
    const maps = Buffer.concat([bytes('c1 01 02 02'), requestBytes.subarray(4)])
    expect(writeRequestHeader({ ...request, codec: 2, wantsMaps: true }).toString('hex')).toBe(maps.toString('hex'))
    expect(readRequestHeader(maps)).toEqual({ ...request, codec: 2, wantsMaps: true })
  })

  it('says with a flag that the body is for several names', () => {
    const spread = Buffer.concat([bytes('c1 01 01 08'), requestBytes.subarray(4)])
    expect(writeRequestHeader({ ...request, isSpread: true }).toString('hex')).toBe(spread.toString('hex'))
    expect(readRequestHeader(spread)).toEqual({ ...request, isSpread: true })
  })

  it('says with a flag that the same write message was sent before', () => {
    const again = Buffer.concat([bytes('c1 01 01 04'), requestBytes.subarray(4)])
    expect(writeRequestHeader({ ...request, isAgain: true }).toString('hex')).toBe(again.toString('hex'))
    expect(readRequestHeader(again)).toEqual({ ...request, isAgain: true })
  })

  it('begins with the eight bytes that no version changes', () => {
    expect(readPrefix(requestBytes)).toEqual({ version: 1, codec: 1, requestNumber: 0xdeadbeef })
    expect(readPrefix(bytes('c1 ff 07 00 00000001 99'))).toEqual({ version: 255, codec: 7, requestNumber: 1 })
    expect(readPrefix(bytes('c1 01 01 00 000000'))).toBeUndefined()
  })

  const wrongForm = 'the header of a routed message has unknown flags or a wrong length'
  it.each<[string, Buffer, string, string]>([
    ['is cut off', requestBytes.subarray(0, 7), 'INVALID_REQUEST', 'the header of a routed message is cut off'],
    ['is a byte too short', requestBytes.subarray(0, 39), 'INVALID_REQUEST', wrongForm],
    ['is a byte too long', Buffer.concat([requestBytes, bytes('00')]), 'INVALID_REQUEST', wrongForm],
    ['announces a trace that is not there', patched(3, 1), 'INVALID_REQUEST', wrongForm],
    ['holds a trace that is not announced', Buffer.concat([requestBytes, trace]), 'INVALID_REQUEST', wrongForm],
    [
      'counts writes past what a double can',
      patched(24, 0xff),
      'INVALID_REQUEST',
      'a number of write messages is greater than 2^53 - 1',
    ],
    ['has an unknown flag', patched(3, 2), 'INVALID_REQUEST', wrongForm],
    ['is of version 0', patched(1, 0), 'UNSUPPORTED', 'protocol version 0'],
    ['is of version 2', patched(1, 2), 'UNSUPPORTED', 'protocol version 2'],
    ['names the codec 0', patched(2, 0), 'UNSUPPORTED', 'codec 0'],
    ['names the codec 3', patched(2, 3), 'UNSUPPORTED', 'codec 3'],
  ])('is refused where it %s', (_what, header, code, words) => {
    const label = code === 'UNSUPPORTED' ? 'Unsupported' : 'Invalid request'
    expect(readRequestHeader(header)).toMatchObject({ code, message: `${label}: ${words}` })
  })
})

function patched(offset: number, byte: number): Buffer {
  const copy = Buffer.from(requestBytes)
  copy[offset] = byte
  return copy
}

describe('the header of a reply', () => {
  it.each([
    [
      { version: 1, codec: 1, requestNumber: 7, isError: false, isEarly: false, instance: 1795226942111000 },
      'c1010100 00000007 000660bfd82cfd18',
    ],
    [
      { version: 1, codec: 1, requestNumber: 0xffffffff, isError: true, isEarly: false, instance: 1 },
      'c1010101 ffffffff 0000000000000001',
    ],
    [
      { version: 1, codec: 2, requestNumber: 7, isError: false, isEarly: true, instance: 1 },
      'c1010202 00000007 0000000000000001',
    ],
    // An unknown version or codec is answered by echoing it.
    [
      { version: 9, codec: 200, requestNumber: 0, isError: true, isEarly: false, instance: 0 },
      'c109c801 00000000 0000000000000000',
    ],
  ])('is these 16 bytes: %j', (header, hex) => {
    expect(writeReplyHeader(header).toString('hex')).toBe(hex.replaceAll(' ', ''))
    expect(readReplyHeader(bytes(hex))).toEqual(header)
  })

  it('is none where it is cut off, too long, or begins with another byte', () => {
    const header = bytes('c1010100 00000007 000660bfd82cfd18')
    expect(readReplyHeader(header.subarray(0, 15))).toBeUndefined()
    expect(readReplyHeader(Buffer.concat([header, bytes('00')]))).toBeUndefined()
    expect(readReplyHeader(Buffer.concat([bytes('7b'), header.subarray(1)]))).toBeUndefined()
    expect(readReplyHeader(Buffer.alloc(0))).toBeUndefined()
  })
})

describe('the places of early replies', () => {
  it('are two bytes each', () => {
    expect(writePlaces([0, 1, 999]).toString('hex')).toBe('0000000103e7')
    expect(readPlaces(bytes('0000 0001 03e7'))).toEqual([0, 1, 999])
    expect(readPlaces(bytes('0001 03')), 'half a place is none').toEqual([1])
  })
})

describe('a routed message', () => {
  it('is told from JSON text by its first byte', () => {
    expect(isRouted(requestBytes)).toBe(true)
    for (const text of ['{', '[', ' ', '"', '\ufeff{}', '\u00c1', '']) expect(isRouted(Buffer.from(text))).toBe(false)
  })
})
