// Replies as JSON text, in their documented form.
import { type CommandName, longListOf } from '../protocol/commands.ts'
import type { JsonValue } from '../protocol/value.ts'
import { type BodyWriter, documentedReply, mayBeCut, tooLong } from './body-writer.ts'
import type { Answer } from './task.ts'

export const jsonWriter: BodyWriter = {
  whole(answers, single, bytesMax) {
    const texts = answers.map(textOf)
    const length = texts.reduce((sum, text) => sum + text.length, 0)
    // A UTF-16 unit takes at most three bytes: only what could pass the bound is measured.
    const fitting = length * 3 <= bytesMax ? texts : cut(texts, answers, bytesMax)
    return single ? (fitting[0] as string) : `[${fitting.join(',')}]`
  },
  open: (_, single) => (single ? '' : '['),
  between: ',',
  close: (single) => (single ? '' : ']'),
  reply: textOf,
  *longReply(answer, itemsPerPiece) {
    const field = longListOf(answer.command as CommandName) as string
    const { [field]: list, ...rest } = documentedReply(answer)
    const items = list as JsonValue[]
    yield `${JSON.stringify(rest).slice(0, -1)},"${field}":[`
    for (let start = 0; start < items.length; start += itemsPerPiece) {
      const text = JSON.stringify(items.slice(start, start + itemsPerPiece)).slice(1, -1)
      yield start === 0 ? text : `,${text}`
    }
    yield ']}'
  },
}

function textOf(answer: Answer): string {
  return JSON.stringify(documentedReply(answer))
}

/** Replaces the replies that no longer fit, each by a refusal of its own. */
function cut(texts: readonly string[], answers: readonly Answer[], bytesMax: number): string[] {
  let left = bytesMax
  return texts.map((text, index) => {
    const answer = answers[index] as Answer
    const bytes = Buffer.byteLength(text) + 1
    if (bytes > left && mayBeCut(answer)) return textOf(tooLong(answer, bytesMax))
    left -= bytes
    return text
  })
}
