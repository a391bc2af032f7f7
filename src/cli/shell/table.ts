// Records drawn as a table. cli-table3 lays the cells out and knows how wide a character is; here are the columns, their
// widths, and the pages: it takes a time that grows with the square of the rows, so it gets a hundred at a time.
import Table from 'cli-table3'
import type { JsonObject, JsonValue } from '../../protocol/value.ts'
import { shownValue } from '../escape.ts'
import type { Colors, Look } from './look.ts'

interface Cell {
  readonly text: string
  readonly hAlign: 'left' | 'right'
  readonly paint: (text: string) => string
}

const rowsPerPage = 100
/** A narrower column says nothing any more: the records are better written one below the other. */
const columnWidthMin = 6
/** Without a terminal, too, one long value must not make every row long. */
const cellWidthMax = 200

/** The records as a table, or undefined if the terminal is too narrow for it. */
export function drawTable(records: readonly JsonObject[], { colors, width }: Look): string | undefined {
  const names = columnsOf(records)
  const lengthMax = Math.min(cellWidthMax, width ?? cellWidthMax)
  const rows = records.map((record) => names.map((name) => cellOf(record, name, lengthMax, colors)))
  const heads = names.map((name, column): Cell => {
    const isOfNumbers = rows.every((row) => isNumber(row[column]))
    return { text: shownValue(name, lengthMax), hAlign: isOfNumbers ? 'right' : 'left', paint: colors.bold }
  })
  const natural = heads.map((head, column) => widest([head, ...rows.map((row) => row[column])]))
  const widths = width === undefined ? natural : fitted(natural, rows, width - frameWidth(names.length))
  return widths && drawPages(heads, rows, widths, colors)
}

/** The id first, then the fields in the order in which the records have them. */
function columnsOf(records: readonly JsonObject[]): string[] {
  const names = new Set<string>()
  for (const record of records) for (const name in record) names.add(name)
  return [...(names.delete('id') ? ['id'] : []), ...names]
}

function cellOf(record: JsonObject, name: string, lengthMax: number, colors: Colors): Cell {
  if (!Object.hasOwn(record, name)) return { text: '', hAlign: 'left', paint: String }
  const value = record[name] as JsonValue
  const hAlign = typeof value === 'number' ? 'right' : 'left'
  return { text: shownValue(value, lengthMax), hAlign, paint: value === null ? colors.dim : String }
}

function isNumber(cell: Cell | undefined): boolean {
  return cell?.hAlign === 'right'
}

function widest(cells: readonly (Cell | undefined)[]): number {
  return cells.reduce((width, cell) => Math.max(width, cell === undefined ? 0 : widthOf(cell)), 0)
}

/** Columns of the terminal. Asks cli-table3 about what is not plain, so that both always agree. */
function widthOf({ text }: Cell): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length
  const table = new Table({ style: { 'padding-left': 0, 'padding-right': 0, border: [] } })
  table.push([text])
  return table.width - 2
}

/** A border and two spaces for each column, and the last border. */
function frameWidth(columns: number): number {
  return columns * 3 + 1
}

/** The widest columns give way until all fit, but no number is cut; undefined if too little would be left of them. */
function fitted(natural: readonly number[], rows: readonly Cell[][], available: number): number[] | undefined {
  const ofNumbers = natural.map((_, column) => widest(rows.map((row) => row[column]).filter(isNumber)))
  const naturalMax = Math.max(...natural)
  for (let widthMax = naturalMax; widthMax >= Math.min(naturalMax, columnWidthMin); widthMax -= 1) {
    const widths = natural.map((width, column) => Math.max(ofNumbers[column] as number, Math.min(width, widthMax)))
    if (widths.reduce((sum, width) => sum + width, 0) <= available) return widths
  }
  return undefined
}

function drawPages(heads: readonly Cell[], rows: readonly Cell[][], widths: readonly number[], colors: Colors): string {
  const pages: string[] = []
  for (let start = 0; start < rows.length; start += rowsPerPage) {
    const isFirst = start === 0
    const isLast = start + rowsPerPage >= rows.length
    const page = new Table({
      chars: borders(isFirst, isLast, colors),
      style: { compact: true, head: [], border: [] },
      head: isFirst ? heads.map(({ text, paint }) => paint(text)) : [],
      colAligns: heads.map(({ hAlign }) => hAlign),
      colWidths: widths.map((width) => width + 2),
    })
    for (const row of rows.slice(start, start + rowsPerPage)) {
      page.push(row.map(({ text, hAlign, paint }) => ({ content: paint(text), hAlign })))
    }
    pages.push(page.toString())
  }
  return pages.join('\n')
}

/** Between two pages there is none. */
function borders(isFirst: boolean, isLast: boolean, { dim }: Colors): Partial<Record<Table.CharName, string>> {
  const above = { top: '─', 'top-mid': '┬', 'top-left': '┌', 'top-right': '┐' }
  const below = { bottom: '─', 'bottom-mid': '┴', 'bottom-left': '└', 'bottom-right': '┘' }
  const inside = { left: '│', middle: '│', right: '│', mid: '─', 'left-mid': '├', 'mid-mid': '┼', 'right-mid': '┤' }
  const chars = { ...(isFirst ? above : blank(above)), ...(isLast ? below : blank(below)), ...inside }
  return Object.fromEntries(Object.entries(chars).map(([name, char]) => [name, char === '' ? '' : dim(char)]))
}

function blank(chars: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.keys(chars).map((name) => [name, '']))
}
