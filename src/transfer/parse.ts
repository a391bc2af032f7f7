// What a chunk of a file holds, line by line. Pure, and run by threads that know nothing of each other: whatever it needs is
// in the task, and what is wrong with a line is told beside the others.
import { isUtf8 } from 'node:buffer'
import type { Refusal } from '../protocol/errors.ts'
import { parseJson } from '../protocol/json.ts'
import { isObject } from '../protocol/value.ts'
import { type Column, RecordEnds, readCells, recordOf } from './csv.ts'
import { type Entry, malformed, readEntry, record } from './format.ts'

/** Lines of an export, plain records one a line, or records of CSV with these columns. */
export type Layout =
  | { readonly type: 'export' }
  | { readonly type: 'records' }
  | { readonly type: 'csv'; readonly columns: readonly Column[]; readonly delimiter: string }

export interface ParseTask {
  readonly bytes: Uint8Array
  readonly firstLine: number
  readonly layout: Layout
}

/** A line that cannot be what it should be, as it stands. */
export interface BadLine {
  readonly type: 'bad'
  readonly code: string
  readonly message: string
  readonly text: string
}

/** The number of the line, and what it holds. */
export type ParsedLine = readonly [line: number, entry: Entry | BadLine]

/** Passes over empty lines. */
export function parseChunk({ bytes, firstLine, layout }: ParseTask): ParsedLine[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const isText = isUtf8(buffer)
  const found: ParsedLine[] = []
  const ends = layout.type === 'csv' ? new RecordEnds(layout.delimiter) : undefined
  let line = firstLine
  for (let at = 0; at < buffer.length; ) {
    const end = ends === undefined ? buffer.indexOf(0x0a, at) + 1 : ends.next(buffer, at)
    const stop = end <= 0 ? buffer.length : end
    const piece = buffer.subarray(at, stop)
    if (!isEmptyLine(piece)) found.push([line, parsed(piece, isText || isUtf8(piece), layout)])
    line = ends === undefined ? line + 1 : firstLine + ends.lines
    at = stop
  }
  return found
}

function isEmptyLine(piece: Buffer): boolean {
  return piece.length <= 2 && piece.every((byte) => byte === 0x0a || byte === 0x0d)
}

function parsed(piece: Buffer, isText: boolean, layout: Layout): Entry | BadLine {
  if (!isText) return bad(piece.toString('latin1'), malformed('the line is not UTF-8; it is shown as Latin-1'))
  const text = piece.toString('utf8').replace(/\r?\n$/, '')
  const entry = layout.type === 'csv' ? ofCells(text, layout) : ofJson(text, layout)
  return 'code' in entry ? bad(text, entry) : entry
}

function ofCells(text: string, { columns, delimiter }: Extract<Layout, { type: 'csv' }>): Entry | Refusal {
  const cells = readCells(text, delimiter)
  if ('code' in cells) return cells
  return recordOf(cells, columns)
}

function ofJson(text: string, { type }: Layout): Entry | Refusal {
  const json = parseJson(text)
  if ('code' in json) return json
  if (type === 'export') return readEntry(json.value)
  return isObject(json.value) ? record(json.value) : malformed('a line must be a JSON object, which is a record')
}

function bad(text: string, { code, message }: Refusal): BadLine {
  return { type: 'bad', code, message, text }
}
