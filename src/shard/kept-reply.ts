// A reply that is kept to be given again, in the form in which it left: text, or bytes of its own, since what is sent to
// another thread is gone from this one.
import type { ReplyBody, SentAs } from '../protocol/mailbox.ts'
import type { JsonValue } from '../protocol/value.ts'

/** Values stand for themselves, as they do where no encoding is between. */
export type KeptReply = string | Uint8Array | JsonValue

/** Copies what is about to be sent. */
export function keptReply(body: ReplyBody): KeptReply {
  return isChunks(body) ? Buffer.concat(body) : body
}

/** What is sent of it once more. */
export function givenReply(kept: KeptReply): ReplyBody {
  return kept instanceof Uint8Array ? [new Uint8Array(kept)] : kept
}

export function keptToRow(kept: KeptReply): JsonValue {
  return kept instanceof Uint8Array ? Buffer.from(kept.buffer, kept.byteOffset, kept.length).toString('base64') : kept
}

export function keptFromRow(stored: JsonValue, sentAs: SentAs): KeptReply {
  return sentAs.startsWith('msgpack') ? Buffer.from(stored as string, 'base64') : stored
}

export function sizeOfKept(kept: KeptReply): number {
  return typeof kept === 'string' || kept instanceof Uint8Array ? kept.length : JSON.stringify(kept).length
}

export function sizeOfReply(body: ReplyBody): number {
  if (isChunks(body)) return body.reduce((sum, { length }) => sum + length, 0)
  return typeof body === 'string' ? body.length * 3 : 0
}

function isChunks(body: ReplyBody): body is Uint8Array[] {
  return Array.isArray(body) && body[0] instanceof Uint8Array
}
