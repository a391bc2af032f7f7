// JSON text in, values out, and back: the only place that parses text from outside.
import { isUtf8 } from 'node:buffer'
import { type Refusal, refusal } from './errors.ts'
import { type JsonValue, numberProblem } from './value.ts'

/** Decodes a frame as JSON text. Bytes that are not UTF-8, and a byte-order mark, are no JSON text. */
export function textOf(frame: Buffer): string | Refusal {
  return isUtf8(frame) ? frame.toString('utf8') : refusal('INVALID_JSON', { reason: 'the text is not UTF-8' })
}

/** Parses one JSON document. Whether its values keep to the JSON model is looked at argument by argument. */
export function parseJson(text: string): { readonly value: JsonValue } | Refusal {
  let value: JsonValue
  try {
    value = JSON.parse(text) as JsonValue
  } catch (error) {
    return refusal('INVALID_JSON', { reason: reasonOf(error, text) })
  }
  const problem = numberProblem(text)
  return problem === undefined ? { value } : refusal('INVALID_REQUEST', { reason: problem })
}

/** V8's words quote the text, which may be a secret and may be long: only where it stopped is passed on. */
function reasonOf(error: unknown, text: string): string {
  if (text.trim() === '') return 'the text is empty'
  if (text.startsWith('\uFEFF')) return 'the text begins with a byte-order mark'
  const message = error instanceof Error ? error.message : ''
  const position = / at position (\d+)(?: \(line \d+ column \d+\))?$/.exec(message)?.[1]
  return position === undefined
    ? 'the text ends too early or is not JSON'
    : `the text is not JSON at position ${position}`
}
