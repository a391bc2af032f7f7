// The tables of the README that are made of the code's own lists, so that a test can hold the text to them. They come out
// the way the formatter leaves a table: every column as wide as its widest cell.
import { metricDefinitions } from '../../src/metrics/definitions.ts'

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
