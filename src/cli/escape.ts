// Data as it may reach a terminal. A name or a value that somebody stored must not move the cursor, change colours or
// turn the direction of the text: every control character is written as its escape.
import type { JsonValue } from '../protocol/value.ts'

const shortForms: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** The text with its control characters, and what is no character at all, as escapes of JSON. */
export function escaped(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cs}\p{Bidi_Control}\u2028\u2029\ufeff]/gu,
    (found) => shortForms[found] ?? `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** The value as JSON text. JSON leaves some control characters as they are; in it they can only stand within strings. */
export function escapedJson(value: JsonValue, indent = 0): string {
  const text = JSON.stringify(value, null, indent)
  return indent === 0 ? escaped(text) : text.split('\n').map(escaped).join('\n')
}

/** The value as people read it: strings without quotes, anything else as JSON. Not more than about `lengthMax` of it. */
export function shownValue(value: JsonValue, lengthMax = Number.POSITIVE_INFINITY): string {
  const text = typeof value === 'string' && value !== '' ? value : JSON.stringify(value)
  return escaped(text.length <= lengthMax ? text : `${text.slice(0, lengthMax)}…`)
}
