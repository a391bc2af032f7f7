// The tables of the README that are made of the code's own lists, so that a test can hold the text to them. They come out
// the way the formatter leaves a table: every column as wide as its widest cell.
import Type, { type TSchema } from 'typebox'
import { logEvents } from '../../src/base/log-events.ts'
import { metricDefinitions } from '../../src/metrics/definitions.ts'
import { commandNames, declarationOf, defaultStateOf, nameFieldOf } from '../../src/protocol/commands.ts'
import { type ErrorCode, errorTable, isRetryable, mayHaveRun } from '../../src/protocol/errors.ts'

/** Stands in the README between `<!-- metrics -->` and `<!-- /metrics -->`. */
export function metricsTable(): string {
  return tableOf([
    ['metric', 'type', 'labels', 'meaning'],
    ...metricDefinitions.map(({ name, type, labels, help }) => [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(', '),
      help.replace(/\.$/, ''),
    ]),
  ])
}

/** Arguments with a question mark may be left out. */
export function commandsTable(): string {
  return tableOf([
    ['command', 'fields', 'reply', 'meaning'],
    ...commandNames.map((name) => {
      const { args, reply, summary } = declarationOf(name)
      const on = nameFieldOf(name)
      const mark = defaultStateOf(name) === undefined ? '' : '?'
      const fields = [...(on === undefined ? [] : [`\`${on}\`${mark}`]), ...fieldNames(args)]
      return [`\`${name}\``, fields.join(', '), fieldNames(reply).join(', '), summary]
    }),
  ])
}

function fieldNames(types: Readonly<Record<string, TSchema>>): string[] {
  return Object.entries(types).map(([field, type]) => `\`${field}\`${Type.IsOptional(type) ? '?' : ''}`)
}

export function errorsTable(): string {
  return tableOf([
    ['code', 'meaning', 'did it run?', 'try again?'],
    ...(Object.keys(errorTable) as ErrorCode[]).map((code) => [
      `\`${code}\``,
      errorTable[code].meaning,
      mayHaveRun(code) ? 'perhaps' : 'no',
      isRetryable(code) ? 'yes' : 'no',
    ]),
  ])
}

/** Stands in docs/logs.md. */
export function logEventsTable(): string {
  return tableOf([
    ['event', 'level', 'meaning'],
    ...Object.entries(logEvents).map(([event, { level, meaning }]) => [`\`${event}\``, level, meaning]),
  ])
}

/** The first row is the head. */
function tableOf(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[], fill: string): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0, fill)).join(' | ')} |`
  const [head = [], ...body] = rows.map((row) => line(row, ' '))
  return [
    head,
    line(
      widths.map(() => ''),
      '-',
    ),
    ...body,
  ].join('\n')
}
