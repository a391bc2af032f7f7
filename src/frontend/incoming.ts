// What a message is, by its frames alone: a plain one, a routed one, or one that has to be refused. Its body is not
// looked at. Any frames can come from outside, and each message gets exactly one of these.
import { isUtf8 } from 'node:buffer'
import { invalidRequest } from '../protocol/envelope.ts'
import { type Refusal, refusal } from '../protocol/errors.ts'
import {
  codecJson,
  isRouted,
  type RequestHeader,
  type RequestPrefix,
  readPrefix,
  readRequestHeader,
} from '../protocol/frames.ts'
import type { Numbered } from '../protocol/mailbox.ts'
import { nameProblem } from '../protocol/names.ts'

/** How the body of a routed message is encoded, and its reply will be. */
export type RoutedCodec = 'json' | 'msgpack' | 'msgpack-maps'

/** The form that the reply has to have. */
export interface ReplyForm {
  /** Whether the body comes after an empty frame, as REQ sockets send it and expect it back. */
  readonly isDelimited: boolean
  /** What the header of the reply repeats; undefined for a plain message. */
  readonly prefix: RequestPrefix | undefined
}

export type Incoming = ReplyForm & { readonly bytes: number } & (
    | { readonly kind: 'plain'; readonly body: Buffer }
    /** The routing key may be empty: then the commands are for the router. */
    | {
        readonly kind: 'routed'
        readonly routingKey: string
        readonly body: Buffer
        readonly sentAs: RoutedCodec
        /** Whether the body is for several names of the shard of the routing key. */
        readonly isSpread: boolean
        /** Present for a write message that its client may send again. */
        readonly numbered?: Numbered | undefined
      }
    | { readonly kind: 'refused'; readonly refusal: Refusal }
  )

/** Reads the frames of a message that follow the identity of its sender. */
export function readFrames(message: readonly Buffer[], messageBytesMax: number): Incoming {
  const isDelimited = message.length > 2 && message[1]?.length === 0
  const frames = message.slice(isDelimited ? 2 : 1)
  const bytes = frames.reduce((sum, frame) => sum + frame.length, 0)
  const [first] = frames
  const prefix = first !== undefined && isRouted(first) ? readPrefix(first) : undefined
  const refused = (problem: Refusal): Incoming => ({ kind: 'refused', isDelimited, prefix, bytes, refusal: problem })

  if (frames.some((frame) => frame.length > messageBytesMax)) {
    return refused(refusal('LIMIT_EXCEEDED', { what: 'The size of the message in bytes', limit: messageBytesMax }))
  }
  if (first === undefined || first.length === 0) return refused(invalidRequest('the message is empty'))
  if (!isRouted(first)) {
    if (frames.length > 1) return refused(invalidRequest(`a plain message has one frame, this one ${frames.length}`))
    return { kind: 'plain', isDelimited, prefix, bytes, body: first }
  }
  const header = readRequestHeader(first)
  if ('code' in header) return refused(header)
  const [, routingKey, body] = frames
  if (frames.length !== 3 || routingKey === undefined || body === undefined) {
    return refused(invalidRequest(`a routed message has three frames, this one ${frames.length}`))
  }
  const problem = routingKeyProblem(routingKey, header.isSpread)
  if (problem !== undefined) return refused(invalidRequest(problem))
  return {
    kind: 'routed',
    isDelimited,
    prefix,
    bytes,
    routingKey: routingKey.toString(),
    body,
    sentAs: codecOf(header),
    isSpread: header.isSpread,
    ...(header.writeNumber > 0 && { numbered: numberedOf(header) }),
  }
}

function numberedOf({ session, writeNumber, settled, isAgain }: RequestHeader): Numbered {
  return [session.toString('hex'), writeNumber, settled, isAgain]
}

function codecOf({ codec, wantsMaps }: RequestHeader): RoutedCodec {
  if (codec === codecJson) return 'json'
  return wantsMaps ? 'msgpack-maps' : 'msgpack'
}

function routingKeyProblem(routingKey: Buffer, isSpread: boolean): string | undefined {
  if (routingKey.length === 0) {
    return isSpread ? 'a message on several names needs one of them as its routing key' : undefined
  }
  return isUtf8(routingKey) ? nameProblem(routingKey.toString(), 'routing key') : "'routing key' must be UTF-8"
}
