// Reads states from a daemon and writes them as lines. Page by page, so that neither side holds more than a few megabytes;
// a state that was written to meanwhile is named in the last line, as its pages are then not one moment.
import { Misuse, Problem } from '../base/problem.ts'
import type { Client } from '../client/index.ts'
import { HoldfastError } from '../client/index.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import { type Column, columnsOf, csvLine, quoted } from './csv.ts'
import type { Sink } from './files.ts'
import { endLine, headerLine, jsonText, type KeyEntry, lineOf, type RowEntry, type StateLine } from './format.ts'
import { readKeys, readPages, type StatePages } from './read-state.ts'

export interface ExportOptions {
  /** These, or those that begin with `prefix`, or all. */
  readonly states?: readonly string[] | undefined
  readonly prefix?: string | undefined
  readonly format: 'jsonl' | 'csv'
  readonly delimiter: string
  /** Whether a state that is written to meanwhile ends the export. */
  readonly oneMoment: boolean
  /** Told how many rows were written. */
  readonly onRows: (rows: number) => void
  readonly signal: AbortSignal
}

export interface ExportReport {
  readonly states: number
  readonly records: number
  readonly keys: number
  readonly instances: number
  readonly bytes: number
  readonly changed_while_read: readonly string[]
}

/** A line is written with others, once there is so much of them. */
const bufferBytes = 64 * 1024
/** Items of one list are spread over lines of about so many bytes, as a value may have a megabyte. */
const listLineBytes = 256 * 1024

export class Exporter {
  readonly #client: Client
  readonly #sink: Sink
  readonly #options: ExportOptions
  readonly #counts = { states: 0, records: 0, keys: 0, instances: 0 }
  readonly #changed: string[] = []
  #text = ''

  constructor(client: Client, sink: Sink, options: ExportOptions) {
    this.#client = client
    this.#sink = sink
    this.#options = options
  }

  async run(): Promise<ExportReport> {
    if (this.#options.format === 'csv') await this.#exportCsv()
    else await this.#exportAll()
    await this.#flush()
    await this.#sink.finish()
    return { ...this.#counts, bytes: this.#sink.bytes, changed_while_read: this.#changed }
  }

  async #exportAll(): Promise<void> {
    const { states, prefix } = this.#options
    await this.#write(headerLine(this.#client.server.version))
    for (const name of states ?? (await this.#client.states({ prefix }))) await this.#exportState(name)
    const { bytes: _, ...totals } = { ...this.#counts, bytes: 0 }
    await this.#write(endLine({ ...totals, ...(this.#changed.length > 0 && { changed_while_read: this.#changed }) }))
  }

  async #exportState(name: string): Promise<void> {
    const described = await this.#describe(name)
    if (described === undefined) return
    const { line, version } = described
    await this.#write(line)
    this.#counts.states += 1
    const changed = await this.#readAll(line, version, (rows) => this.#writeRows(rows))
    if (changed) this.#noticeChange(name)
  }

  /** The line of a state; undefined for one of a list that has gone since. */
  async #describe(name: string): Promise<{ line: StateLine; version: number } | undefined> {
    try {
      const info = await this.#client.call({ cmd: 'GET_STATE_INFO', state: name })
      const { kind, version, current_length: length, max_length, schema: fields, machine, next_id } = info
      const { definition, history_limit } = info
      const given = { state: name, kind, version, length } as unknown as StateLine
      if (kind === 'keys') return { line: given, version: version as number }
      const next = next_id === null || next_id === undefined ? {} : { next_id }
      if (kind === 'machine')
        return { line: { ...given, definition, history_limit, ...next } as StateLine, version: version as number }
      const { json_schema: schema } = await this.#client.call({ cmd: 'GET_SCHEMA', state: name })
      const shape = schema === undefined ? { fields: fields ?? null } : { schema }
      const line = {
        ...given,
        max_length: max_length ?? null,
        ...shape,
        ...(machine !== undefined && { machine }),
        ...next,
      }
      return { line, version: version as number }
    } catch (error) {
      const isGone = error instanceof HoldfastError && error.code === 'STATE_NOT_FOUND'
      if (!isGone || this.#options.states !== undefined) throw error
      return undefined
    }
  }

  /** True if the state was written to since the version. */
  async #readAll(line: StateLine, version: number, take: (rows: RowEntry[]) => Promise<void>): Promise<boolean> {
    const { signal } = this.#options
    const pages: StatePages = line.kind === 'keys' ? readKeys(this.#client, line.state) : readPages(this.#client, line)
    let changed = false
    try {
      for await (const { rows, versions } of pages) {
        signal.throwIfAborted()
        changed ||= versions.some((each) => each !== version)
        await take(rows)
        if (changed && this.#options.oneMoment) break
      }
    } catch (error) {
      // Deleted, or made anew as something else, while it was read: what was written of it stays.
      const codes: readonly string[] = ['STATE_NOT_FOUND', 'WRONG_KIND']
      if (!(error instanceof HoldfastError && codes.includes(error.code))) throw error
      changed = true
    }
    return changed
  }

  async #writeRows(rows: readonly RowEntry[]): Promise<void> {
    for (const row of rows) {
      for (const part of row.type === 'key' && Array.isArray(row.value) ? partsOfList(row, row.value) : [row]) {
        await this.#write(lineOf(part))
      }
      if (row.type === 'record') this.#counts.records += 1
      else if (row.type === 'instance') this.#counts.instances += 1
      else this.#counts.keys += 1
    }
    this.#options.onRows(this.#counts.records + this.#counts.keys + this.#counts.instances)
  }

  async #exportCsv(): Promise<void> {
    const [name = ''] = this.#options.states ?? []
    const described = await this.#describe(name)
    const { line, version } = described as { line: StateLine; version: number }
    if (line.kind !== 'table') {
      throw new Misuse(`'${name}' is of kind '${line.kind}', and CSV holds a table.`, 'Leave --format csv out.')
    }
    const { delimiter } = this.#options
    const columns = csvColumns(line)
    await this.#writeText(`${columns.map(({ field }) => quoted(field, delimiter)).join(delimiter)}\n`)
    this.#counts.states += 1
    const changed = await this.#readAll(line, version, async (rows) => {
      for (const row of rows) {
        if (row.type === 'record') await this.#writeText(csvLine(row.data, columns, delimiter))
      }
      this.#counts.records += rows.length
      this.#options.onRows(this.#counts.records)
    })
    if (changed) this.#noticeChange(name)
  }

  #noticeChange(name: string): void {
    if (this.#options.oneMoment) {
      throw new Problem(
        `'${name}' was written to while it was read, so that what was read is not one moment.`,
        'Try again when less is written, or leave --one-moment out.',
      )
    }
    this.#changed.push(name)
  }

  #write(line: JsonObject): Promise<void> | void {
    return this.#writeText(`${jsonText(line)}\n`)
  }

  #writeText(text: string): Promise<void> | void {
    this.#text += text
    if (this.#text.length >= bufferBytes) return this.#flush()
  }

  async #flush(): Promise<void> {
    const text = this.#text
    this.#text = ''
    if (text !== '') await this.#sink.write(text)
  }
}

/** The id comes first, as people expect it. */
function csvColumns({ fields, schema, machine }: StateLine): Column[] {
  const bound = (machine as JsonObject | undefined)?.field as string | undefined
  const named =
    schema === undefined
      ? (fields ?? ['id', bound ?? []].flat())
      : Object.keys((schema as { properties?: object }).properties ?? {})
  const others = (named as string[]).filter((field) => field !== 'id')
  return columnsOf(['id', ...others], schema)
}

/** A list whose items are many bytes, as the key with the first items and lines with the others. */
function* partsOfList(entry: KeyEntry, list: readonly JsonValue[]): Generator<RowEntry, void, void> {
  let from = 0
  let items: JsonValue[] = []
  let bytes = 0
  const part = (more: boolean): RowEntry =>
    from === 0 ? { ...entry, value: items, ...(more && { more }) } : { type: 'items', key: entry.key, from, items }
  for (const item of list) {
    const size = JSON.stringify(item).length
    if (bytes > 0 && bytes + size > listLineBytes) {
      yield part(true)
      from += items.length
      items = []
      bytes = 0
    }
    items.push(item)
    bytes += size
  }
  yield part(false)
}
