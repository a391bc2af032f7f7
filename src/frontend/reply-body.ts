// The body of a reply as JSON text in one piece. Long lists arrive as many chunks; a client gets one frame. Whatever is
// asked for, what is held at a time is bounded.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { commands } from '../protocol/commands.ts'
import { refusal, refusalReply } from '../protocol/errors.ts'
import type { ReplyBody } from '../protocol/mailbox.ts'
import type { MessageElement } from '../protocol/message.ts'
import type { Router } from '../router/router.ts'

/** Text that need not be in one piece yet. */
export type ReplyText = string | Uint8Array[]

export function textOfReply(body: ReplyBody): ReplyText {
  if (typeof body === 'string') return body
  return isChunks(body) ? body : JSON.stringify(body)
}

function isChunks(body: ReplyBody): body is Uint8Array[] {
  return Array.isArray(body) && body[0] instanceof Uint8Array
}

function bytesOf(text: ReplyText): number {
  return typeof text === 'string' ? Buffer.byteLength(text) : text.reduce((sum, chunk) => sum + chunk.length, 0)
}

/** Copying takes about half a millisecond for so many bytes. */
const bytesPerStep = 1024 * 1024

/** Puts chunks together, a step in each turn of the event loop. */
export async function joinChunks(chunks: readonly Uint8Array[]): Promise<Buffer> {
  const joined = Buffer.allocUnsafeSlow(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let offset = 0
  let pause = bytesPerStep
  for (const chunk of chunks) {
    joined.set(chunk, offset)
    offset += chunk.length
    if (offset < pause) continue
    pause = offset + bytesPerStep
    await nextTurn()
  }
  return joined
}

/**
 * Runs the commands of an array; `respond` gets their replies as an array, in the same order. Reads whose replies do not
 * fit into the reply any more are refused as their replies come in, so that a thousand long ones are never held at once.
 */
export function runArray(
  router: Router,
  elements: readonly MessageElement[],
  replyBytesMax: number,
  respond: (text: ReplyText) => void,
): void {
  const texts: ReplyText[] = []
  let missing = elements.length
  let left = replyBytesMax
  router.runEach(elements, 'json', (body, index) => {
    const element = elements[index] as MessageElement
    let text = textOfReply(body)
    const bytes = bytesOf(text)
    if (bytes > left && isRead(element)) text = JSON.stringify(tooLong(element, replyBytesMax))
    else left -= bytes
    texts[index] = text
    missing -= 1
    if (missing === 0) respond(arrayOf(texts))
  })
}

/** A write is never refused after it ran; its reply is short. */
function isRead(element: MessageElement): boolean {
  return 'name' in element && !commands[element.name].writes
}

function tooLong({ requestId }: MessageElement, limit: number): object {
  const what = "The size of the reply in bytes (a 'limit' asks for less)"
  return { ...refusalReply(refusal('LIMIT_EXCEEDED', { what, limit })), ...requestId }
}

/** The JSON text of an array of the given texts. */
export function arrayOf(texts: readonly ReplyText[]): ReplyText {
  if (texts.every((text) => typeof text === 'string')) return `[${texts.join(',')}]`
  const chunks = texts.flatMap((text, index) => [
    Buffer.from(index === 0 ? '[' : ','),
    ...(typeof text === 'string' ? [Buffer.from(text)] : text),
  ])
  return [...chunks, Buffer.from(']')]
}
