// Replies as people read them: records as a table, one record as rows of field and value, names of states as a list,
// everything else as `key: value` lines; below that a line with what else there is to know. No control character of the
// data gets through.
import { isObject, type JsonObject, type JsonValue } from '../../protocol/value.ts'
import { escaped, shownValue } from '../escape.ts'
import type { Look } from './look.ts'
import { drawTable } from './table.ts'
import { quoted } from './words.ts'

interface Drawn {
  readonly text: string
  /** What stands in the line below. */
  readonly facts: readonly string[]
}

/** The reply to one message, without a new line at its end. A time is told where there is one. */
export function renderReply(reply: JsonValue, look: Look, milliseconds?: number): string {
  const time = milliseconds === undefined ? [] : [duration(milliseconds)]
  if (!Array.isArray(reply)) return renderOne(reply, look, time)
  const footer = footerOf([counted(reply.length, 'reply', 'replies'), ...time], look)
  return [...reply.map((one) => renderOne(one, look, [])), footer].join('\n')
}

function renderOne(reply: JsonValue, look: Look, time: readonly string[]): string {
  if (!isObject(reply) || reply.status !== 'ok') return renderRefusal(reply, look)
  const { status, version, revision, request_id: requestId, next, missing_shards: missing, ...body } = reply
  const { text, facts } = renderBody(body, look)
  const footer = [
    ...(text === '' && facts.length === 0 ? [String(status)] : facts),
    ...(version === undefined ? [] : [`version ${shownValue(version)}`]),
    ...(revision === undefined || revision === 0 ? [] : [`revision ${shownValue(revision)}`]),
    ...(requestId === undefined ? [] : [`request ${shownValue(requestId)}`]),
    ...(missing === undefined ? [] : [`missing shards ${shownValue(missing)}`]),
    ...time,
    ...(next === undefined ? [] : [`more with after=${quoted(shownValue(next))}`]),
  ]
  return [text, footerOf(footer, look)].filter((part) => part !== '').join('\n')
}

function renderRefusal(reply: JsonValue, { colors }: Look): string {
  const { code, message } = isObject(reply) ? reply : {}
  if (typeof code !== 'string' || typeof message !== 'string') return colors.red(shownValue(reply))
  return colors.red(`${colors.bold(escaped(code))}: ${escaped(message)}`)
}

function renderBody(body: JsonObject, look: Look): Drawn {
  const { records, record, states, ...others } = body
  if (isListOf(isObject, records)) return withLines(renderRecords(records, look), others, look)
  if (isListOf(isString, states)) {
    const facts = [counted(states.length, 'state', 'states')]
    return withLines({ text: states.map(escaped).join('\n'), facts }, others, look)
  }
  if (isObject(record)) return withLines({ text: fieldRows(record, look), facts: [] }, others, look)
  if (record === null) return withLines({ text: '', facts: ['no such record'] }, others, look)
  return { text: lines(body, '', look), facts: [] }
}

/** Whatever a reply has besides what it is asked for. */
function withLines({ text, facts }: Drawn, others: JsonObject, look: Look): Drawn {
  return { text: [text, lines(others, '', look)].filter((part) => part !== '').join('\n'), facts }
}

function renderRecords(records: readonly JsonObject[], look: Look): Drawn {
  const shown = records.slice(0, look.recordsMax)
  const facts = [counted(records.length, 'record', 'records')]
  if (shown.length < records.length) {
    facts.push(`${counted(shown.length)} drawn (limit=100 reads a page)`)
  }
  if (shown.length === 0) return { text: '', facts }
  const text = drawTable(shown, look) ?? shown.map((record) => fieldRows(record, look)).join('\n\n')
  return { text, facts }
}

/** Long values go on in the next line of the terminal: whoever reads one record wants all of it. */
function fieldRows(record: JsonObject, { colors }: Look): string {
  const names = Object.keys(record).map(escaped)
  const width = Math.max(...names.map((name) => name.length))
  const values = Object.values(record).map((value) => (value === null ? colors.dim('null') : shownValue(value)))
  return names.map((name, index) => `${colors.bold(name.padEnd(width))}  ${values[index]}`).join('\n')
}

/** `key: value`, objects indented below their key, lists of objects as tables. */
function lines(object: JsonObject, indent: string, look: Look): string {
  const shown = Object.entries(object).map(([name, value]) => {
    const key = `${indent}${look.colors.bold(escaped(name))}:`
    if (isObject(value) && Object.keys(value).length > 0) return `${key}\n${lines(value, `${indent}  `, look)}`
    const table = isListOf(isObject, value) && value.length > 0 ? drawTable(value, look) : undefined
    return table === undefined ? `${key} ${shownValue(value)}` : `${key}\n${table}`
  })
  return shown.join('\n')
}

function footerOf(facts: readonly string[], { colors }: Look): string {
  return facts.length === 0 ? '' : colors.dim(facts.join(', '))
}

function counted(count: number, one?: string, many?: string): string {
  const number = count.toLocaleString('en-US')
  const noun = count === 1 ? one : many
  return noun === undefined ? number : `${number} ${noun}`
}

function duration(milliseconds: number): string {
  return milliseconds < 1_000 ? `${milliseconds.toFixed(1)} ms` : `${(milliseconds / 1_000).toFixed(1)} s`
}

function isListOf<Item extends JsonValue>(
  isItem: (value: unknown) => value is Item,
  value: JsonValue | undefined,
): value is Item[] {
  return Array.isArray(value) && value.every(isItem)
}

function isString(value: unknown): value is string {
  return typeof value === 'string'
}
