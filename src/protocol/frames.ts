// The frames of a routed message, byte by byte. All numbers are big-endian.
//
//   request header                                      reply header
//    0  0xC1 (starts no JSON text, no MessagePack value)   0  0xC1
//    1  protocol version                                    1  protocol version
//    2  codec: 1 JSON, 2 MessagePack                        2  codec
//    3  flags: 1 a trace context follows, 2 replies         3  flags: 1 the body is one error, in JSON,
//       without record structures (codec 2 only),        2 early: the places of the commands follow
//       4 this write message was sent before,
//       8 the body is for several names of one shard
//    4  request number (4 bytes)                            4  request number (4 bytes)
//    8  session id (16 bytes)                               8  instance number (8 bytes)
//   24  write-message number (8 bytes); 0 for a message without a write
//   32  settled: every lower write-message number was answered (8 bytes)
//   40  trace context (26 bytes, as in traceparent), if flagged
//
// The first eight bytes are the same in every version, so that any server can refuse any client in words.
import { type Refusal, refusal } from './errors.ts'

export const routedMark = 0xc1
export const protocolVersion = 1
export const codecJson = 1
export const codecMessagePack = 2

const prefixLength = 8
const requestLength = 40
const traceLength = 26
const flagTrace = 1
const flagMaps = 2
const flagAgain = 4
const flagSpread = 8
const flagError = 1
const flagEarly = 2

/** What a reply header repeats of its request. */
export interface RequestPrefix {
  readonly version: number
  readonly codec: number
  readonly requestNumber: number
}

export interface RequestHeader extends RequestPrefix {
  /** Codec 2: the reader of the replies knows maps, but not msgpackr's record structures. */
  readonly wantsMaps: boolean
  readonly session: Buffer
  /** 0 for a message that holds no write, or is not to be sent again. */
  readonly writeNumber: number
  readonly settled: number
  /** Whether the same write message was sent before: then it may have run. */
  readonly isAgain: boolean
  /** Whether the body is for several names, each said in it; all live on the shard of the routing key. See spread.ts. */
  readonly isSpread: boolean
  /** The 26 bytes of a W3C traceparent, without its dashes; undefined if none was sent. */
  readonly trace: Buffer | undefined
}

export function isRouted(frame: Buffer): boolean {
  return frame[0] === routedMark
}

/** The part of a header that no version changes; undefined where even that is cut off. */
export function readPrefix(header: Buffer): RequestPrefix | undefined {
  if (header.length < prefixLength) return undefined
  return { version: header.readUInt8(1), codec: header.readUInt8(2), requestNumber: header.readUInt32BE(4) }
}

export function readRequestHeader(header: Buffer): RequestHeader | Refusal {
  const prefix = readPrefix(header)
  if (prefix === undefined) return refusal('INVALID_REQUEST', { reason: 'the header of a routed message is cut off' })
  if (prefix.version !== protocolVersion) {
    return refusal('UNSUPPORTED', { what: `protocol version ${prefix.version}` })
  }
  if (prefix.codec !== codecJson && prefix.codec !== codecMessagePack)
    return refusal('UNSUPPORTED', { what: `codec ${prefix.codec}` })
  const flags = header.readUInt8(3)
  const hasTrace = (flags & flagTrace) !== 0
  const knownFlags = flagTrace | flagAgain | flagSpread | (prefix.codec === codecMessagePack ? flagMaps : 0)
  if ((flags & ~knownFlags) !== 0 || header.length !== requestLength + (hasTrace ? traceLength : 0)) {
    return refusal('INVALID_REQUEST', { reason: 'the header of a routed message has unknown flags or a wrong length' })
  }
  const writeNumber = readWholeNumber(header, 24)
  const settled = readWholeNumber(header, 32)
  if (!Number.isSafeInteger(writeNumber) || !Number.isSafeInteger(settled)) {
    return refusal('INVALID_REQUEST', { reason: 'a number of write messages is greater than 2^53 - 1' })
  }
  return {
    ...prefix,
    wantsMaps: (flags & flagMaps) !== 0,
    session: header.subarray(8, 24),
    writeNumber,
    settled,
    isAgain: (flags & flagAgain) !== 0,
    isSpread: (flags & flagSpread) !== 0,
    trace: hasTrace ? header.subarray(requestLength) : undefined,
  }
}

export function writeRequestHeader(header: Omit<RequestHeader, 'version'>): Buffer {
  const { codec, wantsMaps, requestNumber, session, writeNumber, settled, isAgain, isSpread, trace } = header
  const frame = Buffer.alloc(requestLength + (trace === undefined ? 0 : traceLength))
  const flags =
    (trace === undefined ? 0 : flagTrace) |
    (wantsMaps ? flagMaps : 0) |
    (isAgain ? flagAgain : 0) |
    (isSpread ? flagSpread : 0)
  frame.set([routedMark, protocolVersion, codec, flags])
  frame.writeUInt32BE(requestNumber, 4)
  frame.set(session, 8)
  writeWholeNumber(frame, writeNumber, 24)
  writeWholeNumber(frame, settled, 32)
  if (trace !== undefined) frame.set(trace, requestLength)
  return frame
}

/** Eight bytes as a number: a BigInt would cost every message an object. */
function readWholeNumber(frame: Buffer, offset: number): number {
  return frame.readUInt32BE(offset) * 2 ** 32 + frame.readUInt32BE(offset + 4)
}

function writeWholeNumber(frame: Buffer, value: number, offset: number): void {
  frame.writeUInt32BE(Math.floor(value / 2 ** 32), offset)
  frame.writeUInt32BE(value % 2 ** 32, offset + 4)
}

export interface ReplyHeader extends RequestPrefix {
  readonly isError: boolean
  /** Some replies of a message on several names, before all are there; their places stand in a frame of their own. */
  readonly isEarly: boolean
  /** Changes when the server is another one, or has lost states: the client then says HELLO again. */
  readonly instance: number
}

export function writeReplyHeader(header: ReplyHeader): Buffer {
  const { version, codec, requestNumber, isError, isEarly, instance } = header
  const frame = Buffer.alloc(16)
  frame.set([routedMark, version, codec, (isError ? flagError : 0) | (isEarly ? flagEarly : 0)])
  frame.writeUInt32BE(requestNumber, 4)
  writeWholeNumber(frame, instance, 8)
  return frame
}

export function readReplyHeader(header: Buffer): ReplyHeader | undefined {
  const prefix = readPrefix(header)
  if (prefix === undefined || header.length !== 16 || !isRouted(header)) return undefined
  const flags = header.readUInt8(3)
  const instance = readWholeNumber(header, 8)
  return { ...prefix, isError: (flags & flagError) !== 0, isEarly: (flags & flagEarly) !== 0, instance }
}

/** Between the header and the body of an early reply: for each reply the place of its command, two bytes each. */
export function writePlaces(places: readonly number[]): Buffer {
  const frame = Buffer.alloc(places.length * 2)
  for (const [index, place] of places.entries()) frame.writeUInt16BE(place, index * 2)
  return frame
}

export function readPlaces(frame: Buffer): number[] {
  return Array.from({ length: frame.length >> 1 }, (_, index) => frame.readUInt16BE(index * 2))
}
