// Replies of a request, put together in the form that the request had. A long list is encoded a piece at a time, so that
// one reader of a million records is not noticed by anybody else.
import { refusal, refusalReply } from '../protocol/errors.ts'
import type { ReplyBody } from '../protocol/mailbox.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import type { Answer, Task } from './task.ts'

/** Above this a reply is encoded in steps: so many list items, some hundred microseconds of work if they are small. */
const itemsAtOnceMax = 256
const itemsPerStep = 64
const chunkCharactersMin = 64 * 1024

/** The reply of a request whose answers are all there, or the steps that make it. */
export function encode(task: Task, replyBytesMax: number): ReplyBody | Generator<undefined, ReplyBody, void> {
  const replies = task.answers.map((answer) => answer.reply)
  if (!task.encoded) return task.single ? (replies[0] as JsonObject) : replies
  if (task.answers.some(hasLongList)) return encodeInSteps(task, replyBytesMax)
  const [only] = task.answers
  if (task.single && only !== undefined) return within(JSON.stringify(only.reply), only, replyBytesMax)
  const texts = replies.map((reply) => JSON.stringify(reply))
  const length = texts.reduce((sum, text) => sum + text.length, 0)
  // A UTF-16 unit takes at most three bytes: only what could pass the bound is cut.
  return length * 3 <= replyBytesMax ? `[${texts.join(',')}]` : `[${cut(texts, task.answers, replyBytesMax).join(',')}]`
}

function hasLongList({ reply }: Answer): boolean {
  return Array.isArray(reply.records) && reply.records.length > itemsAtOnceMax
}

function within(text: string, answer: Answer, bytesMax: number): string {
  return text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax ? tooLong(answer, bytesMax) : text
}

/** Replaces the replies that no longer fit, each by a refusal of its own. */
function cut(texts: readonly string[], answers: readonly Answer[], bytesMax: number): string[] {
  let left = bytesMax
  return texts.map((text, index) => {
    const bytes = Buffer.byteLength(text) + 1
    if (bytes > left) return tooLong(answers[index] as Answer, bytesMax)
    left -= bytes
    return text
  })
}

/** Only reads answer at length, so the command changed nothing. */
function tooLong({ reply }: Answer, limit: number): string {
  const what = "The size of the reply in bytes (a 'limit' asks for less)"
  return JSON.stringify({ ...refusalReply(refusal('LIMIT_EXCEEDED', { what, limit })), ...requestIdOf(reply) })
}

function requestIdOf(reply: JsonObject): JsonObject {
  return reply.request_id === undefined ? {} : { request_id: reply.request_id }
}

function* encodeInSteps(task: Task, bytesMax: number): Generator<undefined, ReplyBody, void> {
  const output = new Chunks()
  if (!task.single) output.add('[')
  for (const [index, answer] of task.answers.entries()) {
    if (index > 0) output.add(',')
    const start = output.mark()
    for (const text of hasLongList(answer) ? longReply(answer.reply) : [JSON.stringify(answer.reply)]) {
      output.add(text)
      if (output.bytes > bytesMax) {
        output.rewind(start)
        output.add(tooLong(answer, bytesMax))
        break
      }
      yield
    }
  }
  if (!task.single) output.add(']')
  return output.finish()
}

/** The text of a reply with a long list, some items at a time. */
function* longReply(reply: JsonObject): Generator<string, void, void> {
  const { records, ...rest } = reply
  const items = records as JsonValue[]
  yield `${JSON.stringify(rest).slice(0, -1)},"records":[`
  for (let start = 0; start < items.length; start += itemsPerStep) {
    const text = JSON.stringify(items.slice(start, start + itemsPerStep)).slice(1, -1)
    yield start === 0 ? text : `,${text}`
  }
  yield ']}'
}

/** Text that grows as chunks of UTF-8, which can be handed to another thread without being copied. */
class Chunks {
  #chunks: Uint8Array[] = []
  #text = ''
  #bytes = 0

  /** The bytes of all finished chunks; what is still text is a chunk at the most. */
  get bytes(): number {
    return this.#bytes
  }

  add(text: string): void {
    this.#text += text
    if (this.#text.length >= chunkCharactersMin) this.#flush()
  }

  mark(): number {
    this.#flush()
    return this.#chunks.length
  }

  rewind(mark: number): void {
    this.#text = ''
    this.#chunks = this.#chunks.slice(0, mark)
    this.#bytes = this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  }

  finish(): Uint8Array[] {
    this.#flush()
    return this.#chunks
  }

  #flush(): void {
    if (this.#text === '') return
    const chunk = new TextEncoder().encode(this.#text)
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    this.#text = ''
  }
}
