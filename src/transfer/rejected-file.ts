// The rows that were refused, as lines of an export with the reason beside each: they can be mended and imported in their
// turn. Made when the first row is refused. It is cut back to where it was known to be when an import goes on.
import { closeSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs'
import { printable } from '../protocol/envelope.ts'
import type { JsonObject } from '../protocol/value.ts'
import { cannot } from './files.ts'
import { endLine, headerLine, jsonText, lineOf, type RowEntry, type StateEntry, type StateLine } from './format.ts'
import type { BadLine } from './parse.ts'

export interface RefusedRow {
  readonly line: number
  readonly code: string
  readonly message: string
  readonly entry: RowEntry | StateEntry | BadLine
  /** The state that it belongs to. */
  readonly state: StateLine | null
}

export class RejectedFile {
  /** Undefined where the rows are only told. */
  readonly path: string | undefined
  readonly #server: string
  #bytes: number
  #file: number | undefined
  #state: StateLine | null = null

  constructor(path: string | undefined, server: string, bytes: number) {
    this.path = path
    this.#server = server
    this.#bytes = bytes
    // That of an import before this one says nothing about this one.
    if (path !== undefined && bytes === 0) rmSync(path, { force: true })
  }

  /** How much of it is settled. */
  get bytes(): number {
    return this.#bytes
  }

  /** Keeps rows for good, or until the import goes on from before them. */
  write(rows: readonly RefusedRow[]): void {
    if (this.path === undefined || rows.length === 0) return
    const lines = this.#bytes === 0 ? [headerLine(this.#server)] : []
    for (const { line, code, message, entry, state } of rows) {
      if (state !== null && state !== this.#state && entry.type !== 'state') lines.push(state)
      this.#state = entry.type === 'state' ? entry.line : state
      lines.push({
        ...(entry.type === 'bad' ? { text: entry.text } : lineOf(entry)),
        rejected: { line, code, message },
      })
    }
    this.#append(lines)
  }

  close(): void {
    if (this.path === undefined || this.#bytes === 0) return
    const bytes = this.#bytes
    this.#append([endLine({})])
    this.#bytes = bytes
    if (this.#file !== undefined) closeSync(this.#file)
  }

  #append(lines: readonly JsonObject[]): void {
    try {
      if (this.#file === undefined) {
        this.#file = openSync(this.path as string, this.#bytes === 0 ? 'w' : 'r+')
        ftruncateSync(this.#file, this.#bytes)
      }
      const text = Buffer.from(lines.map((line) => `${jsonText(line)}\n`).join(''))
      writeSync(this.#file, text, 0, text.length, this.#bytes)
      this.#bytes += text.length
    } catch (error) {
      throw cannot('write', this.path as string, error)
    }
  }
}

/** A refused row in one line, for a terminal. */
export function inWords({ line, code, message }: RefusedRow): string {
  return `line ${line}: ${code}: ${printable(message)}`
}
