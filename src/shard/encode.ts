// Replies of a request, put together in the form that the request had. A long list is encoded a piece at a time, so that
// one reader of a million records is not noticed by anybody else.
import { longListOf } from '../protocol/commands.ts'
import type { ReplyBody } from '../protocol/mailbox.ts'
import type { JsonObject } from '../protocol/value.ts'
import { type BodyWriter, documentedReply, mayBeCut, type Piece, tooLong } from './body-writer.ts'
import { jsonWriter } from './json-writer.ts'
import { packedWriter } from './packed-writer.ts'
import type { Answer, Task, TaskCodec } from './task.ts'

/** Above this a reply is encoded in steps: so many list items, some hundred microseconds of work if they are small. */
const itemsAtOnceMax = 256
const itemsPerPiece = 64
const chunkBytes = 64 * 1024

export type EncodingSteps = Generator<undefined, ReplyBody, void>

const writers: Readonly<Record<Exclude<TaskCodec, 'values'>, BodyWriter>> = {
  json: jsonWriter,
  msgpack: packedWriter(true),
  'msgpack-maps': packedWriter(false),
}

export function isSteps(body: ReplyBody | EncodingSteps): body is EncodingSteps {
  return typeof body === 'object' && body !== null && 'next' in body && typeof body.next === 'function'
}

/** The reply of a request whose answers are all there, or the steps that make it. */
export function encode({ codec, answers, single }: Task, bytesMax: number): ReplyBody | EncodingSteps {
  if (codec === 'values') {
    const replies = answers.map(documentedReply)
    return single ? (replies[0] as JsonObject) : replies
  }
  const writer = writers[codec]
  return answers.some(hasLongList)
    ? inSteps(answers, single, writer, bytesMax)
    : writer.whole(answers, single, bytesMax)
}

function hasLongList({ command, fields }: Answer): boolean {
  const field = command === '' ? undefined : longListOf(command)
  if (field === undefined) return false
  const list = fields[field]
  return Array.isArray(list) && list.length > itemsAtOnceMax
}

function* inSteps(answers: readonly Answer[], single: boolean, writer: BodyWriter, bytesMax: number): EncodingSteps {
  const output = new Chunks()
  output.add(writer.open(answers.length, single))
  for (const [index, answer] of answers.entries()) {
    if (index > 0) output.add(writer.between)
    const start = output.mark()
    for (const piece of hasLongList(answer) ? writer.longReply(answer, itemsPerPiece) : [writer.reply(answer)]) {
      output.add(piece)
      if (output.bytes > bytesMax && mayBeCut(answer)) {
        output.rewind(start)
        output.add(writer.reply(tooLong(answer, bytesMax)))
        break
      }
      yield
    }
  }
  output.add(writer.close(single))
  return output.finish()
}

/** Bytes that grow as chunks, which can be handed to another thread without being copied. */
class Chunks {
  #chunks: Uint8Array[] = []
  #open = Buffer.allocUnsafeSlow(chunkBytes)
  #used = 0
  #closedBytes = 0

  get bytes(): number {
    return this.#closedBytes + this.#used
  }

  add(piece: Piece): void {
    const length = typeof piece === 'string' ? Buffer.byteLength(piece) : piece.length
    if (this.#used + length > this.#open.length) this.#close(length)
    if (typeof piece === 'string') this.#open.write(piece, this.#used)
    else this.#open.set(piece, this.#used)
    this.#used += length
  }

  mark(): number {
    this.#close(0)
    return this.#chunks.length
  }

  rewind(mark: number): void {
    this.#used = 0
    this.#chunks = this.#chunks.slice(0, mark)
    this.#closedBytes = this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  }

  finish(): Uint8Array[] {
    this.#close(0)
    return this.#chunks
  }

  /** Closes the open chunk, and opens one with room for so many bytes. */
  #close(roomNeeded: number): void {
    if (this.#used > 0) {
      this.#chunks.push(new Uint8Array(this.#open.buffer, 0, this.#used))
      this.#closedBytes += this.#used
      this.#used = 0
      this.#open = Buffer.allocUnsafeSlow(Math.max(chunkBytes, roomNeeded))
    } else if (roomNeeded > this.#open.length) this.#open = Buffer.allocUnsafeSlow(roomNeeded)
  }
}
