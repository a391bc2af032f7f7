// What it takes to write replies in some encoding, whole or a piece at a time. encode.ts drives it; there is one writer
// for each codec.
import { commands, versionFieldOf } from '../protocol/commands.ts'
import { refusal, refusalReply } from '../protocol/errors.ts'
import type { ReplyBody } from '../protocol/mailbox.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { Answer } from './task.ts'

/** Text is written as UTF-8. */
export type Piece = string | Uint8Array

export interface BodyWriter {
  /** All replies at once, none of which is long. What does not fit within the bound is replaced by a refusal. */
  whole(answers: readonly Answer[], single: boolean, bytesMax: number): ReplyBody
  open(answerCount: number, single: boolean): Piece
  between: Piece
  close(single: boolean): Piece
  reply(answer: Answer): Piece
  /** A reply with a long list, so many items at a time. */
  longReply(answer: Answer, itemsPerPiece: number): Iterable<Piece>
}

/** A reply that no longer fits may be replaced, unless it tells of a write: that has happened, and its reply is short. */
export function mayBeCut({ command, refusal: refused }: Answer): boolean {
  return refused === undefined && command !== '' && !commands[command].writes
}

/** Stands for the reply of a read. */
export function tooLong(answer: Answer, limit: number): Answer {
  const what = "The size of the reply in bytes (a 'limit' asks for less)"
  return { ...answer, refusal: refusal('LIMIT_EXCEEDED', { what, limit }), fields: {}, version: undefined }
}

export function documentedReply({ command, refusal: refused, fields, version, requestId }: Answer): JsonObject {
  if (refused !== undefined) return { ...refusalReply(refused), ...requestId }
  const reply: JsonObject = { status: 'ok', ...fields }
  const versionField = command === '' ? undefined : versionFieldOf(command)
  if (version !== undefined && versionField !== undefined) reply[versionField] = version
  if (requestId.request_id !== undefined) reply.request_id = requestId.request_id
  return reply
}
