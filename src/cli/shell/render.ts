// Replies as people read them: records as a table, one record as rows of field and value, names of states as a list,
// everything else as `key: value` lines; below that a line with what there is to know besides. No control character of
// the data gets through.
import { isObject, type JsonObject, type JsonValue } from '../../protocol/value.ts'
import { escaped, shownValue } from '../escape.ts'
import type { Look } from './look.ts'
import { drawTable } from './table.ts'
import { quoted } from './words.ts'

/** The reply to one message, without a new line at its end. A time is told where there is one. */
export function renderReply(reply: JsonValue, look: Look, milliseconds?: number): string {
  if (!Array.isArray(reply)) return renderOne(reply, look, milliseconds)
  const count = counted(reply.length, 'replies')
  const footer = footerOf(milliseconds === undefined ? [count] : [count, duration(milliseconds)], look)
  return [...reply.map((one) => renderOne(one, look)), footer].join('\n')
}

function renderOne(reply: JsonValue, look: Look, milliseconds?: number): string {
  const { status, version, request_id, ...body } = isObject(reply) ? reply : { status: 'error' }
  if (status !== 'ok') return renderRefusal(reply, look)
  const { text, facts } = renderBody(body, look)
  if (request_id !== undefined) facts.push(`request ${shownValue(request_id)}`)
  if (version !== undefined) facts.push(`version ${shownValue(version)}`)
  if (milliseconds !== undefined) facts.push(duration(milliseconds))
  const footer = footerOf(text === '' ? ['ok', ...facts] : facts, look)
  return [text, footer].filter((part) => part !== '').join('\n')
}
